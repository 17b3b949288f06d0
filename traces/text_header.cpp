#include "traces/text_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "traces/text.h"
#include "traces/text_values.h"

namespace reperf::log {
namespace {

// Prints the lines of Header's single values: each with the keys that differ from the default.
class HeaderPrinter {
 public:
  explicit HeaderPrinter(std::string& out) : out_(out) {}

  void line(std::string_view word) {
    end();
    word_ = word;
  }
  void end() {
    if (begun_) out_ += '\n';
    begun_ = false;
  }
  void text(std::string_view name, const std::string& value) {
    if (value.empty()) return;
    key(name);
    put_string(out_, value);
  }
  template <std::integral T>
  void number(std::string_view name, T value, T omitted) {
    if (value == omitted) return;
    key(name);
    put_number(out_, value);
  }
  void flag(std::string_view name, bool value) {
    if (!value) return;
    begin();
    out_ += name;
  }
  template <class E>
  void name(std::string_view name, E value, Names names) {
    if (static_cast<int>(value) == 0) return;
    key(name);
    out_ += name_of(names, static_cast<std::uint64_t>(value));
  }

 private:
  void begin() {
    if (!begun_) out_ += word_;
    begun_ = true;
    out_ += ' ';
  }
  void key(std::string_view name) {
    begin();
    out_ += name;
    out_ += '=';
  }

  std::string& out_;
  std::string_view word_;
  bool begun_ = false;
};

// Reads the keys of one line: those of the other lines are passed over.
class HeaderReader {
 public:
  HeaderReader(std::string_view word, Items& items) : word_(word), items_(items) {}

  void line(std::string_view word) { active_ = word == word_; }
  void end() { active_ = false; }
  void text(std::string_view key, std::string& value) {
    if (const Item* item = take(key)) value = item->value;
  }
  template <std::integral T>
  void number(std::string_view key, T& value, T) {
    if (const Item* item = take(key)) check(*item, parse_number(item->value, value));
  }
  void flag(std::string_view key, bool& value) {
    if (active_ && items_.flag(key, fault_) != nullptr) value = true;
  }
  template <class E>
  void name(std::string_view key, E& value, Names names) {
    const Item* item = take(key);
    if (item == nullptr) return;
    const Name* found = find_name(names, item->value);
    if (found == nullptr) return check(*item, "is not known" + suggestion(names, item->value));
    value = static_cast<E>(found->value);
  }
  Fault finish() {
    if (Fault unknown = items_.finish()) return unknown;
    return std::move(fault_);
  }

 private:
  const Item* take(std::string_view key) { return active_ ? items_.value(key, fault_) : nullptr; }
  void check(const Item& item, const std::string& what) {
    if (!what.empty() && !fault_) fault_ = {item.column, fmt::format("'{}' {}", item.value, what)};
  }

  std::string_view word_;
  Items& items_;
  Fault fault_;
  bool active_ = false;
};

// The single values, once for printing and parsing.
template <class V, class H>
void describe_header(V& v, H& h) {
  v.line("log");
  v.name("origin", h.origin, kOrigins);
  v.name("scope", h.scope, kScopes);
  v.flag("all_switches", h.all_switches);
  v.text("recorder", h.recorder);
  v.text("tier", h.tier);
  v.text("command", h.command);
  v.number("clock_base", h.clock_base, Ns{0});
  v.number("realtime_base", h.realtime_base, Ns{0});
  v.line("machine");
  v.text("release", h.release);
  v.text("version", h.version);
  v.text("arch", h.machine);
  v.number("cpus", h.cpus, 0U);
  v.number("hz", h.hz, 0U);
  v.number("attr_size", h.attr_size, 0U);
  v.number("state_exit", h.state_exit, Header().state_exit);
  v.number("state_dead", h.state_dead, Header().state_dead);
  v.end();
}

// CONFIG:MASK[,CONFIG:MASK...]
std::string parse_constraints(std::string_view text, std::vector<PmuConstraint>& out) {
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) return std::string{"is not CONFIG:MASK"};
    PmuConstraint& made = out.emplace_back();
    for (auto [word, to] : {std::pair{part.substr(0, colon), &made.config},
                            std::pair{part.substr(colon + 1), &made.counters}}) {
      if (std::string what = parse_number(word, *to); !what.empty()) return what;
    }
    if (part.size() == text.size()) return {};
    text.remove_prefix(part.size() + 1);
  }
}

