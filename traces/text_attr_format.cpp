#include <algorithm>
#include <cstring>

#include "traces/text.h"
#include "traces/text_attr.h"
#include "traces/text_values.h"

namespace reperf::log {
namespace {

constexpr AttrField kFields[] = {
    {"type", 0, 4, AttrStyle::type},
    {"config", 8, 8, AttrStyle::config},
    {"size", 4, 4, AttrStyle::size},
    {"sample_period", 16, 8, AttrStyle::number, nullptr, AttrAlias::freq, "sample_freq"},
    {"sample_type", 24, 8, AttrStyle::bits, &kSampleTypes},
    {"read_format", 32, 8, AttrStyle::bits, &kReadFormats},
    {"flags", 40, 8, AttrStyle::flags, &kAttrFlags},
    {"wakeup_events", 48, 4, AttrStyle::number, nullptr, AttrAlias::watermark, "wakeup_watermark"},
    {"bp_type", 52, 4, AttrStyle::bits, &kBreakpointTypes},
    {"config1", 56, 8, AttrStyle::hex, nullptr, AttrAlias::breakpoint, "bp_addr"},
    {"config2", 64, 8, AttrStyle::hex, nullptr, AttrAlias::breakpoint, "bp_len"},
    {"branch_sample_type", 72, 8, AttrStyle::bits, &kBranchTypes},
    {"sample_regs_user", 80, 8, AttrStyle::hex},
    {"sample_stack_user", 88, 4},
    {"clockid", 92, 4, AttrStyle::signed_name, &kClockIds},
    {"sample_regs_intr", 96, 8, AttrStyle::hex},
    {"aux_watermark", 104, 4},
    {"sample_max_stack", 108, 2},
    {"reserved_2", 110, 2, AttrStyle::hex},
    {"aux_sample_size", 112, 4},
    {"aux_action", 116, 4, AttrStyle::bits, &kAuxActions},
    {"sig_data", 120, 8, AttrStyle::hex},
    {"config3", 128, 8, AttrStyle::hex},
};

class AttrPrinter {
 public:
  AttrPrinter(std::string& out, Bytes attr) : out_(out), attr_(attr) {}

  void print() {
    out_ += '{';
    const std::size_t covered = attr_covered(attr_.size());
    for (const AttrField& field : kFields) {
      if (field.offset + field.width <= covered) print(field);
    }
    const std::uint64_t size = covered >= 8 ? load(4, 4) : kAttrBytesDefault;
    if (attr_bytes_for(size) != attr_.size()) {
      key("bytes");
      put_number(out_, attr_.size());
    }
    print_tail(attr_.subspan(covered));
    out_ += '}';
  }

 private:
  // 0 when the attr does not reach that far.
  [[nodiscard]] std::uint64_t load(std::size_t offset, std::size_t width) const {
    std::uint64_t value = 0;
    if (offset + width <= attr_.size()) std::memcpy(&value, attr_.data() + offset, width);
    return value;
  }
  [[nodiscard]] bool aliased(AttrAlias alias) const {
    const std::uint64_t flags = load(40, 8);
    switch (alias) {
      case AttrAlias::none:
        return false;
      case AttrAlias::freq:
        return (flags & kAttrFlagFreq) != 0;
      case AttrAlias::watermark:
        return (flags & kAttrFlagWatermark) != 0;
      case AttrAlias::breakpoint:
        return load(0, 4) == kTypeBreakpoint;
    }
    return false;
  }

  void word(std::string_view text) {
    if (!empty_) out_ += ' ';
    empty_ = false;
    out_ += text;
  }
  void key(std::string_view text) {
    word(text);
    out_ += '=';
  }

  void print(const AttrField& field) {
    const std::uint64_t value = load(field.offset, field.width);
    switch (field.style) {
      case AttrStyle::type:
        key(field.key);
        put_name(kPmuTypes, value);
        return;
      case AttrStyle::config:
        print_config(value);
        return;
      case AttrStyle::size:
        key(field.key);
        put_number(out_, value);
        return;
      case AttrStyle::flags:
        print_flags(value);
        return;
      default:
        break;
    }
    if (value == 0) return;
    key(aliased(field.alias) ? field.alias_key : field.key);
    if (field.style == AttrStyle::number) {
      put_number(out_, value);
    } else if (field.style == AttrStyle::hex) {
      put_hex(out_, value);
    } else if (field.style == AttrStyle::bits) {
      put_bits(out_, value, *field.names);
    } else if (const std::string_view name = name_of(*field.names, value); !name.empty()) {
      out_ += name;
    } else {
      put_number(out_, static_cast<std::int32_t>(value));
    }
  }

  void put_name(Names names, std::uint64_t value) {
    const std::string_view name = name_of(names, value);
    if (name.empty()) {
      put_number(out_, value);
    } else {
      out_ += name;
    }
  }

  void print_config(std::uint64_t value) {
    const std::uint64_t type = load(0, 4);
    const bool named = type <= 1;
    if (value == 0 && !named) return;
    key("config");
    const std::string_view name =
        named ? name_of(type == 1 ? kSoftwareConfigs : kHardwareConfigs, value)
              : std::string_view();
    const std::string_view cache = name_of(kCaches, value & 0xff);
    const std::string_view op = name_of(kCacheOps, value >> 8 & 0xff);
    const std::string_view result = name_of(kCacheResults, value >> 16);
    if (!name.empty()) {
      out_ += name;
    } else if (type == 3 && !cache.empty() && !op.empty() && !result.empty()) {
      fmt::format_to(std::back_inserter(out_), "{}:{}:{}", cache, op, result);
    } else {
      put_hex(out_, value);
    }
  }

  void print_flags(std::uint64_t value) {
    for (const Name& flag : kAttrFlags) {
      if ((value & flag.value) != 0) word(flag.name);
      value &= ~flag.value;
    }
    const std::uint64_t precise = value >> kAttrPreciseShift & 3;
    if (precise != 0) {
      key("precise_ip");
      put_number(out_, precise);
    }
    value &= ~(3ULL << kAttrPreciseShift);
    if (value == 0) return;
    key("flags");
    put_hex(out_, value);
  }

  void print_tail(Bytes tail) {
    if (std::ranges::all_of(tail, [](std::byte b) { return b == std::byte{0}; })) return;
    key("tail");
    for (const std::byte b : tail) {
      fmt::format_to(std::back_inserter(out_), "{:02x}", static_cast<unsigned>(b));
    }
  }

  std::string& out_;
  Bytes attr_;
  bool empty_ = true;
};

}  // namespace

const std::span<const AttrField> kAttrFields = kFields;

std::size_t attr_bytes_for(std::uint64_t size) {
  constexpr std::uint64_t kVersion0 = 64;
  constexpr std::uint64_t kRecordedMax = 256;
  return static_cast<std::size_t>(size == 0 ? kVersion0 : std::min(size, kRecordedMax));
}

std::size_t attr_covered(std::size_t bytes) {
  std::size_t covered = 0;
  for (const AttrField& field : kFields) {
    const std::size_t end = field.offset + field.width;
    if (end <= bytes) covered = std::max(covered, end);
  }
  return covered;
}

void format_attr(std::string& out, Bytes attr) {
  if (attr.empty()) {
    out += "none";
    return;
  }
  AttrPrinter(out, attr).print();
}

}  // namespace reperf::log
