#include "traces/header_codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fmt/format.h>
#include <kj/exception.h>

#include "traces/log.capnp.h"

namespace reperf::log {
namespace {

capnp::Data::Reader data(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

std::string text(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

Error bad(std::string what) { return {ErrorKind::input, std::move(what), "", 0, 0}; }

Result<Header> decode(schema::Header::Reader from) {
  if (from.getOrigin() > static_cast<std::uint8_t>(Origin::recording)) {
    return bad(fmt::format("origin {} does not exist", from.getOrigin()));
  }
  if (from.getScope() > static_cast<std::uint8_t>(Scope::system)) {
    return bad(fmt::format("scope {} does not exist", from.getScope()));
  }
  Header to;
  to.origin = static_cast<Origin>(from.getOrigin());
  to.scope = static_cast<Scope>(from.getScope());
  to.all_switches = from.getAllSwitches();
  to.recorder = text(from.getRecorder());
  to.tier = text(from.getTier());
  to.command = text(from.getCommand());
  to.release = text(from.getRelease());
  to.version = text(from.getVersion());
  to.machine = text(from.getMachine());
  to.cpus = from.getCpus();
  to.hz = from.getHz();
  to.clock_base = from.getClockBase();
  to.realtime_base = from.getRealtimeBase();
  to.attr_size = from.getAttrSize();
  to.state_exit = from.getStateExit();
  to.state_dead = from.getStateDead();
  for (const auto pmu : from.getPmus()) {
    Pmu& made = to.pmus.emplace_back();
    made.name = text(pmu.getName());
    made.type = pmu.getType();
    made.counters = pmu.getCounters();
    made.mux_interval_ms = pmu.getMuxIntervalMs();
    for (const auto constraint : pmu.getConstraints()) {
      made.constraints.push_back({constraint.getConfig(), constraint.getCounters()});
    }
  }
  for (const auto sysctl : from.getSysctls()) {
    to.sysctls.push_back({text(sysctl.getName()), sysctl.getValue()});
  }
  return to;
}

}  // namespace

kj::Array<capnp::word> encode_header(const Header& from) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<schema::Header>();
  to.setOrigin(static_cast<std::uint8_t>(from.origin));
  to.setScope(static_cast<std::uint8_t>(from.scope));
  to.setAllSwitches(from.all_switches);
  to.setRecorder(data(from.recorder));
  to.setTier(data(from.tier));
  to.setCommand(data(from.command));
  to.setRelease(data(from.release));
  to.setVersion(data(from.version));
  to.setMachine(data(from.machine));
  to.setCpus(from.cpus);
  to.setHz(from.hz);
  to.setClockBase(from.clock_base);
  to.setRealtimeBase(from.realtime_base);
  to.setAttrSize(from.attr_size);
  to.setStateExit(from.state_exit);
  to.setStateDead(from.state_dead);
  auto pmus = to.initPmus(static_cast<kj::uint>(from.pmus.size()));
  for (kj::uint i = 0; i < pmus.size(); ++i) {
    pmus[i].setName(data(from.pmus[i].name));
    pmus[i].setType(from.pmus[i].type);
    pmus[i].setCounters(from.pmus[i].counters);
    pmus[i].setMuxIntervalMs(from.pmus[i].mux_interval_ms);
    const std::vector<PmuConstraint>& rules = from.pmus[i].constraints;
    if (rules.empty()) continue;
    auto constraints = pmus[i].initConstraints(static_cast<kj::uint>(rules.size()));
    for (kj::uint n = 0; n < constraints.size(); ++n) {
      constraints[n].setConfig(rules[n].config);
      constraints[n].setCounters(rules[n].counters);
    }
  }
  auto sysctls = to.initSysctls(static_cast<kj::uint>(from.sysctls.size()));
  for (kj::uint i = 0; i < sysctls.size(); ++i) {
    sysctls[i].setName(data(from.sysctls[i].name));
    sysctls[i].setValue(from.sysctls[i].value);
  }
  return capnp::messageToFlatArray(message);
}

Result<Header> decode_header(kj::ArrayPtr<const capnp::word> message) {
  try {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = message.size() * 4 + 1024;
    options.nestingLimit = 8;
    capnp::FlatArrayMessageReader reader(message, options);
    if (reader.getEnd() != message.end()) return bad("the message is shorter than its frame");
    return decode(reader.getRoot<schema::Header>());
  } catch (const kj::Exception& e) {
    return bad(fmt::format("not a valid message: {}", e.getDescription().cStr()));
  }
}

}  // namespace reperf::log
