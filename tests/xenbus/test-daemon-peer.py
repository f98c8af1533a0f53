#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our xenstored and Debian's answer the same requests alike, at the socket and at domains' rings
# TIMEOUT: 120
"""usage: test-daemon-peer.py [SEED [REQUESTS]]

Both run on the host in a world without a hypervisor (fake_world.h).  Compared are answers, watch events
and, at the end, the trees.  What differs on purpose is in xenbus/README.md: the order of children and of
the events of one change, so both are sorted; transactions are run one at a time,
and where the peer ends one with ENOMEM, which it does now and then, ours is told to give up too.
"""
import random
import sys

from store_world import (CONTROL, DIRECTORY, DIRECTORY_PART, Client, Domain, ERROR, FEATURES, GET_DOMAIN_PATH,
                   GET_PERMS, INTRODUCE, IS_DOMAIN_INTRODUCED, MKDIR, READ, RELEASE, RESET_WATCHES, RESUME,
                   RM, SET_PERMS, SET_TARGET, TRANSACTION_END, TRANSACTION_START, UNWATCH, WATCH, WRITE,
                   World, peer_program)

DOMAINS = (1, 2, 3)
STRANGE = [b"", b"\0", b"/", b"//\0", b"/a/\0", b"/a//b\0", b"/a b\0", b"@foo\0", b"@releaseDomain\0", b".\0",
           b"/" + b"x" * 2048 + b"\0", b"/" + b"x" * 2047 + b"\0", b"/local/domain/\0", b"a\0b\0c\0d\0",
           b"/a\0n0\0", b"/a\0t\0extra\0", b"1\0", b"0\0", b"9\0", b"/a\0x1\0", b"/a\0n99999999999\0"]


def random_path(r):
    base = r.choice([b"", b"", b"/local/domain/%d" % r.choice(DOMAINS)])
    path = base + b"".join(b"/" + r.choice([b"a", b"b", b"cc", b"d-_9"]) for _ in range(r.randrange(1, 4)))
    if r.random() < 0.1:
        path = path[1:] if not base else path[len(base) + 1:]  # relative
    return path if r.random() < 0.98 else b"/"


def random_request(r):
    path = random_path(r)
    kind = r.choice([WRITE, WRITE, WRITE, MKDIR, RM, SET_PERMS, SET_PERMS, READ, READ, DIRECTORY, GET_PERMS, WATCH,
                     WATCH, UNWATCH, IS_DOMAIN_INTRODUCED, GET_DOMAIN_PATH, DIRECTORY_PART, RESET_WATCHES,
                     "transaction", "strange"])
    if kind == WRITE:
        return kind, path + b"\0" + b"v" * r.choice([0, 1, 10, 1500, 2100])
    if kind in (WATCH, UNWATCH):
        return kind, path + b"\0t%d\0" % r.randrange(3)
    if kind == SET_PERMS:
        if path == b"/":
            path = b"/a"  # the peer deletes the root with its owner
        return kind, path + b"\0" + b"".join(b"%c%d\0" % (r.choice(b"nrwb"), r.randrange(4))
                                             for _ in range(r.randrange(1, 7)))
    if kind == DIRECTORY_PART:
        return kind, path + b"\0" + b"0\0"
    if kind in (IS_DOMAIN_INTRODUCED, GET_DOMAIN_PATH):
        return kind, b"%d\0" % r.randrange(5)
    if kind == RESET_WATCHES:
        return (kind, b"\0") if r.random() < 0.05 else (READ, path + b"\0")
    if kind == "strange":
        kind = r.choice([READ, WATCH, UNWATCH, WRITE, MKDIR, RM, SET_PERMS, DIRECTORY, GET_PERMS, RESUME,
                         SET_TARGET, RELEASE, INTRODUCE, TRANSACTION_END, CONTROL, 25, 20, 15, 16, 200])
        payload = r.choice(STRANGE)
        if kind in (RELEASE, RESUME, INTRODUCE, SET_TARGET) or (kind == CONTROL):
            payload = r.choice([b"", b"\0", b"9\0", b"0\0"] if kind != CONTROL else [b"", b"nothing\0"])
        return kind, payload
    return kind, path + b"\0"


def same(kind, payload, a, b):
    """Two answers are alike, but for what may differ."""
    if kind == DIRECTORY and a[0] == b[0] == kind:
        return sorted(a[1].split(b"\0")) == sorted(b[1].split(b"\0"))
    if kind == DIRECTORY_PART and a[0] == b[0] == kind:
        return sorted(a[1].split(b"\0")[1:]) == sorted(b[1].split(b"\0")[1:])
    # For what is not one string, the peer's error is whatever errno was last.
    one = payload.endswith(b"\0") and payload.count(b"\0") == 1
    overflow = kind == SET_PERMS and b"99999999999" in payload
    if (overflow or not one and kind in (READ, DIRECTORY, GET_PERMS, MKDIR, RM, TRANSACTION_END)) and a[0] == b[0] == ERROR:
        return True
    return a == b


