#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a program gets from our libxenstore what it gets from Debian's, call by call
# TIMEOUT: 60
"""Runs probe.c, random calls with every result printed, on Debian's library and on ours, each on a store of Debian's
xenstored that is new, and compares what it printed and what the daemon was asked."""
import difflib
import os
import subprocess
import sys
import tempfile

from storelab import LIMIT, OUR_LIB, PEER_LIB, TOP, Daemon, Lab, Proxy, peer_prepare

PROBE = os.path.join(TOP, "build", "tests", "xenstore-probe")
RESTRICT = os.path.join(TOP, "build", "tests", "xenstore-restrict")
SEEDS = 6
CALLS = 2000
# Debian's xenstored fires some events in an order that is not the same each time (a run in twelve of one seed, with
# either library), so a difference counts only if it stays.
TRIES = 4


def run(lab, name, libraries, seed):
    folder = tempfile.mkdtemp(prefix="%s-%d-" % (name, seed), dir=lab.folder)
    daemon = Daemon(folder)
    proxy = Proxy(os.path.join(folder, "proxy"), daemon.socket)
    env = dict(os.environ, XENSTORED_RUNDIR=proxy.folder, LD_LIBRARY_PATH=libraries)
    done = subprocess.run([PROBE, str(seed), str(CALLS)], env=env, stdout=subprocess.PIPE, timeout=LIMIT)
    daemon.stop()
    proxy.close()
    return done.returncode, done.stdout.decode("latin-1").splitlines(), [str(r) for r in proxy.taken()]


def restricted(lab, libraries):
    """The status of restrict.c."""
    daemon = Daemon(tempfile.mkdtemp(dir=lab.folder))
    env = dict(os.environ, XENSTORED_RUNDIR=daemon.folder, LD_LIBRARY_PATH=libraries)
    status = subprocess.run([RESTRICT], env=env, timeout=LIMIT).returncode
    daemon.stop()
    return status


def difference(theirs, ours):
    return list(difflib.unified_diff(theirs, ours, "debian", "ours", lineterm="", n=6))[:30]


def main():
    peer_prepare()
    lab = Lab()
    for seed in range(1, SEEDS + 1):
        for _ in range(TRIES):
            theirs = run(lab, "debian", PEER_LIB, seed)
            ours = run(lab, "ours", OUR_LIB, seed)
            if theirs == ours:
                break
        lab.check(theirs[0] == ours[0] == 0, "seed %d: status" % seed, theirs[0], ours[0])
        lab.check(theirs[1] == ours[1], "seed %d: results" % seed, *difference(theirs[1], ours[1]))
        lab.check(theirs[2] == ours[2], "seed %d: requests" % seed, *difference(theirs[2], ours[2]))
        lab.check(len(ours[1]) > CALLS / 2, "seed %d: is a test" % seed, len(ours[1]))
    for libraries in (PEER_LIB, OUR_LIB + ":" + PEER_LIB):
        status = restricted(lab, libraries)
        lab.check(status == 0, "xentoolcore_restrict_all with " + libraries, status)
    return lab.finish()


if __name__ == "__main__":
    sys.exit(main())
