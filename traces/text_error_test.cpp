// What the text form says about mistakes, and where.
#include <gtest/gtest.h>

#include "traces/text.h"

namespace reperf::log {
namespace {

std::string errors_of(const std::string& text) {
  Text out;
  std::vector<Error> errors;
  const bool fine = parse_text(text, "f", out, errors);
  EXPECT_EQ(fine, errors.empty());
  std::string all;
  for (const Error& error : errors) {
    EXPECT_EQ(error.file, "f");
    all +=
        std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.what + "\n";
  }
  return all;
}

struct Case {
  const char* text;
  const char* error;
};

const Case kCases[] = {
    {"hello",
     "1:1: 'hello' begins neither a record (TIME [CPU] TID NAME ...) nor a header line "
     "(log, machine, pmu, sysctl)"},
    {"10xs [0] 1 resume", "1:1: time '10xs' is not a time (1000, 10us, 1.5s)"},
    {"1.5 [0] 1 resume", "1:1: time '1.5' has a fraction of a nanosecond"},
    {"0.1234us [0] 1 resume", "1:1: time '0.1234us' has a fraction of a nanosecond"},
    {"18446744073709551616 [0] 1 resume", "1:1: time '18446744073709551616' is out of range"},
    {"18446744074s [0] 1 resume", "1:1: time '18446744074s' is out of range"},
    {"1_ [0] 1 resume", "1:1: time '1_' is not a time (1000, 10us, 1.5s)"},
    {"1 0 1 resume", "1:3: a CPU in brackets, [0] or [-], is missing after the time"},
    {"1", "1:2: a CPU in brackets, [0] or [-], is missing after the time"},
    {"1 [70000] 1 resume", "1:4: CPU '70000' is out of range (0 to 65535)"},
    {"1 [0]", "1:6: a thread id is missing after the CPU"},
    {"1 [0] x resume", "1:7: thread id 'x' is not a number"},
    {"1 [0] 1", "1:8: the name of the record is missing after the thread id"},
    {"1 [0] 1 sched_swtch next=0",
     "1:9: unknown record 'sched_swtch'; did you mean "
     "'sched_switch'?"},
    {"1 [0] 1 sched_switch", "1:9: sched_switch needs 'next='"},
    {"1 [0] 1 sched_switch nxt=0",
     "1:22: unknown key 'nxt' of sched_switch; did you mean "
     "'next'?"},
    {"1 [0] 1 sched_switch next=0 frobnicate=1",
     "1:29: unknown key 'frobnicate' of sched_switch; known: next, state"},
    {"1 [0] 1 resume now", "1:16: unknown key 'now': resume has no keys"},
    {"1 [0] 1 sched_switch next=0 next=1", "1:29: 'next' a second time"},
    {"1 [0] 1 sched_switch next", "1:22: 'next' needs a value"},
    {"1 [0] 1 sched_switch next=", "1:27: 'next=' without a value"},
    {"1 [0] 1 sched_switch next=-1", "1:27: '-1' is not a number"},
    {"1 [0] 1 sched_switch next=4294967296",
     "1:27: '4294967296' is out of range (0 to 4294967295)"},
    {"1 [0] 1 sched_switch next=1 state=Q",
     "1:35: 'Q' is not known; known: S, D, T, t, X, Z, P, "
     "I"},
    {"1 [0] 1 sched_switch next=1 state=S|Q",
     "1:35: 'S|Q' has 'Q', which is not known; known: S, D, T, t, X, Z, P, I"},
    {"1 [0] 1 snapshot_cpu offline=1", "1:30: 'offline' takes no value"},
    {"1 [0] 1 sched_process_exec comm=\"abc", "1:33: a string without its closing quote"},
    {"1 [0] 1 sched_process_exec comm=\"a\\q\"",
     "1:35: unknown escape; known: \\\" \\\\ \\n \\t \\r \\xHH"},
    {"1 [0] 1 sched_process_exec comm=\"\\xg0\"", "1:34: \\x needs two hexadecimal digits"},
    {"1 [0] 1 sched_process_exec comm=\"a\"b", "1:36: unexpected 'b' after 'comm'"},
    {"1 [0] 1 sched_process_exec comm={a}", "1:34: 'comm' is no attr"},
    {"1 [0] 1 close_ret ret=-EINVALID", "1:23: '-EINVALID' is not known; did you mean 'EINVAL'?"},
    {"1 [0] 1 ioctl event=1 cmd=ENABEL", "1:27: 'ENABEL' is not known; did you mean 'ENABLE'?"},
    {"1 [0] 1 close event=1 fd=3000000000",
     "1:26: '3000000000' is out of range (-2147483648 to 2147483647)"},
    {"1 [0] 1 read_ret ret=8 data=5,x", "1:29: '5,x' has 'x', which is not a number"},
    {"1 [0] 1 read_ret ret=8 data=hex:123", "1:29: 'hex:123' has half a byte"},
    {"1 [0] 1 read_ret ret=8 data=hex:1g", "1:29: 'hex:1g' is not hexadecimal"},
    {"1 [0] 1 lost cause=full count=1",
     "1:20: 'full' is not known; known: ring_full, recursion, "
     "unreadable, table_full, disk"},
    {"1 [0] 1 perf_event_open pid=1", "1:9: perf_event_open needs 'attr='"},
    {"1 [0] 1 perf_event_open attr=5", "1:30: an attr is {type=... ...}, or none"},
    {"1 [0] 1 perf_event_open attr={type=1", "1:30: '{' without its '}'"},
    {"1 [0] 1 perf_event_open attr={a={}}", "1:33: braces do not nest"},
    {"1 [0] 1 perf_event_open attr={}", "1:31: attr needs 'type='"},
    {"1 [0] 1 perf_event_open attr={type=softwar}",
     "1:36: 'softwar' is not known; did you mean 'software'?"},
    {"1 [0] 1 perf_event_open attr={type=software disbled}",
     "1:45: unknown key 'disbled' of attr; did you mean 'disabled'?"},
    {"1 [0] 1 perf_event_open attr={type=software config=context-switch}",
     "1:52: 'context-switch' is not known; did you mean 'context-switches'?"},
    {"1 [0] 1 perf_event_open attr={type=hw_cache config=l1d:raed:miss}",
     "1:52: 'l1d:raed:miss' has an unknown operation; did you mean 'read'?"},
    {"1 [0] 1 perf_event_open attr={type=1 size=64 config3=1}",
     "1:46: 'config3' lies outside an attr of 64 bytes"},
    {"1 [0] 1 perf_event_open attr={type=1 sample_period=1 sample_freq=1}",
     "1:54: 'sample_period' and 'sample_freq' are the same field"},
    {"1 [0] 1 perf_event_open attr={type=1 precise_ip=4}", "1:49: '4' is out of range (0 to 3)"},
    {"1 [0] 1 perf_event_open attr={type=1 bytes=0}", "1:44: '0' is out of range (1 to 65536)"},
    {"1 [0] 1 perf_event_open attr={type=1 bytes=140 tail=00}",
     "1:53: '00' is not 4 bytes, from 136 to 140"},
    {"machine cpus=2 cpus=3", "1:16: 'cpus' a second time"},
    {"machine cpu=2", "1:9: unknown key 'cpu' of machine; did you mean 'cpus'?"},
    {"log origin=tape", "1:12: 'tape' is not known; known: scenario, recording"},
    {"pmu name=x", "1:1: pmu needs 'type='"},
    {"sysctl a=b", "1:10: 'b' is not a number"},
    {"sysctl a", "1:8: 'a' needs a value"},
};

TEST(TextErrors, OneLineEach) {
  for (const Case& c : kCases) EXPECT_EQ(errors_of(c.text), std::string(c.error) + "\n") << c.text;
}

TEST(TextErrors, AllOfAFileOneALine) {
  EXPECT_EQ(errors_of("machine hz=x\n"
                      "1 [0] 1 resume\n"
                      "\n"
                      "bad\n"
                      "2 [0] 1 sched_switch next=a state=b # both wrong\n"
                      "machine hz=1\n"),
            "1:12: 'x' is not a number\n"
            "4:1: 'bad' begins neither a record (TIME [CPU] TID NAME ...) nor a header line (log, "
            "machine, pmu, sysctl)\n"
            "5:27: 'a' is not a number\n"
            "6:1: 'machine' line after the first record\n");
}

// No text, however odd, does more than give errors.
TEST(TextErrors, AnyBytes) {
  std::uint32_t state = 1;
  const auto next = [&state] { return state = state * 1664525 + 1013904223; };
  constexpr std::string_view kPieces[] = {"1",  " ", "[0]", "\"", "{",  "}",    "=",    "attr",
                                          "\\", "#", "\n",  "|",  "0x", "open", "next", ","};
  for (int i = 0; i < 20000; ++i) {
    std::string text = "1 [0] 1 perf_event_open ";
    if (i % 2 == 0) text += "attr={type=1 ";
    for (std::uint32_t n = next() >> 28; n > 0; --n) text += kPieces[next() >> 28];
    Text out;
    std::vector<Error> errors;
    (void)parse_text(text, "f", out, errors);
    for (const Error& error : errors) ASSERT_GT(error.column, 0U) << text;
  }
}

}  // namespace
}  // namespace reperf::log
