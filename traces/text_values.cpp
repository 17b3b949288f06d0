#include "traces/text_values.h"

#include <algorithm>
#include <limits>

namespace reperf::log {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Removes '_' between digits. False: one stands elsewhere.
bool join_digits(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i - 1] == '_') {
      return false;
    }
  }
  return true;
}

}  // namespace

void put_hex(std::string& out, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), "{:#x}", value);
}

void put_bits(std::string& out, std::uint64_t value, Names names) {
  if (value == 0) {
    out += '0';
    return;
  }
  bool first = true;
  for (const Name& name : names) {
    if ((value & name.value) == 0) continue;
    if (!first) out += '|';
    first = false;
    out += name.name;
    value &= ~name.value;
  }
  if (value == 0) return;
  if (!first) out += '|';
  put_hex(out, value);
}

std::string parse_unsigned(std::string_view text, std::uint64_t max, std::uint64_t& out) {
  std::string digits;
  const bool hex = text.starts_with("0x");
  if (!join_digits(hex ? text.substr(2) : text, digits)) return "is not a number";
  const char* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, out, hex ? 16 : 10);
  if (error == std::errc::invalid_argument || at != end) return "is not a number";
  if (error != std::errc() || out > max) return fmt::format("is out of range (0 to {})", max);
  return "";
}

std::string parse_signed(std::string_view text, std::int64_t min, std::int64_t max,
                         std::int64_t& out) {
  const bool negative = text.starts_with('-');
  std::uint64_t value = 0;
  const std::string what = parse_unsigned(text.substr(negative ? 1 : 0), kMax, value);
  if (what == "is not a number") return what;
  const std::uint64_t limit =
      negative ? 0 - static_cast<std::uint64_t>(min) : static_cast<std::uint64_t>(max);
  if (!what.empty() || value > limit) return fmt::format("is out of range ({} to {})", min, max);
  out = static_cast<std::int64_t>(negative ? 0 - value : value);
  return "";
}

std::string parse_name(std::string_view text, Names names, std::uint64_t max, std::uint64_t& out) {
  if (const Name* name = find_name(names, text)) {
    out = name->value;
    return "";
  }
  if (!text.empty() && is_digit(text[0])) return parse_unsigned(text, max, out);
  return "is not known" + suggestion(names, text);
}

std::string parse_bits(std::string_view text, Names names, std::uint64_t max, std::uint64_t& out) {
  out = 0;
  while (true) {
    const std::size_t bar = text.find('|');
    const std::string_view part = text.substr(0, bar);
    std::uint64_t bits = 0;
    if (std::string what = parse_name(part, names, max, bits); !what.empty()) {
      return bar == std::string_view::npos && out == 0
                 ? what
                 : fmt::format("has '{}', which {}", part, what);
    }
    out |= bits;
    if (bar == std::string_view::npos) return "";
    text.remove_prefix(bar + 1);
  }
}

std::string parse_time(std::string_view text, std::uint64_t& out) {
  struct Unit {
    std::string_view suffix;
    std::uint64_t ns;
    std::size_t places;  // decimal places that are whole nanoseconds
  };
  static constexpr Unit kUnits[] = {
      {"ns", 1, 0}, {"us", 1'000, 3}, {"ms", 1'000'000, 6}, {"s", 1'000'000'000, 9}, {"", 1, 0}};
  static constexpr const char* kWrong = "is not a time (1000, 10us, 1.5s)";
  const Unit& unit =
      *std::ranges::find_if(kUnits, [&](const Unit& u) { return text.ends_with(u.suffix); });
  text.remove_suffix(unit.suffix.size());
  const std::size_t point = text.find('.');
  std::string fraction;
  if (point != std::string_view::npos) {
    fraction = text.substr(point + 1);
    if (point == 0 || fraction.empty() || !std::ranges::all_of(fraction, is_digit)) return kWrong;
    if (fraction.size() > unit.places) return "has a fraction of a nanosecond";
  }
  std::uint64_t whole = 0;
  const std::string what = parse_unsigned(text.substr(0, point), kMax / unit.ns, whole);
  if (what == "is not a number") return kWrong;
  if (!what.empty()) return "is out of range";
  fraction.append(unit.places - fraction.size(), '0');
  std::uint64_t rest = 0;
  if (!fraction.empty()) {
    std::from_chars(fraction.data(), fraction.data() + fraction.size(), rest);
  }
  if (whole * unit.ns > kMax - rest) return "is out of range";
  out = whole * unit.ns + rest;
  return "";
}

std::string parse_hex_bytes(std::string_view digits, std::byte* out) {
  if (digits.size() % 2 != 0) return "has half a byte";
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    unsigned value = 0;
    const char* const end = digits.data() + i + 2;
    if (std::from_chars(digits.data() + i, end, value, 16).ptr != end) {
      return "is not hexadecimal";
    }
    *out++ = static_cast<std::byte>(value);
  }
  return "";
}

}  // namespace reperf::log
