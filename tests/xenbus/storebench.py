#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a request costs: user instructions and system calls of our xenstored and of Debian's, by operation.

usage: storebench.py [NODES WATCHES]...      (100 10  100000 10000)

Each daemon runs twice under valgrind, on the host, with N and 2N requests; the difference is what N cost.
System calls are counted by strace in the same way.
"""
import os
import re
import signal
import subprocess
import sys
import time

from store_world import DIRECTORY, READ, WATCH, WRITE, Client, World

COUNT = 300


def fill(client, nodes, watches):
    for i in range(nodes):
        client.write(b"/bench/%d/%d" % (i // 10, i % 10), b"value %d" % i)
    for i in range(watches):
        client.ok(WATCH, b"/bench/%d/%d\0t\0" % (i // 10, i % 10))
        if i % 100 == 99:
            client.flush_events()
    client.flush_events()


def operations(client, watcher):
    watcher.ok(WATCH, b"/watched\0t\0")
    watcher.flush_events()

    def event(i):
        client.write(b"/watched/a", b"x")
        while not watcher.events:
            kind, _, _, data = watcher.message()
            watcher.events.append(data)
        watcher.events.clear()

    return {
        "read": lambda i: client.read(b"/bench/3/%d" % (i % 10)),
        "write": lambda i: client.write(b"/bench/4/%d" % (i % 10), b"new value"),
        "directory": lambda i: client.ok(DIRECTORY, b"/bench/5\0"),
        "watch event": event,
    }


def total_valgrind(world):
    daemon = world.process.pid
    os.kill(daemon, signal.SIGTERM)
    world.process.wait()
    found = re.findall(r"Collected : (\d+)", world.said())
    return int(found[-1]) if found else 0


def run(peer, nodes, watches, name, times, wrap, options):
    world = World(peer=peer, options=options, wrap=wrap)
    client, watcher = Client(world), Client(world)
    fill(client, nodes, watches)
    op = operations(client, watcher)[name]
    for i in range(times):
        op(i)
    return world


def instructions(peer, nodes, watches, name):
    options = [] if peer else ["--single"]
    wrap = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    totals = []
    for times in (COUNT, 2 * COUNT):
        world = run(peer, nodes, watches, name, times, wrap, options)
        totals.append(total_valgrind(world))
        world.end()
    return (totals[1] - totals[0]) / COUNT


def calls(peer, nodes, watches, name):
    options = [] if peer else ["--single"]
    totals = []
    for times in (COUNT, 2 * COUNT):
        world = run(peer, nodes, watches, name, times, ["strace", "-f", "-qq", "-o", "/tmp/storebench.%d" % os.getpid()], options)
        os.kill(world.process.pid, signal.SIGTERM)
        time.sleep(0.3)
        world.end()
        with open("/tmp/storebench.%d" % os.getpid()) as f:
            totals.append(sum(1 for line in f))
    os.unlink("/tmp/storebench.%d" % os.getpid())
    return (totals[1] - totals[0]) / COUNT


def main():
    sizes = [int(a) for a in sys.argv[1:]] or [100, 10]
    for nodes, watches in zip(sizes[::2], sizes[1::2]):
        print("%d nodes, %d watches     instructions   ours   peer  ratio   system calls  ours  peer" % (nodes, watches))
        for name in ("read", "write", "directory", "watch event"):
            ours, theirs = (instructions(p, nodes, watches, name) for p in (False, True))
            a, b = (calls(p, nodes, watches, name) for p in (False, True)) if nodes <= 1000 else (0, 0)
            print("  %-26s %16.0f %6.0f  %5.2f  %18.2f %5.2f" % (name, ours, theirs, ours / theirs, a, b), flush=True)


main()