Fault parse_pmu(Items& items, Header& header) {
  Fault fault;
  Pmu pmu;
  const Item* name = items.value("name", fault);
  const Item* type = items.value("type", fault);
  const Item* counters = items.value("counters", fault);
  const Item* interval = items.value("mux_interval_ms", fault);
  const Item* constraints = items.value("constraints", fault);
  if (name == nullptr) items.missing("name", fault);
  if (type == nullptr) items.missing("type", fault);
  if (Fault unknown = items.finish()) return unknown;
  if (fault) return fault;
  pmu.name = name->value;
  const auto number = [&fault](const Item* item, std::uint32_t& value) {
    if (item == nullptr || fault) return;
    const std::string what = parse_number(item->value, value);
    if (!what.empty()) fault = {item->column, fmt::format("'{}' {}", item->value, what)};
  };
  number(type, pmu.type);
  number(counters, pmu.counters);
  number(interval, pmu.mux_interval_ms);
  if (constraints != nullptr && !fault) {
    const std::string what = parse_constraints(constraints->value, pmu.constraints);
    if (!what.empty()) {
      fault = {constraints->column, fmt::format("'{}' {}", constraints->value, what)};
    }
  }
  if (fault) return fault;
  header.pmus.push_back(std::move(pmu));
  return {};
}

// Keys are free here: they are the names of sysctls.
Fault parse_sysctls(Items& items, Header& header) {
  for (const Item& item : items.all()) {
    Sysctl sysctl{std::string(item.key), 0};
    if (item.form == ValueForm::none) {
      return {item.key_column, fmt::format("'{}' needs a value", item.key)};
    }
    if (const std::string what = parse_number(item.value, sysctl.value); !what.empty()) {
      return {item.column, fmt::format("'{}' {}", item.value, what)};
    }
    header.sysctls.push_back(std::move(sysctl));
  }
  return {};
}

}  // namespace

std::string format_header(const Header& header) {
  std::string out;
  HeaderPrinter printer(out);
  describe_header(printer, header);
  for (const Pmu& pmu : header.pmus) {
    out += "pmu name=";
    put_string(out, pmu.name);
    fmt::format_to(std::back_inserter(out), " type={}", pmu.type);
    if (pmu.counters != 0) {
      fmt::format_to(std::back_inserter(out), " counters={}", pmu.counters);
    }
    if (pmu.mux_interval_ms != 0) {
      fmt::format_to(std::back_inserter(out), " mux_interval_ms={}", pmu.mux_interval_ms);
    }
    for (std::size_t i = 0; i < pmu.constraints.size(); ++i) {
      fmt::format_to(std::back_inserter(out), "{}{:#x}:{:#x}", i == 0 ? " constraints=" : ",",
                     pmu.constraints[i].config, pmu.constraints[i].counters);
    }
    out += '\n';
  }
  for (const Sysctl& sysctl : header.sysctls) {
    out += "sysctl ";
    put_string(out, sysctl.name);
    fmt::format_to(std::back_inserter(out), "={}\n", sysctl.value);
  }
  return out;
}

bool HeaderParser::is_header_line(std::string_view word) {
  constexpr std::array<std::string_view, 4> kWords = {"log", "machine", "pmu", "sysctl"};
  return std::ranges::find(kWords, word) != kWords.end();
}

Fault HeaderParser::parse(std::string_view word, Items& items, Header& header) {
  if (word == "pmu") return parse_pmu(items, header);
  if (word == "sysctl") return parse_sysctls(items, header);
  for (const Item& item : items.all()) {
    if (!seen_.insert(fmt::format("{} {}", word, item.key)).second) {
      return {item.key_column, fmt::format("'{}' a second time", item.key)};
    }
  }
  HeaderReader reader(word, items);
  describe_header(reader, header);
  return reader.finish();
}

}  // namespace reperf::log
