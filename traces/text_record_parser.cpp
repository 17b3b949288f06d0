#include "traces/text_record_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "traces/text_attr.h"
#include "traces/text_fields.h"
#include "traces/text_values.h"

namespace reperf::log {
namespace {

class RecordParser {
 public:
  static constexpr bool kPrints = false;

  RecordParser(Items& items, Arena& arena) : items_(items), arena_(arena) {}

  Fault finish() {
    if (Fault unknown = items_.finish()) return unknown;
    return std::move(fault_);
  }

  template <std::integral T>
  void number(std::string_view key, T& value) {
    if (const Item* item = required(key)) check(*item, parse_number(item->value, value));
  }
  template <std::integral T, std::integral D>
  void number(std::string_view key, T& value, D omitted) {
    value = static_cast<T>(omitted);
    if (const Item* item = optional(key)) check(*item, parse_number(item->value, value));
  }
  template <std::integral T, std::integral D>
  void shown(std::string_view key, T& value, D omitted) {
    number(key, value, omitted);
  }

  void flag(std::string_view key, bool& value, bool when_there) {
    value = items_.flag(key, fault_) != nullptr ? when_there : !when_there;
  }

  template <class E>
  requires std::is_enum_v<E>
  void name(std::string_view key, E& value, Names names) {
    if (const Item* item = required(key)) read_name(*item, value, names);
  }
  template <class E>
  requires std::is_enum_v<E>
  void name(std::string_view key, E& value, Names names, E omitted) {
    value = omitted;
    if (const Item* item = optional(key)) read_name(*item, value, names);
  }

  void text(std::string_view key, std::string_view& value) {
    if (const Item* item = required(key)) value = keep(item->value);
  }
  void text(std::string_view key, std::string_view& value, std::string_view omitted) {
    const Item* item = optional(key);
    value = item == nullptr ? omitted : keep(item->value);
  }

  void bits(std::string_view key, std::uint64_t& value, Names names) {
    value = 0;
    if (const Item* item = optional(key)) {
      check(*item, parse_bits(item->value, names, kMax, value));
    }
  }

  void ret(std::string_view key, std::int64_t& value) {
    const Item* item = required(key);
    if (item == nullptr) return;
    const std::string_view text = item->value;
    const bool named = text.size() > 1 && text[0] == '-' && text[1] >= 'A' && text[1] <= 'Z';
    if (!named) return check(*item, parse_number(text, value));
    const Name* name = find_name(kErrnos, text.substr(1));
    if (name == nullptr) return check(*item, unknown(kErrnos, text.substr(1)));
    value = -static_cast<std::int64_t>(name->value);
  }

  void ioctl(std::string_view key, std::uint32_t& value) {
    const Item* item = required(key);
    if (item == nullptr) return;
    std::uint64_t number = 0;
    check(*item,
          parse_name(item->value, kIoctls, std::numeric_limits<std::uint32_t>::max(), number));
    value = static_cast<std::uint32_t>(number);
  }

  void task_state(std::string_view key, std::uint16_t& state, bool& preempt) {
    state = 0;
    preempt = false;
    const Item* item = optional(key);
    if (item == nullptr) return;
    std::string_view text = item->value;
    preempt = text.ends_with('+');
    if (preempt) text.remove_suffix(1);
    if (text == "R") return;
    std::uint64_t bits = 0;
    check(*item, parse_bits(text, kTaskStates, std::numeric_limits<std::uint16_t>::max(), bits));
    state = static_cast<std::uint16_t>(bits);
  }

  void event_state(std::string_view key, std::int8_t& state) {
    const Item* item = required(key);
    if (item == nullptr) return;
    const char first = item->value.empty() ? '\0' : item->value[0];
    if (first < 'A' || first > 'z') return check(*item, parse_number(item->value, state));
    std::uint64_t value = 0;
    check(*item, parse_name(item->value, kEventStates, 0xff, value));
    state = static_cast<std::int8_t>(value);
  }

