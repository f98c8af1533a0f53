#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a daemon that is killed again and again answers exactly as one that is left alone
# TIMEOUT: 180
"""usage: test-daemon-restart.py [SEED [KILLS]]

SIGKILL at random moments, mostly while a request is on its way; now and then the keeper gets it instead.  What is
compared is in store_life.py.
"""
import os
import random
import signal
import sys
import threading
import time

from store_life import Life
from store_world import Client, FACTOR


class Killer(threading.Thread):
    """Kills at moments that have nothing to do with what the test does."""

    def __init__(self, life):
        super().__init__(daemon=True)
        self.world, self.life, self.random = life.worlds[0], life, random.Random(life.seed)
        self.kills, self.stop, self.seen = 0, False, 0

    def run(self):
        while not self.stop:
            time.sleep(self.random.random() * 0.03)
            # Some are killed before they get to do anything, but not all for ever.
            if self.life.steps == self.seen and self.random.random() < 0.8:
                continue
            self.seen = self.life.steps
            # The keeper now and then; but the two of them at once would be the end.
            keeper = self.random.random() < 0.1 and all(self.world.processes())
            old = self.world.processes()[1]
            if self.world.kill(1 if keeper else 0):
                self.kills += 1
            if keeper:
                limit = time.monotonic() + 20 * FACTOR
                while self.world.processes()[1] in (None, old) and time.monotonic() < limit:
                    time.sleep(0.002)
            if self.random.random() < 0.2:
                time.sleep(0.05)


def stopped_keeper(world):
    """A keeper that is a child of its daemon, and is stopped for a while, is not taken for dead."""
    daemon, old = world.processes()
    os.kill(old, signal.SIGKILL)
    limit = time.monotonic() + 20 * FACTOR
    while world.processes()[1] in (None, old) and time.monotonic() < limit:
        time.sleep(0.002)
    keeper = world.processes()[1]
    assert keeper and world.processes()[0] == daemon
    os.kill(keeper, signal.SIGSTOP)
    for _ in range(20):
        Client(world).read(b"/")
    os.kill(keeper, signal.SIGCONT)
    with open("/proc/%d/task/%d/children" % (daemon, daemon)) as f:
        children = f.read().split()
    assert children == [str(keeper)], "%s and not only %d" % (children, keeper)


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    life = Life(seed)
    killer = Killer(life)
    killer.start()
    limit = time.monotonic() + 150 * FACTOR
    while killer.kills < kills and time.monotonic() < limit:
        life.step()
    killer.stop = True
    killer.join()
    stopped_keeper(life.worlds[1])
    print("%d kills: no difference in %s" % (killer.kills, life.finish()))
    if killer.kills < kills:
        raise SystemExit("FAIL only %d of %d kills happened in the time" % (killer.kills, kills))


main()
