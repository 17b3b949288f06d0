#include "replayer/matrix.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/invariants.h"
#include "replayer/json.h"
#include "replayer/session.h"
#include "replayer/transcript.h"

namespace reperf::replay {

namespace {

constexpr std::size_t kShortFinding = 12;

// What the digest of a transcript does not hold: findings by name, and the answers of calls.
class Outcomes : public core::Observer, public Listener {
 public:
  explicit Outcomes(Session& session) : session_(session) {}

  void on_fact(const core::Fact& fact, const core::World&) override {
    if (fact.kind != core::FactKind::finding) return;
    std::string text = finding_text(fact, session_.model().engine());
    const auto known = std::find(findings.begin(), findings.end(), text);
    if (known == findings.end()) findings.push_back(std::move(text));
  }
  void on_record(const log::Record&) override { under_way = true; }
  void after_record(const log::Record&) override { under_way = false; }
  void on_result(const Call& call) override {
    add(call.tid);
    add(static_cast<std::uint64_t>(call.kind));
    add(session_.model().world().now);
    const core::CallResult& result = *call.result;
    add(result.modelled ? 1 : 0);
    add(static_cast<std::uint64_t>(result.ret));
    add(result.event ? 1 : 0);
    add(result.words.size());
    for (const std::uint64_t word : result.words) add(word);
  }

  std::vector<std::string> findings;
  std::uint64_t answers = 0xcbf29ce484222325ULL;
  bool under_way = false;  // a record has reached the model, and is not through

 private:
  void add(std::uint64_t word) {
    answers ^= word;
    answers *= 0x100000001b3ULL;
    answers ^= answers >> 29;
  }
  Session& session_;
};

std::string_view state_of(const MatrixRow& row, std::size_t i) {
  if (!row.cells[i].error.empty()) return "error";
  if (i == 0 || !row.cells[i - 1].error.empty()) return "first";
  const MatrixCell& left = row.cells[i - 1];
  if (row.cells[i].answers != left.answers) return "answers";
  return row.cells[i].digest != left.digest ? "steps" : "same";
}

// "livelock", "INV-9", "unexpected" for unexpected-event-refcount; + when there are others.
std::string short_findings(const MatrixCell& cell) {
  if (cell.findings.empty()) return {};
  const std::string& first = cell.findings.front();
  std::string out = first.substr(0, first.find(' '));
  if (out == "invariant") out = first.substr(10, first.find(' ', 10) - 10);  // which one
  if (out.size() > kShortFinding) {
    const std::size_t hyphen = out.rfind('-', kShortFinding);
    out.resize(hyphen == std::string::npos ? kShortFinding : hyphen);
  }
  if (cell.findings.size() > 1) out += '+';
  return out;
}

std::string cell_text(const MatrixRow& row, std::size_t i) {
  if (!row.unreadable.empty()) return "unreadable";
  const std::string_view state = state_of(row, i);
  if (state == "error") return std::string{state};
  const std::string found = short_findings(row.cells[i]);
  if (state == "first") return found.empty() ? std::string{'o'} : "o " + found;
  const std::string mark{state == "same" ? '.' : state == "steps" ? '~' : '*'};
  return found.empty() ? mark : mark + ' ' + found;
}

void append_padded(std::string& out, std::string_view text, std::size_t width) {
  out += text;
  out.append(width > text.size() ? width - text.size() : 0, ' ');
}

void end_line(std::string& out) {
  while (!out.empty() && out.back() == ' ') out.pop_back();
  out += '\n';
}

// "6"; of a part of that version "6-D4".
std::string column_label(const core::VersionInfo& version) {
  std::string out = std::to_string(version.number);
  for (const core::VersionInfo& v : core::series()) {
    if (v.number == version.number && version.name.starts_with(v.name)) {
      out += version.name.substr(v.name.size());
    }
  }
  return out;
}

void append_legend(std::string& out, const Matrix& matrix) {
  std::size_t label_width = 0;
  std::size_t name_width = 0;
  for (const core::VersionInfo* version : matrix.versions) {
    label_width = std::max(label_width, column_label(*version).size());
    name_width = std::max(name_width, version->name.size());
  }
  for (const core::VersionInfo* version : matrix.versions) {
    fmt::format_to(std::back_inserter(out), "{:>{}} {:<{}}  {}\n", column_label(*version),
                   label_width, version->name, name_width, version->summary);
  }
  out +=
      "\n.  the same as at the version to the left\n"
      "~  other steps or another final state, the same answers of calls\n"
      "*  other answers of calls: a program can see the difference\n"
      "o  nothing to the left to compare with\n"
      "a word beside them: a finding; error: this version cannot follow the scenario\n\n";
}

void append_table(std::string& out, const Matrix& matrix) {
  std::size_t name_width = 0;
  for (const MatrixRow& row : matrix.rows) name_width = std::max(name_width, row.file.size());
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < matrix.versions.size(); ++i) {
    widths.push_back(column_label(*matrix.versions[i]).size());
    for (const MatrixRow& row : matrix.rows) {
      if (i < row.cells.size()) widths[i] = std::max(widths[i], cell_text(row, i).size());
    }
  }
  append_padded(out, "", name_width);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    out += "  ";
    append_padded(out, column_label(*matrix.versions[i]), widths[i]);
  }
  end_line(out);
  for (const MatrixRow& row : matrix.rows) {
    append_padded(out, row.file, name_width);
    if (!row.unreadable.empty()) out += "  unreadable";
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      out += "  ";
      append_padded(out, cell_text(row, i), widths[i]);
    }
    end_line(out);
  }
}

