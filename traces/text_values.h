// Single values of the text form: numbers, names, sets of bits.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "traces/text_names.h"

namespace reperf::log {

template <std::integral T>
void put_number(std::string& out, T value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}
void put_hex(std::string& out, std::uint64_t value);
// "inherit|0x4000000000": the names in the order of the table, then what has none; "0" for 0.
void put_bits(std::string& out, std::uint64_t value, Names names);

// The functions below return what is wrong, without the value itself; empty: nothing.

// Decimal or 0x..., '_' between digits. Only T's range.
std::string parse_unsigned(std::string_view text, std::uint64_t max, std::uint64_t& out);
std::string parse_signed(std::string_view text, std::int64_t min, std::int64_t max,
                         std::int64_t& out);

template <std::integral T>
std::string parse_number(std::string_view text, T& out) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_signed_v<T>) {
    std::int64_t value = 0;
    std::string what = parse_signed(text, Limits::min(), Limits::max(), value);
    if (what.empty()) out = static_cast<T>(value);
    return what;
  } else {
    std::uint64_t value = 0;
    std::string what = parse_unsigned(text, Limits::max(), value);
    if (what.empty()) out = static_cast<T>(value);
    return what;
  }
}

// A name or a number.
std::string parse_name(std::string_view text, Names names, std::uint64_t max, std::uint64_t& out);
// Names and numbers joined with '|'.
std::string parse_bits(std::string_view text, Names names, std::uint64_t max, std::uint64_t& out);
// Nanoseconds, or a number with ns, us, ms or s, which may have a fraction.
std::string parse_time(std::string_view text, std::uint64_t& out);
std::string parse_hex_bytes(std::string_view digits, std::byte* out);

}  // namespace reperf::log
