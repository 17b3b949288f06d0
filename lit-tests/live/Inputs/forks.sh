#!/bin/sh
# A small fork-heavy workload: short children, sleeping ones, grandchildren, all waited for.
i=0
while [ "$i" -lt 6 ]; do
  /bin/true
  (sleep 0.01; /bin/true) &
  i=$((i + 1))
done
wait
