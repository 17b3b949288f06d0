// Totals and the words of the summary.
#include "recorder/log_sink.h"

#include <gtest/gtest.h>

namespace reperf::record {
namespace {

log::Record with(const log::Payload& payload) {
  log::Record record;
  record.payload = payload;
  return record;
}

TEST(Totals, CountLossesAndFiltered) {
  Totals totals;
  totals.count(with(log::SchedSwitch{}));
  totals.count(with(log::Lost{log::LossCause::ring_full, 10, 0, 0}));
  totals.count(with(log::Lost{log::LossCause::unreadable, 2, 0, 0}));
  totals.count(with(log::Filtered{log::FilterClass::sched_migrate_task, 5}));
  EXPECT_EQ(totals.records, 4U);
  EXPECT_EQ(totals.all_lost(), 12U);
  EXPECT_EQ(describe_losses(totals), "LOST 12 records (ring full 10, unreadable 2)");
  EXPECT_EQ(describe_recording(totals, 40, 1.5, "x.rplog"),
            "4 records in 1.50 s, 40 bytes (10.0 a record) in x.rplog; LOST 12 records (ring full "
            "10, unreadable 2); not relevant to perf and only counted: 0 switches, 5 migrations");
}

TEST(Totals, NothingLost) { EXPECT_EQ(describe_losses(Totals{}), "nothing lost"); }

}  // namespace
}  // namespace reperf::record
