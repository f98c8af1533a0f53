#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: 200,000 malformed requests end no process, touch nothing outside the image, and hold up nobody
# TIMEOUT: 120
"""usage: test-blkback-hostile.py [REQUESTS [SEED]]

blkback under sanitizers beside our store, with a guest in ordinary memory (blk_hostile.c) that means harm.
"""
import os
import subprocess
import sys

from store_world import TOP, World


def main():
    world = World(domains=(7,))
    env = dict(os.environ, XENSTORED_PATH=world.path, BLKBACK=TOP + "/build/tests/blkback",
               ASAN_OPTIONS="quarantine_size_mb=1")
    with open(world.dir + "/back.log", "w+") as log:
        status = subprocess.call([TOP + "/build/tests/blk_hostile", world.dir] + (sys.argv[1:] or ["200000"]),
                                 env=env, stderr=log)
        if status:
            log.seek(0)
            sys.stdout.write(log.read()[-6000:])
    return status


if __name__ == "__main__":
    sys.exit(main())
