// reperf versions: the series.
#include <memory>

#include "core/versions/series.h"
#include "tools/command.h"

#include <fmt/format.h>

namespace reperf::tools {

void add_versions(CLI::App& app, Outcome& outcome) {
  CLI::App* cmd = app.add_subcommand("versions", "List the versions of the core.");
  cmd->footer("Each version is one patch on top of the ones before it. '-': not there yet.");
  cmd->callback([&outcome] {
    for (const core::VersionInfo& v : core::series()) {
      write_stdout(fmt::format("{:>2} {} {:<22}{}\n", v.number, v.make != nullptr ? ' ' : '-',
                               v.name, v.summary));
      if (!v.rules.empty()) write_stdout(fmt::format("{:<27}changes {}\n", "", v.rules));
      if (!v.incomplete.empty()) write_stdout(fmt::format("{:<27}without {}\n", "", v.incomplete));
    }
    write_stdout("parts of context-time:");
    for (const core::VersionInfo& v : core::variants()) write_stdout(fmt::format(" {}", v.name));
    write_stdout("\n");
    outcome.exit_code = kExitFine;
  });
}

}  // namespace reperf::tools
