#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a full file system or a file that became shorter fails requests, and loses nothing and holds up nobody
# TIMEOUT: 60
"""usage: test-blkback-errors.py

blkback under sanitizers beside our store, with a guest in ordinary memory (blk_errors.c); the small file system
is a tmpfs of our own, in a mount namespace.
"""
import os
import subprocess
import sys

from store_world import TOP, World


def main():
    wanted = ["unshare", "-m"] + (["-Ur"] if os.geteuid() else [])
    if "INSIDE" not in os.environ:
        # Where / is no mount, as in a chroot, nothing can be said of its propagation.
        if subprocess.call(wanted + ["true"], stderr=subprocess.DEVNULL) != 0:
            wanted += ["--propagation", "unchanged"]
        if subprocess.call(wanted + ["true"], stderr=subprocess.DEVNULL) != 0:
            print("no mount namespaces for this user")
            return 77
        inside = "user" if os.geteuid() else "root"
        os.execvpe(wanted[0], wanted + [sys.executable] + sys.argv, dict(os.environ, INSIDE=inside))
    world = World(domains=(7,))
    program = TOP + "/build/tests/blkback"
    if os.environ["INSIDE"] == "user":  # the root of a namespace could not become a worker's user
        with open(world.dir + "/blkback", "w") as f:
            f.write('#!/bin/sh\nexec unshare -U --map-user=1 %s "$@"\n' % program)
        program = world.dir + "/blkback"
        os.chmod(program, 0o755)
    small = world.dir + "/small"
    os.mkdir(small)
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=12m", "none", small])
    env = dict(os.environ, XENSTORED_PATH=world.path, BLKBACK=program)
    with open(world.dir + "/back.log", "w+") as log:
        status = subprocess.call([TOP + "/build/tests/blk_errors", world.dir, small], env=env, stderr=log)
        if status:
            log.seek(0)
            sys.stdout.write(log.read()[-4000:])
    subprocess.call(["umount", "-l", small])
    return status


if __name__ == "__main__":
    sys.exit(main())
