// Two lists of lines, aligned: which lines stay, which go, which come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reperf::replay {

// Lines in one buffer, so that a record's worth of them costs no allocation once it has grown.
class Lines {
 public:
  void add(std::string_view line) {  // without its newline
    text_ += line;
    ends_.push_back(text_.size());
  }
  void clear() {
    text_.clear();
    ends_.clear();
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view{text_}.substr(begin, ends_[i] - begin);
  }
  friend bool operator==(const Lines&, const Lines&) = default;

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
};

// One line of a comparison. Views point into the Lines that were compared.
struct DiffLine {
  // ' ' in both, '-' only in the first, '+' only in the second, '.' stands for `left_out` lines
  // that are the same and too far from a difference.
  char mark = ' ';
  std::string_view text;
  std::size_t left_out = 0;
};

inline constexpr std::size_t kContextLines = 3;  // around a difference, as diff -u has them

// More pairs of lines than this, after what is the same at both ends was taken off, are not
// searched for a longest common subsequence: 16 MiB of table. All of them count as different then.
inline constexpr std::size_t kLcsCells = std::size_t{1} << 22;

// The longest common subsequence, all of it: ' ', '-' and '+' only. Where there is a choice, what
// goes stands before what comes.
[[nodiscard]] std::vector<DiffLine> align(const Lines& from, const Lines& to,
                                          std::size_t cells_max = kLcsCells);
// Replaces what is far from any difference by '.' lines.
[[nodiscard]] std::vector<DiffLine> shorten(const std::vector<DiffLine>& lines,
                                            std::size_t context = kContextLines);

}  // namespace reperf::replay
