// reperf dis: a log as text.
#include "tools/command.h"
#include "traces/log_file.h"
#include "traces/source.h"
#include "traces/text.h"

#include <fmt/format.h>

namespace reperf::tools {
namespace {

struct Options {
  std::string input;
  std::string output = "-";
  bool salvage = false;
};

// Text goes out in pieces of about this size.
constexpr std::size_t kPieceBytes = 64U << 10;

// stdout, or a file that appears under its name when all is well.
class TextOutput {
 public:
  static Result<std::unique_ptr<TextOutput>> open(const std::string& path) {
    auto out = std::unique_ptr<TextOutput>(new TextOutput);
    if (path == "-") return out;
    auto file = log::LogFile::create(path);
    if (!file.ok()) return file.take_error();
    out->file_ = std::move(*file);
    return out;
  }
  std::string& text() { return text_; }
  Result<void> flush(std::size_t from_bytes = 0) {
    if (text_.size() < from_bytes) return {};
    Result<void> written;
    if (file_) {
      written = file_->append(std::as_bytes(std::span(text_)));
    } else {
      write_stdout(text_);
    }
    text_.clear();
    return written;
  }
  Result<void> finish() {
    REPERF_TRY(flush());
    return file_ ? file_->finish() : Result<void>();
  }
  // What there is stays on stdout; of a file nothing stays.
  void abandon() {
    if (!file_) {
      (void)flush().ok();
    } else {
      file_->discard();
    }
  }

 private:
  TextOutput() = default;
  std::unique_ptr<log::LogFile> file_;
  std::string text_;
};

Result<void> print(log::Source& from, TextOutput& to) {
  to.text() = log::format_header(from.header());
  log::Record record;
  while (true) {
    const Result<bool> more = from.next(record);
    if (!more.ok()) return more.error();
    if (!*more) return to.finish();
    log::format_record(to.text(), record);
    REPERF_TRY(to.flush(kPieceBytes));
  }
}

// What the text cannot show: one line each on stderr.
void warn(const log::Reader& reader, const std::string& input) {
  for (const log::Damage& damage : reader.damage()) {
    fmt::print(stderr, "reperf: {}: offset {}: {}; {} bytes skipped", input, damage.offset,
               damage.what, damage.bytes);
    if (damage.missing != 0) {
      fmt::print(stderr, "; records {} to {} are missing", damage.first_missing,
                 damage.first_missing + damage.missing - 1);
    }
    fmt::print(stderr, "\n");
  }
  if (reader.unknown_records() != 0) {
    fmt::print(stderr, "reperf: {}: {} records of kinds that this program does not know\n", input,
               reader.unknown_records());
  }
  if (!reader.complete()) {
    fmt::print(stderr, "reperf: {}: no index: the log was not finished\n", input);
  }
}

int run(const Options& options) {
  log::ReaderOptions reader_options;
  reader_options.salvage = options.salvage;
  std::vector<Error> errors;
  auto source = log::open_source(options.input, reader_options, errors);
  if (!source.ok()) return fail(errors);
  auto output = TextOutput::open(options.output);
  if (!output.ok()) return fail(output.error());
  const Result<void> printed = print(**source, **output);
  if (!printed.ok()) {
    (*output)->abandon();
    return fail(printed.error());
  }
  if (const log::Reader* reader = (*source)->reader()) warn(*reader, options.input);
  return kExitFine;
}

}  // namespace

void add_dis(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("dis", "Print a log as text");
  command->add_option("input", options->input, "log (.rplog), - for stdin")->required();
  command->add_option("-o,--output", options->output, "file to write, - for stdout (default)");
  command->add_flag("--salvage", options->salvage, "read past damage, and say what is missing");
  command->callback([options, &outcome] { outcome.exit_code = run(*options); });
}

}  // namespace reperf::tools
