// Golden files as text: what is read from RUN lines and what is written into CHECK lines.
#include "tools/golden_file.h"

#include <gtest/gtest.h>

namespace reperf::tools {
namespace {

using Lines = std::vector<std::string>;

TEST(GoldenFile, MarkerIsTheWholeFirstLine) {
  EXPECT_EQ(parse_golden("f", "# pinned\n").marker, Marker::pinned);
  EXPECT_EQ(parse_golden("f", "# intent\n# pinned\n").marker, Marker::intent);
  EXPECT_EQ(parse_golden("f", "# pinned by hand\n").marker, Marker::none);
  EXPECT_EQ(parse_golden("f", "\n# pinned\n").marker, Marker::none);
  EXPECT_EQ(parse_golden("f", "").marker, Marker::none);
}

TEST(GoldenFile, TextSurvivesUntouched) {
  const std::string text = "# pinned\n\n  1 [000] 7 x # comment \n";
  EXPECT_EQ(golden_text(parse_golden("f", text)), text);
}

TEST(GoldenFile, RunLinesThatPinPrepareAndJudge) {
  const GoldenFile file = parse_golden("f",
                                       "# pinned\n"
                                       "# RUN: %reperf as %s -o %t.rplog\n"
                                       "# RUN: %reperf replay %t.rplog \\\n"
                                       "# RUN:   --rules | %pinned BASE\n"
                                       "# RUN: %reperf info %s | %FileCheck %s\n");
  const auto runs = run_lines(file);
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ((*runs)[0].command, "%reperf as %s -o %t.rplog");
  EXPECT_EQ((*runs)[0].prefix, "");
  EXPECT_EQ((*runs)[1].line, 3U);
  EXPECT_EQ((*runs)[1].command, "%reperf replay %t.rplog --rules");
  EXPECT_EQ((*runs)[1].prefix, "BASE");
}

TEST(GoldenFile, RunLinesThatCannotBeRewrittenNameTheirLine) {
  for (const char* run : {"cat %s > x %pinned A", "cat | %pinned", "cat | %pinned lower",
                          "cat | %pinned RUN", "cat | %pinned A B"}) {
    const auto runs = run_lines(parse_golden("f", std::string("# pinned\n# RUN: ") + run + "\n"));
    ASSERT_FALSE(runs.ok()) << run;
    EXPECT_EQ(runs.error().line, 2U) << run;
  }
}

TEST(GoldenFile, SubstitutionTakesTheLongestName) {
  const Substitutions names = {{"%s", "S"}, {"%set", "SET"}, {"%t", "T"}};
  EXPECT_EQ(*substitute("a %set %s%t.x 5%%", names), "a SET ST.x 5%");
  const auto unknown = substitute("a %{x} b", names);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().what, "unknown substitution '%{x}'");
}

TEST(GoldenFile, EscapesWhatFileCheckWouldInterpret) {
  EXPECT_EQ(escape_check("1000 [000] {a=1} }} ]]"), "1000 [000] {a=1} }} ]]");
  EXPECT_EQ(escape_check("[[x]]"), "{{\\[\\[}}x]]");
  EXPECT_EQ(escape_check("{{x}}"), "{{[{][{]}}x}}");
  EXPECT_EQ(escape_check("a{[[b"), "a{{[{]\\[\\[}}b");
  EXPECT_EQ(escape_check("{[{["), "{[{[");
  EXPECT_EQ(escape_check("{{"), "{{[{][{]}}");
}

TEST(GoldenFile, BlockHoldsEveryLine) {
  const auto block = check_block("B", "one\n\n  two \nB\n");
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(*block, (Lines{"# B: one", "# B-EMPTY:", "# B-NEXT:   two ", "# B-NEXT: B"}));
}

TEST(GoldenFile, RefusesTranscriptsThatFileCheckCannotHold) {
  EXPECT_FALSE(check_block("B", "").ok());
  EXPECT_FALSE(check_block("B", "\nx\n").ok());
  EXPECT_FALSE(check_block("B", "x").ok());
  EXPECT_FALSE(check_block("B", "x\nsee B: y\n").ok());
}

TEST(GoldenFile, BlockStaysInItsPlace) {
  GoldenFile file =
      parse_golden("f", "# pinned\n# A: 1\n# A-NEXT: 2\n# BUG: kept\n# A-NEXT: 3\n# AB: 9\nend\n");
  const Replaced replaced = replace_block(file, "A", {"# A: 7"});
  EXPECT_TRUE(replaced.changed);
  EXPECT_EQ(replaced.lines_before, 3U);
  EXPECT_EQ(file.lines, (Lines{"# pinned", "# A: 7", "# BUG: kept", "# AB: 9", "end"}));
  EXPECT_FALSE(replace_block(file, "A", {"# A: 7"}).changed);
}

TEST(GoldenFile, NewBlockGoesToTheEnd) {
  GoldenFile file = parse_golden("f", "# pinned\nlog\n");
  replace_block(file, "A", {"# A: 1"});
  replace_block(file, "B", {"# B: 1"});
  EXPECT_EQ(file.lines, (Lines{"# pinned", "log", "", "# A: 1", "", "# B: 1"}));
}

}  // namespace
}  // namespace reperf::tools
