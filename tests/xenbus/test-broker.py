#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a broker ends each worker that does harm, gives none of them what is another guest's, and serves on
# TIMEOUT: 60
"""usage: test-broker.py

A broker under sanitizers beside our store, whose workers do a harm each (broker_probe.c); what they say for the
log is few lines, and printable.
"""
import os
import subprocess
import sys

from store_world import TOP, World


def main():
    world = World(domains=(7, 8))
    env = dict(os.environ, XENSTORED_PATH=world.path)
    with open(world.dir + "/back.log", "w+b") as log:
        status = subprocess.call([TOP + "/build/tests/broker_probe", world.dir], env=env, stderr=log)
        log.seek(0)
        text = log.read()
    flood = text.count(b"flood?flood?")
    print(f"{flood} of 3000 lines in the log")
    if b"\033" in text or not 0 < flood <= 60:
        status = 1
    if status:
        sys.stdout.write(text.decode("latin-1")[-6000:])
    return status


if __name__ == "__main__":
    sys.exit(main())