class Pair:
    def __init__(self, ours, peer):
        self.both = (ours, peer)

    def ask(self, kind, payload, tx=(0, 0)):
        got = []
        for side, c, t in zip(("ours", "peer"), self.both, tx):
            try:
                got.append(c.ask(kind, payload, t))
            except (EOFError, TimeoutError) as e:
                fail("%s: %s" % (side, e), (kind, payload))
        return got


def fail(what, *args):
    print("FAIL", what)
    for arg in args:
        print("  ", arg)
    sys.exit(1)


def at_socket(payload):
    """dom0 may write what no domain may; the peer then refuses a domain that adds a child to it."""
    return payload[:1600]


def transaction(r, pair, number):
    done = []
    starts = pair.ask(TRANSACTION_START, b"\0")
    tx = [int(s[1][:-1]) for s in starts]
    for _ in range(r.randrange(1, 8)):
        kind, payload = random_request(r)
        if kind in (READ, WRITE, MKDIR, RM, SET_PERMS, DIRECTORY, GET_PERMS):
            if payload.startswith(b"@"):
                continue
            payload = payload if isinstance(pair.both[0], Domain) else at_socket(payload)
            done.append((kind, payload))
            got = pair.ask(kind, payload, tx)
            if not same(kind, payload, *got):
                fail("request %d, in a transaction" % number, (kind, payload), *got)
    word = r.choice([b"T\0", b"T\0", b"F\0"])
    got = [None, pair.both[1].ask(TRANSACTION_END, word, tx[1])]
    if got[1] == (ERROR, b"ENOMEM\0"):
        word = b"F\0"  # of its own accord; so ours does not commit either
        got[1] = (TRANSACTION_END, b"OK\0")
    got[0] = pair.both[0].ask(TRANSACTION_END, word, tx[0])
    if got[0] != got[1]:
        fail("end of transaction, request %d" % number, done, *got)


def compare_events(pairs, what, more=False):
    """With @more, ours may tell of changes that the same transaction undid."""
    for pair in pairs:
        events = [sorted(set(c.flush_events())) for c in pair.both]
        if events[0] != events[1] and not (more and set(events[1]) < set(events[0])):
            fail("events after " + what, "ours " + str(events[0]), "peer " + str(events[1]))


def tree(client, path=b""):
    out = [(path, client.read(path or b"/"), client.ok(GET_PERMS, (path or b"/") + b"\0"))]
    for child in sorted(client.ok(DIRECTORY, (path or b"/") + b"\0").split(b"\0")[:-1]):
        out += tree(client, path + b"/" + child)
    return out


def main():
    if not peer_program():
        print("skip: Debian's xen-utils-4.17 is not in the cache")
        sys.exit(77)
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    r = random.Random(seed)
    worlds = World(domains=DOMAINS), World(peer=True, domains=DOMAINS)
    sockets = [Pair(*(Client(w) for w in worlds)) for _ in range(2)]
    domains = [Pair(*(Domain(w, d) for w in worlds)) for d in DOMAINS]
    everybody = sockets + domains
    dom0 = sockets[0]
    for word in (b"@introduceDomain", b"@releaseDomain"):
        dom0.ask(WATCH, word + b"\0" + word + b"\0")
    for d, pair in zip(DOMAINS, domains):
        got = [domain.introduce(client) for domain, client in zip(pair.both, dom0.both)]
        if got[0] != got[1]:
            fail("introduction", *got)
        home = b"/local/domain/%d" % d
        dom0.ask(MKDIR, home + b"\0")
        dom0.ask(SET_PERMS, home + b"\0n%d\0" % d)
    compare_events(everybody, "introductions")
    for number in range(steps):
        pair = r.choice(everybody)
        kind, payload = random_request(r)
        if kind == "transaction":
            transaction(r, pair, number)
            compare_events(everybody, "request %d, a transaction" % number, more=True)
            continue
        if pair in sockets:
            payload = at_socket(payload)
        got = pair.ask(kind, payload)
        if not same(kind, payload, *got):
            fail("request %d of %s" % (number, everybody.index(pair)), (kind, payload), "ours " + str(got[0]),
                 "peer " + str(got[1]))
        if number % 5 == 0 or kind in (RM, SET_PERMS):
            compare_events(everybody, "request %d %r" % (number, (kind, payload)))
    if tree(dom0.both[0]) != tree(dom0.both[1]):
        fail("the trees differ")
    # A domain is introduced again, shuts down, dies; another is released by the tools.
    def step(what, kind, payload):
        got = dom0.ask(kind, payload)
        if got[0] != got[1]:
            fail(what, *got)
        compare_events(sockets, what)
    step("second introduction", INTRODUCE, b"1\0001\00011\0")
    for state in ("shutdown", "dying", None):
        for world in worlds:
            world.set_state(2, state)
        for client in dom0.both:  # the event has been seen when the next one has been answered
            client.ask(READ, b"/\0")
        compare_events(sockets, "domain 2: %s" % state)
        step("domain 2: %s" % state, IS_DOMAIN_INTRODUCED, b"2\0")
    step("release", RELEASE, b"3\0")
    step("released", IS_DOMAIN_INTRODUCED, b"3\0")
    if tree(dom0.both[0]) != tree(dom0.both[1]):
        fail("the trees differ after deaths")
    print("%d requests: no difference" % steps)


main()
