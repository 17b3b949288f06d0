#include "replayer/pairing.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace reperf::replay {

PairNumber Pairing::Pairs::add(Side side, std::uint32_t serial) {
  all[++last].serial[side] = serial;
  by_serial[side][serial] = last;
  return last;
}

void Pairing::Pairs::join(PairNumber pair, Side side, std::uint32_t serial) {
  all[pair].serial[side] = serial;
  by_serial[side][serial] = pair;
}

PairNumber Pairing::Pairs::find(Side side, std::uint32_t serial) const {
  const auto it = by_serial[side].find(serial);
  return it == by_serial[side].end() ? 0 : it->second;
}

void Pairing::Pairs::free(Side side, std::uint32_t serial) {
  const PairNumber pair = find(side, serial);
  if (pair == 0) return;
  all[pair].freed[side] = true;
  maybe_gone_.push_back(pair);
}

std::vector<PairNumber> Pairing::Pairs::forget_freed() {
  std::vector<PairNumber> gone;
  for (const PairNumber number : maybe_gone_) {
    const auto it = all.find(number);
    if (it == all.end()) continue;
    const Pair& pair = it->second;
    if ((pair.serial[0] != 0 && !pair.freed[0]) || (pair.serial[1] != 0 && !pair.freed[1])) {
      continue;
    }
    by_serial[0].erase(pair.serial[0]);
    by_serial[1].erase(pair.serial[1]);
    all.erase(it);
    gone.push_back(number);
  }
  maybe_gone_.clear();
  return gone;
}

void Pairing::Pairs::append(std::string& out, Side side, std::uint32_t serial) const {
  const PairNumber number = find(side, serial);
  const std::uint32_t first = number == 0 ? serial : all.at(number).serial[0];
  if (first != 0) {
    fmt::format_to(std::back_inserter(out), "{}", first);
  } else {
    fmt::format_to(std::back_inserter(out), "{}'", serial);
  }
}

void Pairing::Numbers::append_number(std::string& out, core::EventId event) const {
  pairing->events_.append(out, side, event.serial);
}

void Pairing::Numbers::append_number(std::string& out, core::CtxId ctx) const {
  pairing->contexts_.append(out, side, ctx.serial);
}

Pairing::Pairing() {
  for (const Side side : kSides) {
    numbering_[side].pairing = this;
    numbering_[side].side = side;
  }
}

PairNumber Pairing::see_event(Side side, core::EventId event, core::TaskId task,
                              const core::World& world) {
  if (!event) return 0;
  if (const PairNumber known = events_.find(side, event.serial); known != 0) return known;
  if (!world.events.alive(event)) return 0;
  Birth birth;
  birth.parent = see_event(side, world.events[event].parent, task, world);
  if (world.tasks.alive(task)) birth.tid = world.tasks[task].tid;
  birth.nth = ++nth_[side][birth];
  const auto partner = births_.find(birth);
  if (partner != births_.end()) {
    const PairNumber pair = partner->second;
    events_.join(pair, side, event.serial);
    births_.erase(partner);
    return pair;
  }
  return births_[birth] = events_.add(side, event.serial);
}

void Pairing::see_ctx(Side side, core::CtxId ctx, const core::World& world) {
  if (!ctx || contexts_.find(side, ctx.serial) != 0 || !world.contexts.alive(ctx)) return;
  const core::perf_event_context& c = world.contexts[ctx];
  if (c.cpu != core::kNoCpu) return;
  Owner owner{0, c.nr};
  if (world.tasks.alive(c.task)) owner.tid = world.tasks[c.task].tid;
  const auto partners = single_[1 - side].find(owner);
  if (partners != single_[1 - side].end()) {
    contexts_.join(partners->second.front(), side, ctx.serial);
    partners->second.pop_front();
    if (partners->second.empty()) single_[1 - side].erase(partners);
  } else {
    single_[side][owner].push_back(contexts_.add(side, ctx.serial));
  }
}

void Pairing::see(Side side, const core::Fact& fact, const core::World& world) {
  see_event(side, fact.event2, fact.task, world);
  see_event(side, fact.event, fact.task, world);
  see_ctx(side, fact.ctx, world);
  see_ctx(side, fact.ctx2, world);
  if (fact.kind == core::FactKind::event_free) events_.free(side, fact.event.serial);
  if (fact.kind == core::FactKind::ctx_free) contexts_.free(side, fact.ctx.serial);
}

std::vector<PairNumber> Pairing::end_record() {
  births_.clear();
  nth_[0].clear();
  nth_[1].clear();
  const std::vector<PairNumber> gone = contexts_.forget_freed();
  for (const PairNumber number : gone) {
    for (auto& single : single_) {
      for (auto it = single.begin(); it != single.end();) {
        std::erase(it->second, number);
        it = it->second.empty() ? single.erase(it) : std::next(it);
      }
    }
  }
  return events_.forget_freed();
}

PairNumber Pairing::join(core::EventId first, core::EventId second) {
  const PairNumber a = events_.find(0, first.serial);
  const PairNumber b = events_.find(1, second.serial);
  if (a == 0 || b == 0 || has(1, a) || has(0, b)) return 0;
  events_.all.erase(b);
  events_.join(a, 1, second.serial);
  std::erase_if(births_,
                [a, b](const auto& birth) { return birth.second == a || birth.second == b; });
  return b;
}

PairNumber Pairing::event(Side side, core::EventId event) const {
  return events_.find(side, event.serial);
}

bool Pairing::has(Side side, PairNumber event) const {
  const auto it = events_.all.find(event);
  return it != events_.all.end() && it->second.serial[side] != 0;
}

}  // namespace reperf::replay
