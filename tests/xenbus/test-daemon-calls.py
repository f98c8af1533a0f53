#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: whatever system call a daemon or its keeper is killed at, nothing is lost and nothing done twice
# TIMEOUT: 180
"""usage: test-daemon-calls.py [SEED [KILLS [CALLS]]]

Each daemon and each keeper dies at a chosen system call of its life, before it or just after it (steps.c), about CALLS after
it began to serve, a quarter of them earlier: while they take over.  What is compared is in store_life.py.
"""
import mmap
import struct
import subprocess
import sys
import time

from store_cost import STEPS
from store_life import Life
from store_world import FACTOR


def main():
    seed, kills, calls = [int(a) for a in sys.argv[1:]] + [1, 200, 60][len(sys.argv) - 1:]
    life = Life(seed)
    path = life.worlds[0].dir + "/kills"
    with open(path, "wb") as f:
        f.write(bytes(4096))
    steps = subprocess.Popen([STEPS, "kill", str(seed), str(calls)] + [str(p) for p in life.worlds[0].processes()] + [path])
    with open(path, "r+b") as f:
        page = mmap.mmap(f.fileno(), 4096)
    limit = time.monotonic() + 150 * FACTOR
    while sum(struct.unpack_from("<2Q", page)) < kills and time.monotonic() < limit and steps.poll() is None:
        life.step()
    struct.pack_into("<Q", page, 16, 1)
    daemons, keepers = struct.unpack_from("<2Q", page)
    print("%d daemons and %d keepers killed: no difference in %s" % (daemons, keepers, life.finish()))
    steps.kill()
    steps.wait()
    if daemons + keepers < kills or not keepers:
        raise SystemExit("FAIL only %d and %d kills happened in the time" % (daemons, keepers))


main()
