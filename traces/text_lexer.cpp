#include "traces/text_lexer.h"

#include <fmt/format.h>

#include <algorithm>

namespace reperf::log {
namespace {

constexpr std::size_t kBlockBytes = 64U << 10;

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the well-formed UTF-8 sequence of more than one byte that `text` begins with; 0: none.
// Overlong forms and surrogates count as well-formed: only "can a terminal show it" matters, and
// they are printed byte for byte.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead >= 0xf0 && lead < 0xf8   ? 4
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void put_quoted_byte(std::string& out, char c) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c >= 0x20 && c < 0x7f) {
    out += c;
  } else {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

char* Arena::allocate(std::size_t bytes) {
  if (bytes > left_) {
    left_ = std::max(bytes, kBlockBytes);
    blocks_.push_back(std::make_unique<char[]>(left_));
    free_ = blocks_.back().get();
  }
  char* out = free_;
  free_ += bytes;
  left_ -= bytes;
  return out;
}

bool is_bare(std::string_view text) {
  constexpr std::string_view kPlain = "_-+.,:;/@%~^*()[]<>!?$&|'";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_alnum(c) || kPlain.find(c) != std::string_view::npos;
  });
}

void put_string(std::string& out, std::string_view text) {
  if (is_bare(text)) {
    out += text;
    return;
  }
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) put_quoted_byte(out, text[0]);
    out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

bool Lexer::at_end() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ == text_.size() || text_[at_] == '#';
}

std::string_view Lexer::word(std::uint32_t& column_out) {
  const bool end = at_end();
  column_out = column();
  if (end) return {};
  const std::size_t from = at_;
  while (at_ < text_.size() && !is_space(text_[at_])) ++at_;
  return text_.substr(from, at_ - from);
}

std::string_view Lexer::bare(bool key) {
  const std::size_t from = at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (is_space(c) || c == '"' || c == '{' || c == '}' || (key && c == '=')) break;
    ++at_;
  }
  return text_.substr(from, at_ - from);
}

Fault Lexer::escape(char*& to) {
  const std::uint32_t start = column();
  const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  at_ += 2;
  switch (c) {
    case '"':
    case '\\':
      *to++ = c;
      return {};
    case 'n':
      *to++ = '\n';
      return {};
    case 't':
      *to++ = '\t';
      return {};
    case 'r':
      *to++ = '\r';
      return {};
    case 'x': {
      const int high = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
      const int low = at_ + 1 < text_.size() ? hex_digit(text_[at_ + 1]) : -1;
      if (high < 0 || low < 0) return {start, "\\x needs two hexadecimal digits"};
      *to++ = static_cast<char>(high * 16 + low);
      at_ += 2;
      return {};
    }
    default:
      return {start, "unknown escape; known: \\\" \\\\ \\n \\t \\r \\xHH"};
  }
}

Fault Lexer::quoted(std::string_view& out) {
  const std::uint32_t start = column();
  ++at_;
  std::size_t end = at_;
  while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
  if (end >= text_.size()) return {start, "a string without its closing quote"};
  // Unescaping never makes a string longer.
  char* const from = arena_.allocate(end - at_);
  char* to = from;
  while (at_ < end) {
    if (text_[at_] != '\\') {
      *to++ = text_[at_++];
    } else if (Fault fault = escape(to)) {
      return fault;
    }
  }
  at_ = end + 1;
  out = {from, static_cast<std::size_t>(to - from)};
  return {};
}

Fault Lexer::braces(Item& out) {
  const std::uint32_t start = column();
  ++at_;
  out.column = column();
  const std::size_t from = at_;
  bool in_string = false;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (in_string && c == '\\') {
      ++at_;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && c == '{') {
      return {column(), "braces do not nest"};
    } else if (!in_string && c == '}') {
      out.value = text_.substr(from, at_ - from);
      ++at_;
      return {};
    }
  }
  return {start, "'{' without its '}'"};
}

Fault Lexer::value(Item& out) {
  out.column = column();
  const char c = at_ < text_.size() ? text_[at_] : ' ';
  if (c == '"') {
    out.form = ValueForm::quoted;
    return quoted(out.value);
  }
  if (c == '{') {
    out.form = ValueForm::braces;
    return braces(out);
  }
  out.form = ValueForm::bare;
  out.value = bare(false);
  if (out.value.empty()) {
    return {out.column, fmt::format("'{}=' without a value", out.key)};
  }
  return {};
}

Fault Lexer::item(Item& out) {
  out = {};
  out.key_column = column();
  if (text_[at_] == '"') {
    if (Fault fault = quoted(out.key)) return fault;
  } else {
    out.key = bare(true);
    if (out.key.empty()) {
      return {column(), fmt::format("unexpected '{}' where a key should be", text_[at_])};
    }
  }
  if (at_ < text_.size() && text_[at_] == '=') {
    ++at_;
    if (Fault fault = value(out)) return fault;
  }
  if (at_ < text_.size() && !is_space(text_[at_])) {
    return {column(), fmt::format("unexpected '{}' after '{}'", text_[at_], out.key)};
  }
  return {};
}

Fault Lexer::items(std::vector<Item>& out) {
  out.clear();
  while (!at_end()) {
    if (Fault fault = item(out.emplace_back())) return fault;
  }
  return {};
}

}  // namespace reperf::log
