# SPDX-License-Identifier: GPL-2.0-only
"""A life for two daemons, one of which is killed meanwhile: the same random requests to both, from sockets and
from domains' rings, some in halves; nodes, permissions, watches, transactions that stay open, domains that die
and come back, kernels that begin anew.  Every answer and every watch event must be equal, and no connection
may end."""
import random
import struct

from store_world import (CONNECTION, CONTROL, DIRECTORY, Client, Domain, ERROR, GET_PERMS, IS_DOMAIN_INTRODUCED, MKDIR, READ,
                         RESET_WATCHES, RM, SET_PERMS, TRANSACTION_END, TRANSACTION_START, UNWATCH, WATCH, WRITE,
                         World)

DOMAINS = (1, 2, 3)
RECONNECT, CONNECTED = 1, 0


def random_path(r):
    base = r.choice(["", "/local/domain/%d" % r.choice(DOMAINS)])
    return (base + "".join("/" + r.choice("abcd") for _ in range(r.randrange(1, 4)))).encode()


def random_request(r, open_txns):
    path = random_path(r)
    tx = r.choice(open_txns) if open_txns and r.random() < 0.4 else 0
    kind = r.choice([WRITE, WRITE, WRITE, MKDIR, RM, SET_PERMS, READ, DIRECTORY, GET_PERMS, WATCH, UNWATCH,
                     TRANSACTION_START, TRANSACTION_END, IS_DOMAIN_INTRODUCED, CONTROL])
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
    if kind == CONTROL:
        return kind, r.choice([b"memreport\0", b"quota\0%d\0" % r.randrange(4), b"check\0"]), 0
    return kind, path + b"\0", tx


def without_polls(report):
    """What a report says but for unread answers, since of questions whether a domain is gone there may be more."""
    return report.split(b"unacknowledged")[0]


def tree(client, path=b""):
    """All nodes with values and permissions."""
    out = [(path, client.read(path or b"/"), client.ok(GET_PERMS, (path or b"/") + b"\0"))]
    for child in client.ok(DIRECTORY, (path or b"/") + b"\0").split(b"\0")[:-1]:
        out += tree(client, path + b"/" + child)
    return out


class Life:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.steps = self.conflicts = self.halves = self.deaths = self.resets = 0
        # The first one is the one to be killed; a short journal makes it write snapshots too.
        self.worlds = [World(domains=DOMAINS, options=["--journal", "16"]), World(domains=DOMAINS)]
        self.sockets = [tuple(Client(w) for w in self.worlds) for _ in range(3)]
        self.domains = []
        self.txns = {pair: [] for pair in self.sockets}
        for domid in DOMAINS:
            self.introduce(domid)

    def fail(self, what, *got):
        raise SystemExit("FAIL seed %d step %d: %s: killed one %r, the other %r\n%s" % (
            self.seed, self.steps, what, got[0], got[1], self.worlds[0].said()))

    def introduce(self, domid):
        pair = tuple(Domain(w, domid) for w in self.worlds)
        for domain, client in zip(pair, self.sockets[0]):
            assert domain.introduce(client)[1] == b"OK\0"
            home = b"/local/domain/%d" % domid
            client.ok(MKDIR, home + b"\0")
            client.ok(SET_PERMS, home + b"\0n%d\0" % domid)
        self.domains.append(pair)
        self.txns[pair] = []

    def everybody(self):
        return self.sockets + self.domains

    def answers(self, pair, ids, kind, payload, tx):
        got = [c.answer(i) for c, i in zip(pair, ids)]
        self.steps += 1
        if kind == CONTROL:
            got = [(k, without_polls(data)) for k, data in got]
        if got[0] != got[1]:
            self.fail((kind, payload, tx), *got)
        if kind == TRANSACTION_START and got[0][0] == kind:
            self.txns[pair].append(int(got[0][1][:-1]))
        if kind == TRANSACTION_END and tx in self.txns[pair]:
            self.txns[pair].remove(tx)
            self.conflicts += got[0] == (ERROR, b"EAGAIN\0")

    def request(self, pair, halves=False):
        kind, payload, tx = random_request(self.random, self.txns[pair])
        if not halves:
            self.answers(pair, [c.send(kind, payload, tx) for c in pair], kind, payload, tx)
            return
        self.halves += 1
        whole = []
        for c in pair:
            c.req_id += 1
            whole.append(struct.pack("<4I", kind, c.req_id, tx, len(payload)) + payload)
        cut = self.random.randrange(1, len(whole[0]))
        for c, data in zip(pair, whole):
            c.put(data[:cut])
        others = [p for p in self.everybody() if p is not pair]
        for _ in range(self.random.randrange(3)):
            self.request(self.random.choice(others))
        for c, data in zip(pair, whole):
            c.put(data[cut:])
        self.answers(pair, [c.req_id for c in pair], kind, payload, tx)

    def death(self):
        """A domain is gone, and another one with its number comes."""
        self.deaths += 1
        pair = self.random.choice(self.domains)
        domid = pair[0].domid
        self.compare_events()
        self.domains.remove(pair)
        del self.txns[pair]
        for world, client in zip(self.worlds, self.sockets[0]):
            world.set_state(domid, None)
            pair[0].wait(lambda: client.ok(IS_DOMAIN_INTRODUCED, b"%d\0" % domid) == b"F\0")
            world.add_domain(domid)
        self.introduce(domid)

    def reconnect(self):
        """A domain's kernel is replaced by another one."""
        self.resets += 1
        pair = self.random.choice(self.domains)
        self.compare_events()
        for domain in pair:
            domain.set32(CONNECTION, RECONNECT)
            domain.world.event(domain.port)
            domain.wait(lambda: domain.get32(CONNECTION) == CONNECTED)
            domain.buffer, domain.events = b"", []
        self.txns[pair] = []

    def compare_events(self):
        for pair in self.everybody():
            events = [c.flush_events() for c in pair]
            if events[0] != events[1]:
                self.fail("events", *events)

    def step(self):
        try:
            self.one_step()
        except (EOFError, OSError, AssertionError) as e:
            raise SystemExit("FAIL seed %d step %d: %s: %s\nkilled one:\n%s\nthe other:\n%s" % (
                self.seed, self.steps, type(e).__name__, e, self.worlds[0].said(), self.worlds[1].said()))

    def one_step(self):
        chance = self.random.random()
        pair = self.random.choice(self.everybody())
        if chance < 0.005:
            self.death()
        elif chance < 0.01:
            self.reconnect()
        elif chance < 0.013:
            self.answers(pair, [c.send(RESET_WATCHES, b"\0") for c in pair], RESET_WATCHES, b"\0", 0)
            self.txns[pair] = []
        else:
            self.request(pair, halves=chance < 0.1)
        if self.steps % 50 == 0:
            self.compare_events()

    def finish(self):
        self.compare_events()
        both = self.sockets[0]
        got = [tree(c) for c in both]
        if got[0] != got[1]:
            self.fail("trees", *got)
        for question in (b"check\0", b"memreport\0") + tuple(b"quota\0%d\0" % d for d in DOMAINS):
            got = [without_polls(c.ok(CONTROL, question)) for c in both]
            if got[0] != got[1]:
                self.fail(question, *got)
        assert both[0].ok(CONTROL, b"check\0") == b"OK\0"
        return "%d requests, %d of them in halves, %d transactions failed, %d deaths, %d new kernels" % (
            self.steps, self.halves, self.conflicts, self.deaths, self.resets)
