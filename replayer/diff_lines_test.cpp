// Lines: two lists aligned by what they have in common.
#include "replayer/diff_lines.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace reperf::replay {
namespace {

// One line a letter.
Lines lines_of(std::string_view letters) {
  Lines lines;
  for (std::size_t i = 0; i < letters.size(); ++i) lines.add(letters.substr(i, 1));
  return lines;
}

std::string shown(const std::vector<DiffLine>& lines) {
  std::string out;
  for (const DiffLine& line : lines) {
    if (!out.empty()) out += ' ';
    if (line.mark == '.') {
      out += '.';
      out += std::to_string(line.left_out);
    } else {
      if (line.mark != ' ') out += line.mark;
      out += line.text;
    }
  }
  return out;
}

std::string aligned(std::string_view from, std::string_view to, std::size_t cells = kLcsCells) {
  const Lines a = lines_of(from);
  const Lines b = lines_of(to);
  return shown(align(a, b, cells));
}

TEST(DiffLines, WhatStaysIsFoundAroundWhatChanges) {
  EXPECT_EQ(aligned("abc", "abc"), "a b c");
  EXPECT_EQ(aligned("abc", "axc"), "a -b +x c");
  EXPECT_EQ(aligned("abcd", "bd"), "-a b -c d");
  EXPECT_EQ(aligned("bd", "abcd"), "+a b +c d");
  EXPECT_EQ(aligned("ab", "ba"), "-a b +a");
  EXPECT_EQ(aligned("", "ab"), "+a +b");
  EXPECT_EQ(aligned("ab", ""), "-a -b");
  EXPECT_EQ(aligned("", ""), "");
}

TEST(DiffLines, TooManyCellsAreNotSearched) {
  EXPECT_EQ(aligned("xabcy", "xbcdy", 9), "x -a b c +d y");
  EXPECT_EQ(aligned("xabcy", "xbcdy", 8), "x -a -b -c +b +c +d y");
}

TEST(DiffLines, FarLinesAreCountedNotShown) {
  const Lines a = lines_of("abcdefgh");
  const Lines b = lines_of("abcdXfgh");
  EXPECT_EQ(shown(shorten(align(a, b), 1)), ".3 d -e +X f .2");
  EXPECT_EQ(shown(shorten(align(a, b), 3)), "a b c d -e +X f g h") << "one line is not left out";
}

// By trying all subsequences of `from`.
std::size_t longest_common(std::string_view from, std::string_view to) {
  std::size_t best = 0;
  for (std::uint32_t subset = 0; subset < (1U << from.size()); ++subset) {
    std::size_t at = 0;
    std::size_t length = 0;
    for (std::size_t i = 0; i < from.size() && at != std::string_view::npos; ++i) {
      if ((subset >> i & 1) == 0) continue;
      at = to.find(from[i], at);
      if (at == std::string_view::npos) length = 0;
      if (at != std::string_view::npos) ++at, ++length;
    }
    best = std::max(best, length);
  }
  return best;
}

TEST(DiffLines, AnAlignmentHoldsBothListsAndLosesNoCommonLine) {
  std::uint32_t state = 7;
  const auto pick = [&state](std::uint32_t n) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % n;
  };
  for (int round = 0; round < 200; ++round) {
    std::string from;
    std::string to;
    for (std::string* text : {&from, &to}) {
      for (std::uint32_t n = pick(10); n != 0; --n) *text += static_cast<char>('a' + pick(3));
    }
    const Lines a = lines_of(from);
    const Lines b = lines_of(to);
    std::string back_from;
    std::string back_to;
    std::size_t common = 0;
    for (const DiffLine& line : align(a, b)) {
      if (line.mark != '+') back_from += line.text;
      if (line.mark != '-') back_to += line.text;
      if (line.mark == ' ') ++common;
    }
    EXPECT_EQ(back_from, from);
    EXPECT_EQ(back_to, to);
    EXPECT_EQ(common, longest_common(from, to)) << from << ' ' << to;
  }
}

}  // namespace
}  // namespace reperf::replay
