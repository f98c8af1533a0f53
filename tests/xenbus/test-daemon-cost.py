#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a request costs at most half of what it costs Debian's xenstored, however large the store is
# TIMEOUT: 120
"""usage: test-daemon-cost.py

Instructions in user mode and system calls of each request, which are counted, not timed (store_cost.py).
Bars: half of the peer's instructions and none of its system calls more; a hundred thousand nodes and ten
thousand watches cost at most a tenth more than a hundred and ten; a thousand domains at most a tenth more
than ten.  tests/bench/run-store prints the whole table.
"""
import sys

from store_cost import OPERATIONS, measure, measure_rings
from store_world import peer_program

RATIO = 0.5
GROWTH = 1.1
NOISE = 0.1  # system calls: now and then the peer's or our loop goes round once more


def main():
    if not peer_program():
        print("skip: Debian's xen-utils-4.17 is not in the cache")
        sys.exit(77)
    failed = 0

    def bar(name, what, value, limit):
        nonlocal failed
        met = value <= limit
        failed += not met
        print("%-4s %-12s %-34s %7.2f of at most %.2f" % ("ok" if met else "FAIL", name, what, value, limit))

    ours, peer, large = measure(False, 100, 10), measure(True, 100, 10, 5), measure(False, 100000, 10000)
    for name in OPERATIONS:
        bar(name, "instructions beside the peer's", ours[name][0] / peer[name][0], RATIO)
        bar(name, "system calls", ours[name][1], peer[name][1] + NOISE)
        bar(name, "growth with 100,000 nodes", large[name][0] / ours[name][0], GROWTH)
        bar(name, "system calls with 100,000 nodes", large[name][1], ours[name][1] + NOISE)
    few, many = measure_rings(10), measure_rings(1000)
    for name in few:
        bar(name, "growth with 1,000 domains", many[name][0] / few[name][0], GROWTH)
    print("DONE %d failed" % failed if failed else "all bars are met")
    sys.exit(1 if failed else 0)


main()