// Equal findings of neighbouring versions are one line.
void append_findings(std::string& out, const MatrixRow& row, const Matrix& matrix) {
  std::vector<std::string> all;
  for (const MatrixCell& cell : row.cells) {
    for (const std::string& finding : cell.findings) {
      if (std::find(all.begin(), all.end(), finding) == all.end()) all.push_back(finding);
    }
  }
  for (const std::string& finding : all) {
    std::string where;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const auto& findings = row.cells[i].findings;
      if (std::find(findings.begin(), findings.end(), finding) == findings.end()) continue;
      if (!where.empty()) where += ", ";
      where += matrix.versions[i]->name;
    }
    fmt::format_to(std::back_inserter(out), "{}: {} (at {})\n", row.file, finding, where);
  }
}

}  // namespace

Result<MatrixCell> run_cell(const core::VersionInfo& version, log::Source& source,
                            const std::string& name) {
  Session session{version, source.header()};
  Digest digest;
  Outcomes outcomes{session};
  session.add_observer(&digest);
  session.add_observer(&outcomes);
  session.add_listener(&outcomes);
  core::Invariants invariants{session.model().engine(), session.model().world(),
                              version.not_judged};
  session.add_observer(&invariants);
  const Result<void> done = session.run(source, name);
  MatrixCell cell;
  if (!done.ok()) {
    if (!outcomes.under_way) return done.error();
    const Error& error = done.error();
    cell.error = error.line != 0 ? fmt::format("line {}: {}", error.line, error.what) : error.what;
    return cell;
  }
  cell.findings = std::move(outcomes.findings);
  cell.digest = digest.value(session.model().world());
  cell.answers = outcomes.answers;
  return cell;
}

std::string format_matrix(const Matrix& matrix) {
  std::string out;
  append_legend(out, matrix);
  append_table(out, matrix);
  std::string notes;
  for (const MatrixRow& row : matrix.rows) {
    append_findings(notes, row, matrix);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (row.cells[i].error.empty()) continue;
      fmt::format_to(std::back_inserter(notes), "{}: at {}: {}\n", row.file,
                     matrix.versions[i]->name, row.cells[i].error);
    }
  }
  if (!notes.empty()) out += '\n' + notes;
  return out;
}

std::string format_matrix_json(const Matrix& matrix) {
  std::string out = "{\"versions\":[";
  const auto to = std::back_inserter(out);
  for (std::size_t i = 0; i < matrix.versions.size(); ++i) {
    if (i != 0) out += ',';
    json_string(out, matrix.versions[i]->name);
  }
  out += "],\"rows\":[";
  for (const MatrixRow& row : matrix.rows) {
    if (&row != &matrix.rows.front()) out += ',';
    out += "{\"file\":";
    json_string(out, row.file);
    if (!row.unreadable.empty()) {
      out += ",\"unreadable\":";
      json_string(out, row.unreadable);
    }
    out += ",\"cells\":[";
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const MatrixCell& cell = row.cells[i];
      fmt::format_to(to, R"({}{{"version":"{}","state":"{}")", i == 0 ? "" : ",",
                     matrix.versions[i]->name, state_of(row, i));
      if (!cell.error.empty()) {
        out += ",\"error\":";
        json_string(out, cell.error);
      } else {
        fmt::format_to(to, R"(,"digest":"{:016x}","answers":"{:016x}","findings":[)", cell.digest,
                       cell.answers);
        for (const std::string& finding : cell.findings) {
          if (&finding != &cell.findings.front()) out += ',';
          json_string(out, finding);
        }
        out += ']';
      }
      out += '}';
    }
    out += "]}";
  }
  out += "]}\n";
  return out;
}

}  // namespace reperf::replay
