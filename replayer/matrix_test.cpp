// Matrix: cells and how they are shown.
#include "replayer/matrix.h"

#include <gtest/gtest.h>

namespace reperf::replay {
namespace {

Matrix example() {
  Matrix m;
  for (const core::VersionInfo& version : core::series()) {
    if (m.versions.size() < 4) m.versions.push_back(&version);
  }
  m.rows.push_back(
      {"a.rptxt", "", {{1, 1, {}, ""}, {1, 1, {}, ""}, {2, 1, {}, ""}, {2, 2, {}, ""}}});
  m.rows.push_back({"long/b.rptxt",
                    "",
                    {{1, 1, {"livelock in read at x:y"}, ""},
                     {1, 1, {"livelock in read at x:y", "stuck"}, ""},
                     {0, 0, {}, "line 3: nothing is held"},
                     {4, 1, {"unexpected-event-refcount"}, ""}}});
  m.rows.push_back({"d.rptxt", "", {{1, 1, {"invariant INV-9 (after SCH-10)"}, ""}}});
  m.rows.push_back({"c.rplog", "no log", {}});
  return m;
}

TEST(Matrix, ColumnsAreAlignedAndCellsSayWhatChanged) {
  const std::string text = format_matrix(example());
  EXPECT_NE(text.find("              0           1            2      3\n"
                      "a.rptxt       o           .            ~      *\n"
                      "long/b.rptxt  o livelock  . livelock+  error  o unexpected\n"
                      "d.rptxt       o INV-9\n"
                      "c.rplog       unreadable\n"),
            std::string::npos)
      << text;
}

TEST(Matrix, FindingsAreNamedInFullBelow) {
  const std::string text = format_matrix(example());
  const auto says = [&text](std::string_view words) {
    return text.find(words) != std::string::npos;
  };
  EXPECT_TRUE(says("\nlong/b.rptxt: livelock in read at x:y (at base, task-ctx-sched)\n")) << text;
  EXPECT_TRUE(says("\nlong/b.rptxt: stuck (at task-ctx-sched)\n"));
  EXPECT_TRUE(says("\nlong/b.rptxt: at event-function: line 3: nothing is held\n"));
}

TEST(Matrix, JsonHasEveryCell) {
  const std::string text = format_matrix_json(example());
  EXPECT_NE(text.find(R"({"version":"task-ctx-sched","state":"same","digest":"0000000000000001",)"
                      R"("answers":"0000000000000001","findings":[]})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"({"version":"event-function","state":"error",)"
                      R"("error":"line 3: nothing is held"})"),
            std::string::npos);
  EXPECT_NE(text.find(R"({"file":"c.rplog","unreadable":"no log","cells":[]})"), std::string::npos);
}

}  // namespace
}  // namespace reperf::replay
