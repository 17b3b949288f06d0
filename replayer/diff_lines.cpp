#include "replayer/diff_lines.h"

#include <algorithm>

namespace reperf::replay {

namespace {

// What is left of two lists between their common beginning and their common end.
struct Middle {
  const Lines& from;
  const Lines& to;
  std::size_t begin = 0;
  std::size_t from_end = 0;
  std::size_t to_end = 0;
};

Middle middle_of(const Lines& from, const Lines& to) {
  Middle m{from, to, 0, from.size(), to.size()};
  while (m.begin < m.from_end && m.begin < m.to_end && from[m.begin] == to[m.begin]) ++m.begin;
  while (m.from_end > m.begin && m.to_end > m.begin && from[m.from_end - 1] == to[m.to_end - 1]) {
    --m.from_end;
    --m.to_end;
  }
  return m;
}

void append_middle(std::vector<DiffLine>& out, const Middle& m) {
  const std::size_t rows = m.from_end - m.begin;
  const std::size_t columns = m.to_end - m.begin;
  // length[i][j]: of the longest common subsequence of from[i..] and to[j..].
  const std::size_t width = columns + 1;
  std::vector<std::uint32_t> length((rows + 1) * width, 0);
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      length[i * width + j] =
          m.from[m.begin + i] == m.to[m.begin + j]
              ? length[(i + 1) * width + j + 1] + 1
              : std::max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && m.from[m.begin + i] == m.to[m.begin + j]) {
      out.push_back({' ', m.from[m.begin + i], 0});
      ++i;
      ++j;
    } else if (i < rows &&
               (j == columns || length[(i + 1) * width + j] >= length[i * width + j + 1])) {
      out.push_back({'-', m.from[m.begin + i], 0});
      ++i;
    } else {
      out.push_back({'+', m.to[m.begin + j], 0});
      ++j;
    }
  }
}

}  // namespace

std::vector<DiffLine> align(const Lines& from, const Lines& to, std::size_t cells_max) {
  const Middle m = middle_of(from, to);
  std::vector<DiffLine> out;
  for (std::size_t i = 0; i < m.begin; ++i) out.push_back({' ', from[i], 0});
  const std::size_t rows = m.from_end - m.begin;
  const std::size_t columns = m.to_end - m.begin;
  if (rows != 0 && columns != 0 && rows > cells_max / columns) {
    for (std::size_t i = m.begin; i < m.from_end; ++i) out.push_back({'-', from[i], 0});
    for (std::size_t i = m.begin; i < m.to_end; ++i) out.push_back({'+', to[i], 0});
  } else {
    append_middle(out, m);
  }
  for (std::size_t i = m.from_end; i < from.size(); ++i) out.push_back({' ', from[i], 0});
  return out;
}

std::vector<DiffLine> shorten(const std::vector<DiffLine>& lines, std::size_t context) {
  std::vector<bool> near(lines.size(), false);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].mark == ' ') continue;
    const std::size_t begin = i > context ? i - context : 0;
    const std::size_t end = std::min(lines.size(), i + context + 1);
    std::fill(near.begin() + static_cast<std::ptrdiff_t>(begin),
              near.begin() + static_cast<std::ptrdiff_t>(end), true);
  }
  std::vector<DiffLine> out;
  for (std::size_t i = 0; i < lines.size();) {
    std::size_t end = i;
    while (end < lines.size() && !near[end]) ++end;
    if (end - i > 1) {
      out.push_back({'.', {}, end - i});
      i = end;
    } else {  // a line that says that one is left out is no shorter than that one
      out.push_back(lines[i++]);
    }
  }
  return out;
}

}  // namespace reperf::replay
