#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a network back end killed under load 50 times answers each request once; frames come whole, in order, once
# TIMEOUT: 120
"""usage: test-netback-kill.py [KILLS [SEED]]

netback under sanitizers beside our store, with three guests in ordinary memory and a socket as uplink
(net_kill.c), who know what they send to each other.
"""
import os
import subprocess
import sys

from store_world import TOP, World


def main():
    world = World(domains=(7, 8, 9))
    env = dict(os.environ, XENSTORED_PATH=world.path, NETBACK=TOP + "/build/tests/netback")
    with open(world.dir + "/back.log", "w+") as log:
        status = subprocess.call([TOP + "/build/tests/net_kill", world.dir] + (sys.argv[1:] or ["50"]),
                                 env=env, stderr=log)
        if status:
            log.seek(0)
            sys.stdout.write(log.read()[-6000:])
    return status


if __name__ == "__main__":
    sys.exit(main())
