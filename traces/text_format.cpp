// Records as lines of text. text_fields.h says which keys a kind has.
#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "traces/text.h"
#include "traces/text_fields.h"
#include "traces/text_lexer.h"
#include "traces/text_values.h"

namespace reperf::log {
namespace {

// More names than this in one set are harder to read than a number.
constexpr int kCapabilitiesNamed = 8;

class RecordPrinter {
 public:
  static constexpr bool kPrints = true;

  explicit RecordPrinter(std::string& out) : out_(out) {}

  template <std::integral T>
  void number(std::string_view name, T value) {
    key(name);
    put_number(out_, value);
  }
  template <std::integral T, std::integral D>
  void number(std::string_view name, T value, D omitted) {
    if (value != static_cast<T>(omitted)) number(name, value);
  }
  template <std::integral T, std::integral D>
  void shown(std::string_view name, T value, D) {
    number(name, value);
  }

  void flag(std::string_view name, bool value, bool when_there) {
    if (value != when_there) return;
    out_ += ' ';
    out_ += name;
  }

  template <class E>
  requires std::is_enum_v<E>
  void name(std::string_view name, E value, Names names) {
    key(name);
    out_ += name_of(names, static_cast<std::uint64_t>(value));
  }
  template <class E>
  requires std::is_enum_v<E>
  void name(std::string_view key, E value, Names names, E omitted) {
    if (value != omitted) name(key, value, names);
  }

  void text(std::string_view name, std::string_view value) {
    key(name);
    put_string(out_, value);
  }
  void text(std::string_view name, std::string_view value, std::string_view omitted) {
    if (value != omitted) text(name, value);
  }

  void bits(std::string_view name, std::uint64_t value, Names names) {
    if (value == 0) return;
    key(name);
    put_bits(out_, value, names);
  }

  void ret(std::string_view name, std::int64_t value) {
    key(name);
    format_errno(out_, value);
  }

  void ioctl(std::string_view name, std::uint32_t value) {
    key(name);
    const std::string_view known = name_of(kIoctls, value);
    if (known.empty()) {
      put_hex(out_, value);
    } else {
      out_ += known;
    }
  }

  void task_state(std::string_view name, std::uint16_t state, bool preempt) {
    key(name);
    if (state == 0) {
      out_ += 'R';
    } else {
      put_bits(out_, state, kTaskStates);
    }
    if (preempt) out_ += '+';
  }

  void event_state(std::string_view name, std::int8_t state) {
    const std::string_view known = name_of(kEventStates, static_cast<std::uint8_t>(state));
    if (known.empty()) return number(name, static_cast<int>(state));
    key(name);
    out_ += known;
  }

  void capabilities(std::string_view name, std::uint64_t value, std::uint64_t) {
    key(name);
    if (value == 0) {
      out_ += "none";
    } else if (value == kCapabilitiesAll) {
      out_ += "all";
    } else if (std::popcount(value) <= kCapabilitiesNamed) {
      put_bits(out_, value, kCapabilities);
    } else {
      put_hex(out_, value);
    }
  }

  [[nodiscard]] static bool missing(Bytes attr) { return attr.empty(); }
  void attr(std::string_view name, Bytes attr) {
    key(name);
    format_attr(out_, attr);
  }
  void attr(std::string_view name, Bytes value, Bytes) {
    if (!value.empty()) attr(name, value);
  }

  void data(std::string_view name, Bytes data) {
    if (data.empty()) return;
    key(name);
    if (data.size() % 8 != 0) {
      out_ += "hex:";
      for (const std::byte b : data) {
        fmt::format_to(std::back_inserter(out_), "{:02x}", static_cast<unsigned>(b));
      }
      return;
    }
    for (std::size_t at = 0; at < data.size(); at += 8) {
      std::uint64_t value = 0;
      std::memcpy(&value, data.data() + at, 8);
      if (at != 0) out_ += ',';
      put_number(out_, value);
    }
  }

 private:
  void key(std::string_view name) {
    out_ += ' ';
    out_ += name;
    out_ += '=';
  }

  std::string& out_;
};

}  // namespace

void format_errno(std::string& out, std::int64_t ret) {
  const std::string_view name =
      ret < 0 ? name_of(kErrnos, 0 - static_cast<std::uint64_t>(ret)) : std::string_view();
  if (name.empty()) return put_number(out, ret);
  out += '-';
  out += name;
}

void format_record(std::string& out, const Record& record) {
  auto to = std::back_inserter(out);
  if (record.cpu == kNoCpu) {
    fmt::format_to(to, "{:>9} [---] {:>7} ", record.time, record.tid);
  } else {
    fmt::format_to(to, "{:>9} [{:03}] {:>7} ", record.time, record.cpu, record.tid);
  }
  out += kind_name(record.kind());
  RecordPrinter printer(out);
  std::visit([&](const auto& payload) { describe(printer, payload); }, record.payload);
  out += '\n';
}

}  // namespace reperf::log
