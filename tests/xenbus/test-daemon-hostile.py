#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: whatever a domain does at its ring, the daemon lives, its memory is bounded and the others are served
# TIMEOUT: 120
"""usage: test-daemon-hostile.py [part of a case's name]

Domains that flood, do not read, break the ring's indices or messages, stop in the middle, scribble while they are
read, or want to go first for ever; against a daemon that is built with sanitizers.
"""
import os
import random
import struct
import sys
import threading
import time

from store_world import (CONNECTION, CONTROL, ERROR, FACTOR, FEATURES, IS_DOMAIN_INTRODUCED, INTRODUCE, MKDIR, READ, REQ_CONS,
                         REQ_PROD, RESET_WATCHES, RING, RING_ERROR, RM, RSP_CONS, RSP_PROD, SET_PERMS, TRANSACTION_END,
                         TRANSACTION_START, WATCH, WRITE, Client, Domain, World)

RECONNECT, CONNECTED = 1, 0
ERROR_NONE, ERROR_COMM, ERROR_RINGIDX, ERROR_PROTO = range(4)  # of the ring: abi/io/xs_wire.h
MEMORY = 8 << 20  # more than any limit lets one domain have in all


class Case:
    """A daemon, dom0's client, an attacker (domain 1) and somebody (domain 2) who wants to be served."""

    def __init__(self):
        self.world = World(domains=(1, 2), options=["--single"], sanitized=True)
        self.dom0 = Client(self.world)
        self.bad, self.good = (Domain(self.world, d) for d in (1, 2))
        for domain in (self.bad, self.good):
            assert domain.introduce(self.dom0)[1] == b"OK\0"
            home = b"/local/domain/%d" % domain.domid
            self.dom0.ok(MKDIR, home + b"\0")
            self.dom0.ok(SET_PERMS, home + b"\0n%d\0" % domain.domid)
        self.served()
        self.memory = self.resident()

    def resident(self):
        with open("/proc/%d/statm" % self.world.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def served(self):
        """The others go on as if nothing were."""
        for client in (self.dom0, self.good):
            client.write(b"/local/domain/2/state", b"%d" % client.req_id)
            assert client.read(b"/local/domain/2/state") == b"%d" % (client.req_id - 2)
        assert self.dom0.ok(CONTROL, b"check\0") == b"OK\0"

    def bounded(self):
        more = self.resident() - self.memory
        assert more < MEMORY, "%d bytes more" % more

    def raw(self, data, at=None):
        """Puts bytes into the attacker's ring, as many as there is room for, without waiting; how many."""
        prod = self.bad.get32(REQ_PROD) if at is None else at
        room = RING - ((prod - self.bad.get32(REQ_CONS)) & 0xffffffff)
        data = data[:room]
        for i, byte in enumerate(data):
            self.bad.page[(prod + i) % RING] = byte
        self.bad.set32(REQ_PROD, prod + len(data))
        self.world.event(self.bad.port)
        return len(data)

    def reconnect(self):
        self.bad.set32(CONNECTION, RECONNECT)
        self.world.event(self.bad.port)
        self.bad.wait(lambda: self.bad.get32(CONNECTION) == CONNECTED)
        self.bad.buffer, self.bad.events = b"", []

    def broken(self, error):
        """Not listened to any more, and told so; but it lives, and a fresh start makes all good."""
        self.bad.wait(lambda: self.bad.get32(RING_ERROR) == error)
        self.served()
        assert self.dom0.ok(IS_DOMAIN_INTRODUCED, b"1\0") == b"T\0"
        self.raw(struct.pack("<4I", READ, 1, 0, 2) + b"/\0", at=self.bad.get32(REQ_CONS))
        self.served()
        assert self.bad.get32(RSP_PROD) == self.bad.get32(RSP_CONS) or error == ERROR_RINGIDX
        self.reconnect()
        assert self.bad.get32(RING_ERROR) == ERROR_NONE
        assert self.bad.get32(FEATURES) & 1
        self.bad.write(b"again", b"1")
        assert self.bad.read(b"again") == b"1"

    def end(self):
        self.served()
        assert self.world.process.poll() is None, self.world.said()
        self.world.process.terminate()
        assert self.world.process.wait() == 0, self.world.said()
        said = self.world.said()
        self.world.end()
        assert "ERROR: " not in said and "runtime error" not in said, said


def flood(c):
    """Requests for as long as the ring takes them, and no answer is read; later all of them are, in order."""
    request, sent, backlog = [], 0, b""
    for i in range(60000):
        if not backlog:
            backlog = struct.pack("<4I", READ, 1000 + len(request), 0, 2) + b"x\0"
            request.append(1000 + len(request))
        n = c.raw(backlog)
        backlog, sent = backlog[n:], sent + n
        if i % 5000 == 0:
            c.served()
        if n == 0 and i > 20000:
            break
    c.bounded()
    c.served()
    got = [c.bad.message()[1] for _ in request[:-1]]
    assert got == request[:-1]


def many_writes(c):
    """The same with the longest requests there are, and watches for each on top."""
    for i in range(128):
        c.bad.ok(WATCH, b"a\0%d\0" % i)
    c.bad.flush_events()
    message = struct.pack("<4I", WRITE, 5, 0, 2 + 2000) + b"a\0" + b"v" * 2000
    backlog, done = message, 0
    for i in range(20000):
        n = c.raw(backlog)
        backlog = backlog[n:]
        if not backlog:
            backlog, done = message, done + 1
        if i % 2000 == 0:
            c.served()
    assert done > 20
    c.bounded()


def events(c):
    """Somebody else makes the noise: what the sleeper is told stays bounded, and is complete when it wakes."""
    for i in range(100):
        c.bad.ok(WATCH, b"/noise\0%d\0" % i)
    c.bad.flush_events()
    c.dom0.write(b"/noise")
    c.dom0.ok(SET_PERMS, b"/noise\0r0\0")
    for i in range(2000):
        c.dom0.write(b"/noise/%d" % (i % 7), b"x" * 1000)
    c.bounded()
    c.served()
    c.dom0.write(b"/last")
    told = set(token for path, token in c.bad.flush_events())
    assert len(told) == 100
    more = c.bad.flush_events()  # what was merged
    c.dom0.write(b"/noise", b"1")
    assert len([e for e in c.bad.flush_events() + more if e[0] == b"/noise"]) >= 100


def indices(c):
    for offset, wrong in ((REQ_PROD, RING + 1), (REQ_PROD, -1), (REQ_PROD, 1 << 31), (RSP_CONS, 1), (RSP_CONS, -RING - 1)):
        c.bad.set32(offset, c.bad.get32(REQ_CONS if offset == REQ_PROD else RSP_PROD) + wrong)
        if offset == RSP_CONS:
            c.raw(struct.pack("<4I", READ, 1, 0, 2) + b"/\0")
        else:
            c.world.event(c.bad.port)
        c.broken(ERROR_RINGIDX)
    for offset in (REQ_CONS, RSP_PROD):  # ours: what the domain writes there is not believed
        c.bad.set32(offset, 12345)
        c.served()
    c.reconnect()


def messages(c):
    for length in (4097, 1 << 16, 0xffffffff):
        c.raw(struct.pack("<4I", READ, 1, 0, length) + b"x" * 100)
        c.broken(ERROR_PROTO)
        s = Client(c.world)
        s.put(struct.pack("<4I", READ, 1, 0, length))
        try:
            s.message()
            raise AssertionError("a message that cannot be was answered")
        except EOFError:
            pass
    # The longest that may be, and types that are not: errors, and the conversation goes on.
    for kind, payload in ((READ, b"y" * 4096), (20, b""), (4711, b"\0"), (0xffffffff, b"a" * 4096), (WATCH, b"a\0")):
        assert c.bad.ask(kind, payload)[0] == ERROR


def halves(c):
    """Who stops in the middle of a request is waited for, and alone; who goes, did not ask."""
    message = struct.pack("<4I", WRITE, 7, 0, 5) + b"cut\0v"
    for cut in range(1, len(message)):
        c.raw(message[:cut])
        c.served()
        c.raw(message[cut:])
        assert c.bad.message()[:2] == (WRITE, 7)
    s = Client(c.world)
    s.put(struct.pack("<4I", WRITE, 7, 0, 12) + b"/half\0")
    s.close()
    c.raw(message[:9])
    c.reconnect()  # what was begun before a fresh start is forgotten
    c.served()
    assert c.dom0.ask(READ, b"/half\0")[0] == ERROR
    assert c.bad.ask(READ, b"new\0") == (ERROR, b"ENOENT\0")


def scribble(c):
    """Indices and bytes change while they are read."""
    r, stop = random.Random(1), []

    def write():
        while not stop:
            what = r.random()
            if what < 0.3:
                c.bad.set32(r.choice((REQ_PROD, RSP_CONS)), c.bad.get32(REQ_CONS) + r.randrange(-3, 1100))
            elif what < 0.35:
                c.bad.set32(r.choice((REQ_CONS, RSP_PROD, FEATURES, RING_ERROR)), r.randrange(1 << 32))
            elif what < 0.5:
                at = c.bad.get32(REQ_CONS) + r.randrange(64)
                for i, b in enumerate(struct.pack("<4I", r.randrange(24), 1, r.randrange(3), r.randrange(20))):
                    c.bad.page[(at + i) % RING] = b
            else:
                c.bad.page[r.randrange(RING)] = r.choice(b"\0/abn1@")
            if what > 0.98:
                c.bad.set32(CONNECTION, RECONNECT)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(300):
            c.world.event(c.bad.port)
            c.served()
    finally:
        stop.append(1)
        thread.join()
    c.reconnect()
    assert c.bad.read(b"/local/domain/1") == b""
    c.bounded()


def fresh_start(c):
    """A kernel after another one: its watches, transactions and unread answers are not the new one's."""
    c.bad.ok(WATCH, b"a\0t\0")
    tx = int(c.bad.ok(TRANSACTION_START, b"\0")[:-1])
    c.bad.write(b"b", b"1", tx)
    c.raw(struct.pack("<4I", READ, 99, 0, 2) + b"b\0")
    c.bad.wait(lambda: c.bad.get32(RSP_PROD) != c.bad.get32(RSP_CONS))
    c.reconnect()
    c.dom0.write(b"/local/domain/1/a", b"1")
    assert c.bad.flush_events() == []
    assert c.bad.ask(TRANSACTION_END, b"T\0", tx) == (ERROR, b"ENOENT\0")
    # And without the ring: what a kernel says first.
    c.bad.ok(WATCH, b"a\0t\0")
    tx = int(c.bad.ok(TRANSACTION_START, b"\0")[:-1])
    c.bad.ok(RESET_WATCHES, b"\0", tx)
    c.dom0.write(b"/local/domain/1/a", b"2")
    assert [e for e in c.bad.flush_events() if e[0] != b"a"] == []
    assert c.bad.ask(TRANSACTION_END, b"T\0", tx) == (ERROR, b"ENOENT\0")
    # Another introduction is a fresh start too.
    c.bad.ok(WATCH, b"a\0t\0")
    assert c.dom0.ask(INTRODUCE, b"1\0001\00011\0")[1] == b"OK\0"
    c.bad.buffer, c.bad.events = b"", []
    c.dom0.write(b"/local/domain/1/a", b"3")
    assert c.bad.flush_events() == []


def comes_through(c):
    """A transaction that always conflicts succeeds in the end, while another domain writes without pause."""
    c.dom0.write(b"/fought", b"0")
    c.dom0.ok(SET_PERMS, b"/fought\0b0\0")
    stop, wrote = [], []

    def write():
        while not stop:
            c.bad.write(b"/fought", b"%d" % len(wrote))
            wrote.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(2):
            for tries in range(1, 100):
                tx = int(c.good.ok(TRANSACTION_START, b"\0")[:-1])
                value = c.good.read(b"/fought", tx)
                before = len(wrote)
                limit = time.monotonic() + 0.09
                while len(wrote) < before + 2 and time.monotonic() < limit:
                    time.sleep(0.001)  # what the domain does meanwhile
                c.good.write(b"/fought", value, tx)
                if c.good.ask(TRANSACTION_END, b"T\0", tx)[0] == TRANSACTION_END:
                    break
            assert tries <= 12, "%d tries" % tries
            time.sleep(1.2)  # its share of the time comes again
    finally:
        stop.append(1)
        thread.join()


def goes_first(c):
    """A client that has others wait for it, again and again, gets no more than its share."""
    stop = []

    def conflict():
        tx = int(c.bad.ok(TRANSACTION_START, b"\0")[:-1])
        c.bad.read(b"mine", tx)
        c.bad.write(b"mine", b"%d" % c.bad.req_id)
        c.bad.ask(TRANSACTION_END, b"T\0", tx)

    def hold():
        c.bad.write(b"mine", b"")
        while not stop:
            for _ in range(3):
                conflict()
            tx = int(c.bad.ok(TRANSACTION_START, b"\0")[:-1])
            for _ in range(20):
                if not stop:
                    time.sleep(0.01)
            c.bad.ask(TRANSACTION_END, b"F\0", tx)

    thread = threading.Thread(target=hold)
    thread.start()
    waited = done = 0
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            begin = time.monotonic()
            c.good.write(b"x", b"1")
            done += 1
            waited += time.monotonic() - begin > 0.08
    finally:
        stop.append(1)
        thread.join()
    # 100 ms of each second at most; without that limit every other write waits.
    assert waited <= 8 and done > 20, (waited, done)


CASES = (flood, many_writes, events, indices, messages, halves, scribble, fresh_start, comes_through, goes_first)


def main():
    failed = 0
    for case in CASES:
        if len(sys.argv) > 1 and sys.argv[1] not in case.__name__:
            continue
        begin = time.monotonic()
        c = Case()
        try:
            case(c)
            c.end()
            print("ok   %s (%.1f s)" % (case.__name__, time.monotonic() - begin), flush=True)
        except (AssertionError, EOFError, OSError, TimeoutError, struct.error) as e:
            failed += 1
            print("FAIL %s: %s %s\n%s" % (case.__name__, type(e).__name__, e, c.world.said()), flush=True)
            if len(sys.argv) > 1:
                raise
            c.world.end()
    sys.exit(1 if failed else 0)


main()
