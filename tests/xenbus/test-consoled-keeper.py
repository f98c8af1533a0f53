#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: xenconsoled and its keeper start each other again after SIGKILL, and both end when the daemon is asked to
# TIMEOUT: 60
"""The daemon as it is, with our store and no guests: what it does for guests is system/tools-ours' affair."""
import os
import random
import signal
import subprocess
import time

from store_world import FACTOR, TOP, World

PROGRAM = os.path.join(TOP, "build/root/usr/sbin/xenconsoled")
LIBRARIES = os.path.join(TOP, "build/root/usr/lib/x86_64-linux-gnu")
NAMES = ("xenconsoled", "consoled-keeper")
KILLS = 6


def ours(place):
    """The processes that have this test's pid file among their arguments, by name."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if place.encode() not in f.read():
                    continue
            with open(f"/proc/{pid}/stat") as f:
                text = f.read()
        except OSError:
            continue
        if text.rpartition(")")[2].split()[0] != "Z":
            found.setdefault(text[text.index("(") + 1:text.rindex(")")], []).append(int(pid))
    return found


def wait_for(what, condition):
    limit = time.monotonic() + 10 * FACTOR
    while not condition():
        if time.monotonic() > limit:
            raise SystemExit("FAIL " + what)
        time.sleep(0.02)


def both(place, but=None):
    found = ours(place)
    return all(len(found.get(name, ())) == 1 and found[name][0] != but for name in NAMES)


def main():
    world = World()
    place = world.dir + "/console.pid"
    environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES, XENSTORED_RUNDIR=world.dir + "/run", XENSTORED_PATH=world.path)
    command = [PROGRAM, "--log-dir=" + world.dir, "--pid-file=" + place]
    # Held by nobody: the caller's pipe ends with the command.
    subprocess.run(command, env=environment, check=True, timeout=20 * FACTOR, stdout=subprocess.PIPE)
    choice = random.Random(1)
    for i in range(KILLS):
        wait_for(f"not two processes after {i} kills: {ours(place)}", lambda: both(place))
        victim = ours(place)[choice.choice(NAMES)][0]
        os.kill(victim, signal.SIGKILL)
        wait_for(f"kill {i}: not again", lambda: both(place, victim))
    wait_for("the pid file has another number", lambda: int(open(place).read()) == ours(place)["xenconsoled"][0])
    os.kill(int(open(place).read()), signal.SIGTERM)
    wait_for(f"they do not end: {ours(place)}", lambda: not ours(place))
    if os.path.exists(place):
        raise SystemExit("FAIL the pid file is left")
    # One that cannot begin says so, and has no keeper.
    failed = subprocess.run(command, env=dict(environment, XENSTORED_PATH="/nowhere"), stderr=subprocess.PIPE,
                            timeout=20 * FACTOR, text=True)
    if failed.returncode != 1 or "store" not in failed.stderr:
        raise SystemExit(f"FAIL without a store: {failed.returncode} {failed.stderr}")
    wait_for("a keeper of nothing", lambda: not ours(place))
    print(f"{KILLS} kills: each time two processes again")


main()
