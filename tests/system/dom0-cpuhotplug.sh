#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: dom0 takes a CPU offline and online again, repeatedly and under load
# TIMEOUT: 180
. "$(dirname "$0")/lib.sh"
run_dom0 -n 2 <<'END'
online() { echo "$1" >/sys/devices/system/cpu/cpu1/online; }
check_equal cpus-at-first "$(nproc)" 2
yes >/dev/null &
first=$!
yes >/dev/null &
second=$!
for round in 1 2 3 4; do
    check "offline-$round" online 0
    check_equal "cpus-after-offline-$round" "$(nproc)" 1
    check "online-$round" online 1
    check_equal "cpus-after-online-$round" "$(nproc)" 2
    # It is not enough that it is listed: a process bound to it must run there.
    check_equal "runs-on-it-$round" "$(taskset 2 cut -d' ' -f39 /proc/self/stat)" 1
done
check load-still-runs kill -0 $first $second
kill $first $second
check no-kernel-warning eval '! dmesg | grep -E "WARNING: |BUG: |Call Trace"'
finish
END
conclude
