#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "traces/frame.h"
#include "traces/text_attr.h"
#include "traces/text_items.h"
#include "traces/text_values.h"

namespace reperf::log {
namespace {

class AttrParser {
 public:
  AttrParser(const Item& item, Arena& arena) : arena_(arena), items_("attr", item.column) {
    fault_ = items_.read(Lexer(item.value, item.column, arena));
  }

  Fault parse(Bytes& out) {
    read_length();
    for (const AttrField& field : kAttrFields) read(field);
    read_tail();
    if (Fault unknown = items_.finish()) return unknown;
    out = Bytes(bytes_, length_);
    return fault_;
  }

 private:
  void fail(const Item& item, const std::string& what) {
    if (!fault_) fault_ = {item.column, fmt::format("'{}' {}", item.value, what)};
  }
  template <class T>
  const Item* number(std::string_view key, T& out) {
    const Item* item = items_.value(key, fault_);
    if (item == nullptr) return nullptr;
    if (const std::string what = parse_number(item->value, out); !what.empty()) fail(*item, what);
    return item;
  }

  void read_length() {
    size_item_ = number("size", size_);
    std::uint32_t bytes = static_cast<std::uint32_t>(attr_bytes_for(size_));
    const Item* item = number("bytes", bytes);
    if (item != nullptr && (bytes == 0 || bytes > kBlobBytesMax)) {
      fail(*item, fmt::format("is out of range (1 to {})", kBlobBytesMax));
      bytes = 1;
    }
    length_ = bytes;
    bytes_ = reinterpret_cast<std::byte*>(arena_.allocate(length_));
    std::memset(bytes_, 0, length_);
  }

  void store(const Item& item, const AttrField& field, std::uint64_t value) {
    if (field.offset + field.width > length_) {
      if (fault_) return;
      fault_ = {item.key_column,
                fmt::format("'{}' lies outside an attr of {} bytes", item.key, length_)};
      return;
    }
    std::memcpy(bytes_ + field.offset, &value, field.width);
  }

  void read(const AttrField& field) {
    switch (field.style) {
      case AttrStyle::size:
        if (size_item_ != nullptr) {
          store(*size_item_, field, size_);
        } else if (length_ >= field.offset + field.width) {
          std::memcpy(bytes_ + field.offset, &size_, field.width);
        }
        return;
      case AttrStyle::flags:
        read_flags(field);
        return;
      default:
        break;
    }
    const Item* item = items_.value(field.key, fault_);
    if (field.alias != AttrAlias::none) {
      const Item* other = items_.value(field.alias_key, fault_);
      if (other != nullptr && item != nullptr && !fault_) {
        fault_ = {other->key_column,
                  fmt::format("'{}' and '{}' are the same field", field.key, field.alias_key)};
      }
      if (other != nullptr) item = other;
    }
    if (item == nullptr) {
      if (field.style == AttrStyle::type && length_ >= field.width) items_.missing("type", fault_);
      return;
    }
    std::uint64_t value = 0;
    const std::string what = read_value(field, item->value, value);
    if (!what.empty()) return fail(*item, what);
    if (field.style == AttrStyle::type) type_ = value;
    store(*item, field, value);
  }

  std::string read_value(const AttrField& field, std::string_view text, std::uint64_t& out) const {
    const std::uint64_t max = std::numeric_limits<std::uint64_t>::max() >> (64 - 8 * field.width);
    switch (field.style) {
      case AttrStyle::type:
        return parse_name(text, kPmuTypes, max, out);
      case AttrStyle::config:
        return read_config(text, out);
      case AttrStyle::bits:
        return parse_bits(text, *field.names, max, out);
      case AttrStyle::signed_name:
        if (const Name* name = find_name(*field.names, text)) {
          out = name->value;
          return "";
        }
        if (!text.starts_with('-')) return parse_name(text, *field.names, max, out);
        {
          std::int32_t value = 0;
          std::string what = parse_number(text, value);
          out = static_cast<std::uint32_t>(value);
          return what;
        }
      default:
        return parse_unsigned(text, max, out);
    }
  }

  std::string read_config(std::string_view text, std::uint64_t& out) const {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (type_ == 0) return parse_name(text, kHardwareConfigs, kMax, out);
    if (type_ == 1) return parse_name(text, kSoftwareConfigs, kMax, out);
    const std::size_t first = text.find(':');
    const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
    if (type_ != 3 || second == std::string_view::npos) return parse_unsigned(text, kMax, out);
    const std::string_view parts[] = {
        text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
    const Name* cache = find_name(kCaches, parts[0]);
    const Name* op = find_name(kCacheOps, parts[1]);
    const Name* result = find_name(kCacheResults, parts[2]);
    if (cache == nullptr) return "has an unknown cache" + suggestion(kCaches, parts[0]);
    if (op == nullptr) return "has an unknown operation" + suggestion(kCacheOps, parts[1]);
    if (result == nullptr) return "has an unknown result" + suggestion(kCacheResults, parts[2]);
    out = cache->value | op->value << 8 | result->value << 16;
    return "";
  }

  void read_flags(const AttrField& field) {
    std::uint64_t value = 0;
    const Item* last = nullptr;
    for (const Name& flag : kAttrFlags) {
      const Item* item = items_.flag(flag.name, fault_);
      if (item == nullptr) continue;
      value |= flag.value;
      last = item;
    }
    std::uint64_t precise = 0;
    if (const Item* item = number("precise_ip", precise)) {
      if (precise > 3) fail(*item, "is out of range (0 to 3)");
      value |= precise << kAttrPreciseShift;
      last = item;
    }
    std::uint64_t more = 0;
    if (const Item* item = number("flags", more)) last = item;
    value |= more;
    // A name that says so already sets the bit; an attr too short for it keeps the field alone.
    if (items_.has("sample_freq")) value |= kAttrFlagFreq;
    if (items_.has("wakeup_watermark")) value |= kAttrFlagWatermark;
    if (last != nullptr) return store(*last, field, value);
    if (field.offset + field.width > length_) return;
    std::memcpy(bytes_ + field.offset, &value, field.width);
  }

  void read_tail() {
    const Item* item = items_.value("tail", fault_);
    if (item == nullptr) return;
    const std::size_t covered = attr_covered(length_);
    if (item->value.size() != 2 * (length_ - covered)) {
      return fail(*item, fmt::format("is not {} bytes, from {} to {}", length_ - covered, covered,
                                     length_));
    }
    if (const std::string what = parse_hex_bytes(item->value, bytes_ + covered); !what.empty()) {
      fail(*item, what);
    }
  }

  Arena& arena_;
  Items items_;
  Fault fault_;
  const Item* size_item_ = nullptr;
  std::uint32_t size_ = kAttrBytesDefault;
  std::size_t length_ = 0;
  std::byte* bytes_ = nullptr;
  std::uint64_t type_ = 0;
};

}  // namespace

Fault parse_attr(const Item& item, Arena& arena, Bytes& out) {
  if (item.form == ValueForm::bare && item.value == "none") {
    out = {};
    return {};
  }
  if (item.form != ValueForm::braces) {
    return {item.column, "an attr is {type=... ...}, or none"};
  }
  return AttrParser(item, arena).parse(out);
}

}  // namespace reperf::log