  void capabilities(std::string_view key, std::uint64_t& value, std::uint64_t omitted) {
    value = omitted;
    const Item* item = optional(key);
    if (item == nullptr) return;
    if (item->value == "all") {
      value = kCapabilitiesAll;
    } else if (item->value == "none") {
      value = 0;
    } else {
      check(*item, parse_bits(item->value, kCapabilities, kMax, value));
    }
  }

  [[nodiscard]] static bool missing(Bytes attr) { return attr.empty(); }
  void attr(std::string_view key, Bytes& value) {
    if (const Item* item = required(key)) read_attr(*item, value);
  }
  void attr(std::string_view key, Bytes& value, Bytes omitted) {
    value = omitted;
    if (const Item* item = optional(key)) read_attr(*item, value);
  }

  void data(std::string_view key, Bytes& value) {
    value = {};
    const Item* item = optional(key);
    if (item == nullptr) return;
    std::string_view text = item->value;
    if (text.starts_with("hex:")) {
      text.remove_prefix(4);
      auto* to = reinterpret_cast<std::byte*>(arena_.allocate(text.size() / 2));
      value = Bytes(to, text.size() / 2);
      return check(*item, parse_hex_bytes(text, to));
    }
    const auto count = static_cast<std::size_t>(std::ranges::count(text, ',')) + 1;
    char* const to = arena_.allocate(count * 8);
    value = Bytes(reinterpret_cast<std::byte*>(to), count * 8);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view part = text.substr(0, text.find(','));
      text.remove_prefix(std::min(part.size() + 1, text.size()));
      std::uint64_t number = 0;
      if (const std::string what = parse_number(part, number); !what.empty()) {
        return check(*item, fmt::format("has '{}', which {}", part, what));
      }
      std::memcpy(to + i * 8, &number, 8);
    }
  }

 private:
  static constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

  const Item* optional(std::string_view key) {
    const Item* item = items_.value(key, fault_);
    if (item == nullptr || item->form != ValueForm::braces || key.ends_with("attr")) return item;
    if (!fault_) fault_ = {item->column, fmt::format("'{}' is no attr", key)};
    return nullptr;
  }
  const Item* required(std::string_view key) {
    const Item* item = optional(key);
    if (item == nullptr) items_.missing(key, fault_);
    return item;
  }

  void check(const Item& item, const std::string& what) {
    if (!what.empty() && !fault_) fault_ = {item.column, fmt::format("'{}' {}", item.value, what)};
  }
  static std::string unknown(Names names, std::string_view wrong) {
    return "is not known" + suggestion(names, wrong);
  }

  template <class E>
  void read_name(const Item& item, E& value, Names names) {
    const Name* name = find_name(names, item.value);
    if (name == nullptr) return check(item, unknown(names, item.value));
    value = static_cast<E>(name->value);
  }

  void read_attr(const Item& item, Bytes& value) {
    Fault fault = parse_attr(item, arena_, value);
    if (fault && !fault_) fault_ = std::move(fault);
  }

  // Bare values point into the text, which need not outlive the parser.
  std::string_view keep(std::string_view text) {
    char* const to = arena_.allocate(text.size());
    std::ranges::copy(text, to);
    return {to, text.size()};
  }

  Items& items_;
  Arena& arena_;
  Fault fault_;
};

// The alternative of Payload with this place, value-initialised.
template <std::size_t I = 0>
void emplace_kind(Kind kind, Payload& out) {
  if constexpr (I < std::variant_size_v<Payload>) {
    Record probe;
    probe.payload.emplace<I>();
    if (probe.kind() != kind) return emplace_kind<I + 1>(kind, out);
    out = probe.payload;
  }
}

}  // namespace

Fault parse_payload(Kind kind, Items& items, Arena& arena, Payload& out) {
  emplace_kind(kind, out);
  RecordParser parser(items, arena);
  std::visit([&](auto& payload) { describe(parser, payload); }, out);
  return parser.finish();
}

}  // namespace reperf::log
