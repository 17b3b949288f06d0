// Cuts a line of the text form into items: key, or key=value. Columns are 1-based bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reperf::log {

// Memory for unescaped strings and attrs, which records point into.
class Arena {
 public:
  explicit Arena(std::vector<std::unique_ptr<char[]>>& blocks) : blocks_(blocks) {}
  char* allocate(std::size_t bytes);

 private:
  std::vector<std::unique_ptr<char[]>>& blocks_;
  char* free_ = nullptr;
  std::size_t left_ = 0;
};

// The first thing wrong with a line.
struct Fault {
  std::uint32_t column = 0;  // 0: nothing is wrong
  std::string what;
  explicit operator bool() const { return column != 0; }
};

enum class ValueForm : std::uint8_t { none, bare, quoted, braces };

struct Item {
  std::string_view key;
  std::uint32_t key_column = 0;
  ValueForm form = ValueForm::none;
  std::string_view value;    // unescaped; of braces: what is between them
  std::uint32_t column = 0;  // of the value
  bool used = false;
};

class Lexer {
 public:
  // `column` is that of the first byte of `text`.
  Lexer(std::string_view text, std::uint32_t column, Arena& arena)
      : text_(text), base_(column), arena_(arena) {}

  // The next word up to white space; empty at the end of the line or at a comment.
  std::string_view word(std::uint32_t& column);
  // The rest of the line. Stops at the first fault.
  Fault items(std::vector<Item>& out);

 private:
  [[nodiscard]] std::uint32_t column() const { return base_ + static_cast<std::uint32_t>(at_); }
  [[nodiscard]] bool at_end();  // skips white space before it
  Fault item(Item& out);
  Fault value(Item& out);
  Fault quoted(std::string_view& out);
  Fault escape(char*& to);
  Fault braces(Item& out);
  std::string_view bare(bool key);

  std::string_view text_;
  std::uint32_t base_;
  std::size_t at_ = 0;
  Arena& arena_;
};

// Whether a string can stand without quotes.
[[nodiscard]] bool is_bare(std::string_view text);
// Appends the string, quoted when needed.
void put_string(std::string& out, std::string_view text);

}  // namespace reperf::log
