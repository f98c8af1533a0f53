#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: 200,000 malformed network slots end no process, forge no sender, and hold up nobody
# TIMEOUT: 120
"""usage: test-netback-hostile.py [REQUESTS [SEED]]

netback under sanitizers beside our store, with a guest in ordinary memory (net_hostile.c) that means harm, and two
that do not.
"""
import os
import subprocess
import sys

from store_world import TOP, World


def main():
    world = World(domains=(7, 8, 9))
    env = dict(os.environ, XENSTORED_PATH=world.path, NETBACK=TOP + "/build/tests/netback",
               ASAN_OPTIONS="quarantine_size_mb=1")
    with open(world.dir + "/back.log", "w+") as log:
        status = subprocess.call([TOP + "/build/tests/net_hostile", world.dir] + (sys.argv[1:] or ["200000"]),
                                 env=env, stderr=log)
        if status:
            log.seek(0)
            sys.stdout.write(log.read()[-6000:])
    return status


if __name__ == "__main__":
    sys.exit(main())
