#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a daemon that is killed again and again answers exactly as one that is left alone
# TIMEOUT: 180
"""usage: test-daemon-restart.py [SEED [KILLS]]

Two daemons get the same requests, in the same order, from sockets and from domains' rings: nodes,
permissions, watches, transactions that stay open, domains that come and die.  One of them is sent SIGKILL
at random moments, mostly while a request is on its way; now and then its keeper is instead.  Every
answer and every watch event must be equal, and no connection may end.
"""
import random
import sys
import threading
import time

from store_world import (CONTROL, DIRECTORY, Client, Domain, ERROR, FACTOR, GET_PERMS, IS_DOMAIN_INTRODUCED,
                   MKDIR, READ, RM, SET_PERMS, TRANSACTION_END, TRANSACTION_START, UNWATCH, WATCH, WRITE,
                   World)

DOMAINS = (1, 2, 3)


def random_path(r):
    base = r.choice(["", "/local/domain/%d" % r.choice(DOMAINS)])
    return (base + "".join("/" + r.choice("abcd") for _ in range(r.randrange(1, 4)))).encode()


def random_request(r, open_txns):
    path = random_path(r)
    tx = r.choice(open_txns) if open_txns and r.random() < 0.4 else 0
    kind = r.choice([WRITE, WRITE, WRITE, MKDIR, RM, SET_PERMS, READ, DIRECTORY, GET_PERMS, WATCH, UNWATCH,
                     TRANSACTION_START, TRANSACTION_END, IS_DOMAIN_INTRODUCED])
    if kind == WRITE:
        return kind, path + b"\0" + b"v" * r.choice([0, 1, 10, 1500]), tx
    if kind in (WATCH, UNWATCH):
        return kind, path + b"\0t%d\0" % r.randrange(3), 0
    if kind == SET_PERMS:
        perms = b"".join(b"%c%d\0" % (r.choice(b"nrwb"), r.randrange(4)) for _ in range(r.randrange(1, 4)))
        return kind, path + b"\0" + perms, tx
    if kind == TRANSACTION_START:
        return (kind, b"\0", 0) if len(open_txns) < 5 else (READ, path + b"\0", tx)
    if kind == TRANSACTION_END:
        return (kind, r.choice([b"T\0", b"T\0", b"F\0"]), tx) if tx else (READ, path + b"\0", 0)
    if kind == IS_DOMAIN_INTRODUCED:
        return kind, b"%d\0" % r.randrange(5), 0
    return kind, path + b"\0", tx


class Killer(threading.Thread):
    """Kills at moments that have nothing to do with what the test does."""

    def __init__(self, world, seed):
        super().__init__(daemon=True)
        self.world, self.random, self.kills, self.stop = world, random.Random(seed), 0, False
        self.steps, self.seen = 0, 0  # requests answered: now, and at the last kill

    def run(self):
        while not self.stop:
            time.sleep(self.random.random() * 0.03)
            # Some are killed before they get to do anything, but not all for ever.
            if self.steps == self.seen and self.random.random() < 0.8:
                continue
            self.seen = self.steps
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


def state(client, path=b""):
    """The whole tree with permissions."""
    out = [(path, client.read(path or b"/"), client.ok(GET_PERMS, (path or b"/") + b"\0"))]
    for child in client.ok(DIRECTORY, (path or b"/") + b"\0").split(b"\0")[:-1]:
        out += state(client, path + b"/" + child)
    return out


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    r = random.Random(seed)
    worlds = [World(domains=DOMAINS, options=["--journal", "16"]), World(domains=DOMAINS)]
    pairs = [tuple(Client(w) for w in worlds) for _ in range(3)]
    domains = [tuple(Domain(w, d) for w in worlds) for d in DOMAINS]
    for pair in domains:
        for domain, client in zip(pair, pairs[0]):
            assert domain.introduce(client)[1] == b"OK\0"
            home = b"/local/domain/%d" % domain.domid
            client.ok(MKDIR, home + b"\0")
            client.ok(SET_PERMS, home + b"\0n%d\0" % domain.domid)
    everybody = pairs + domains
    txns = {pair: [] for pair in everybody}
    killer = Killer(worlds[0], seed)
    killer.start()
    steps, conflicts = 0, 0
    limit = time.monotonic() + 150 * FACTOR
    while killer.kills < kills and time.monotonic() < limit:
        pair = r.choice(everybody)
        kind, payload, tx = random_request(r, txns[pair])
        ids = [c.send(kind, payload, tx) for c in pair]
        try:
            got = [c.answer(i) for c, i in zip(pair, ids)]
        except (EOFError, TimeoutError):
            print("step %d: %r" % (steps, (kind, payload, tx)), worlds[0].processes())
            print("killed one:\n" + worlds[0].said() + "the other:\n" + worlds[1].said())
            raise
        steps += 1
        killer.steps = steps
        if got[0] != got[1]:
            raise SystemExit("FAIL seed %d step %d: %s gave %r, without a kill %r\n%s%s %r" % (
                seed, steps, (kind, payload, tx), got[0], got[1], worlds[0].said(), worlds[1].said(), (everybody.index(pair), ids)))
        if kind == TRANSACTION_START and got[0][0] == kind:
            txns[pair].append(int(got[0][1][:-1]))
        if kind == TRANSACTION_END and tx in txns[pair]:
            txns[pair].remove(tx)
            conflicts += got[0] == (ERROR, b"EAGAIN\0")
        if steps % 50 == 0:
            for p in everybody:
                events = [c.flush_events() for c in p]
                if events[0] != events[1]:
                    raise SystemExit("FAIL seed %d step %d: events %r, without a kill %r" % (
                        seed, steps, events[0], events[1]))
    killer.stop = True
    killer.join()
    if state(pairs[0][0]) != state(pairs[0][1]):
        raise SystemExit("FAIL seed %d: the trees differ" % seed)
    assert pairs[0][0].ok(CONTROL, b"check\0") == b"OK\0"
    print("%d kills during %d requests, %d transactions failed: no difference" % (
        killer.kills, steps, conflicts))
    if killer.kills < kills:
        raise SystemExit("FAIL only %d of %d kills happened in the time" % (killer.kills, kills))


main()
