// One line of a transcript, explained: on which path it lies, which rule it follows, and what the
// objects that it names looked like at that moment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/fact.h"
#include "replayer/session.h"
#include "traces/record.h"

namespace reperf::replay {

// Add it to the session before the transcript, both as observer and as listener, and hand it the
// transcript's lines: a line is printed while its fact, record or result is the latest.
class Explain : public core::Observer, public Listener {
 public:
  // `line` counts from 1.
  Explain(Session& session, std::uint64_t line) : session_(session), wanted_(line) {}

  void on_fact(const core::Fact& fact, const core::World& world) override;
  void on_record(const log::Record& record) override;
  void on_result(const Call& call) override;
  // A line of the transcript, with its newline.
  void take(std::string_view line);

  [[nodiscard]] std::uint64_t lines() const { return lines_; }  // so far
  // Empty as long as the line has not come.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void tell_place();
  void tell_path(const core::Fact& fact);
  void tell_rule(core::Rule rule);
  void tell_objects();

  Session& session_;
  std::uint64_t wanted_;
  std::uint64_t lines_ = 0;
  std::string text_;
  // What the next line comes from: at most one is set. They live as long as the callback.
  const core::Fact* fact_ = nullptr;
  const log::Record* record_ = nullptr;
  const Call* call_ = nullptr;
  // The record under way.
  std::uint64_t record_number_ = 0;
  std::string record_what_;
};

}  // namespace reperf::replay
