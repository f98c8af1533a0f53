#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a back end killed under load 75 times answers each request once and loses no acknowledged write
# TIMEOUT: 120
"""usage: test-blkback-kill.py [KILLS [SEED]]

blkback under sanitizers beside our store, with a guest in ordinary memory (blk_kill.c) that knows what must be
on its disk; a ring of one page, then one of four with polling; a raw disk, then an overlay with copies by the broker, then one of an
NBD server (Debian's qemu-nbd), which is killed, too.
"""
import os
import subprocess
import sys

from store_world import TOP, World


SOME = (("0", "raw"), ("2", "overlay"), ("2", "nbd"))
ALL = [(order, kind) for order in ("0", "2") for kind in ("raw", "overlay", "nbd")]


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    for order, kind in SOME if kills < 100 else ALL:
        more = {"BLKBACK_STRICT": "1"} if kind == "overlay" else {}
        world = World(domains=(7,))
        env = dict(os.environ, XENSTORED_PATH=world.path, BLKBACK=TOP + "/build/tests/blkback", **more)
        with open(world.dir + "/back.log", "w+") as log:
            status = subprocess.call([TOP + "/build/tests/blk_kill", world.dir, str(kills), order, seed, kind],
                                     env=env, stderr=log)
            if status:
                log.seek(0)
                sys.stdout.write(log.read()[-4000:])
                return status
        world.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
