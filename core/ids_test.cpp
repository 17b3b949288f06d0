// Table: identities that are never used twice, memory that is.
#include "core/ids.h"

#include <gtest/gtest.h>

namespace reperf::core {
namespace {

struct Thing {
  int value = 7;
};
using ThingId = Id<struct ThingTag>;
using Things = Table<Thing, ThingId>;

TEST(Table, SerialsCountFromOneAndAreNeverReused) {
  Things things;
  const ThingId a = things.create();
  const ThingId b = things.create();
  EXPECT_EQ(a.serial, 1U);
  EXPECT_EQ(b.serial, 2U);
  things.destroy(a);
  const ThingId c = things.create();
  EXPECT_EQ(c.serial, 3U);
  EXPECT_EQ(things.last_serial(), 3U);
}

TEST(Table, SlotsAreReused) {
  Things things;
  const ThingId a = things.create();
  things.destroy(a);
  const ThingId b = things.create();
  EXPECT_EQ(a.slot, b.slot);
  for (int i = 0; i < 1000; ++i) things.destroy(things.create());
  std::size_t seen = 0;
  things.for_each([&](ThingId id, const Thing&) {
    ++seen;
    EXPECT_EQ(id, b);
  });
  EXPECT_EQ(seen, 1U);
  EXPECT_EQ(things.live(), 1U);
}

TEST(Table, StaleIdsAreNotAlive) {
  Things things;
  EXPECT_FALSE(things.alive(ThingId{}));
  const ThingId a = things.create();
  EXPECT_TRUE(things.alive(a));
  things.destroy(a);
  EXPECT_FALSE(things.alive(a));
  const ThingId b = things.create();
  EXPECT_TRUE(things.alive(b));
  EXPECT_FALSE(things.alive(a)) << "the slot is b's now";
  EXPECT_NE(a, b);
  EXPECT_FALSE(things.alive(ThingId{99, 1})) << "a slot that does not exist";
}

TEST(Table, ObjectsStartAnew) {
  Things things;
  const ThingId a = things.create();
  things[a].value = 99;
  things.destroy(a);
  EXPECT_EQ(things[things.create()].value, 7);
}

TEST(Table, ReferencesAreStableAcrossCreations) {
  Things things;
  const ThingId a = things.create();
  Thing& reference = things[a];
  for (int i = 0; i < 10'000; ++i) things.create();
  reference.value = 11;
  EXPECT_EQ(&reference, &things[a]);
  EXPECT_EQ(things[a].value, 11);
}

TEST(Table, CopiesAreIndependent) {
  Things things;
  const ThingId a = things.create();
  Things copy = things;
  copy[a].value = 1;
  copy.destroy(a);
  EXPECT_TRUE(things.alive(a));
  EXPECT_EQ(things[a].value, 7);
  EXPECT_EQ(things.create().serial, 2U);
}

TEST(Id, OrdersByAppearance) {
  EXPECT_LT((ThingId{9, 1}), (ThingId{0, 2}));
  EXPECT_EQ((ThingId{3, 4}), (ThingId{5, 4})) << "the serial is the identity";
  EXPECT_FALSE(ThingId{});
}

}  // namespace
}  // namespace reperf::core
