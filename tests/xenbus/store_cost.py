# SPDX-License-Identifier: GPL-2.0-only
"""What requests cost a store daemon: user instructions and system calls of each, counted one by one
(steps.c), so the figures do not depend on the machine or its load."""
import mmap
import os
import struct
import subprocess
import time

from store_world import DIRECTORY, READ, TOP, WATCH, WRITE, Client, Domain, FACTOR, World

STEPS = os.path.join(TOP, "build/tests/xenstore-steps")
OPERATIONS = ("read", "write", "directory", "watch event")
AT_ONCE = 50  # requests on their way while the store is filled
WARM = 3


def many(client, requests):
    """Sends requests without waiting for each."""
    requests = list(requests)
    for at in range(0, len(requests), AT_ONCE):
        ids = [client.send(kind, payload) for kind, payload in requests[at:at + AT_ONCE]]
        for i in ids:
            client.answer(i)
    client.events.clear()


def fill(client, nodes, watches):
    """@nodes nodes, ten each in a directory; watches on others than are measured."""
    many(client, ((WRITE, b"/bench/%d/%d\0value" % (i // 10, i % 10)) for i in range(nodes)))
    many(client, ((WATCH, b"/bench/%d/%d\0t\0" % (i // 10 + 6, i % 10)) for i in range(watches)))
    client.flush_events()


def operations(client, watcher):
    """By name: a function that makes one request and waits until it is done."""
    watcher.ok(WATCH, b"/watched\0t\0")
    watcher.flush_events()

    def event(i):
        client.write(b"/watched/a", b"x")
        watcher.message()

    return {
        "read": lambda i: client.read(b"/bench/3/%d" % (i % 10)),
        "write": lambda i: client.write(b"/bench/4/%d" % (i % 10), b"new value"),
        "directory": lambda i: client.ok(DIRECTORY, b"/bench/5\0"),
        "watch event": event,
    }


class Counter:
    """Counts what a world's daemon executes."""

    def __init__(self, world):
        path = world.dir + "/steps"
        self.daemon = world.processes()[0] or world.process.pid
        self.process = subprocess.Popen([STEPS, "count", str(self.daemon), path])
        self.end = time.monotonic() + 20 * FACTOR
        while not os.path.exists(path) or os.path.getsize(path) < 4096:
            self.limit()
        with open(path, "rb") as f:
            self.page = mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ)
        self.still()

    def limit(self):
        if time.monotonic() > self.end or self.process.poll() is not None:
            raise SystemExit("the daemon cannot be counted")
        time.sleep(0.002)

    def still(self):
        """(instructions, system calls) when it waits again."""
        self.end = time.monotonic() + 20 * FACTOR
        last, same = None, 0
        while same < 3:
            with open("/proc/%d/stat" % self.daemon) as f:
                asleep = f.read().rsplit(")", 1)[1].split()[0] == "S"
            now = struct.unpack_from("<2Q", self.page)
            same = same + 1 if asleep and now == last else 0
            last = now
            self.limit()
        return last

    def cost(self, operation, times):
        for i in range(WARM):
            operation(i)
        begin = self.still()
        for i in range(times):
            operation(i)
        end = self.still()
        return tuple((b - a) / times for a, b in zip(begin, end))

    def close(self):
        self.process.kill()
        self.process.wait()


def measure(peer, nodes, watches, times=10):
    """{operation: (instructions, system calls)}"""
    world = World(peer=peer, options=[] if peer else ["--single"])
    client, watcher = Client(world), Client(world)
    fill(client, nodes, watches)
    todo = operations(client, watcher)
    counter = Counter(world)
    result = {name: counter.cost(todo[name], times) for name in OPERATIONS}
    counter.close()
    world.end()
    return result


def measure_rings(domains, times=10):
    """The same, asked by one of @domains domains at its ring, all of which have nodes and watches."""
    world = World(options=["--single"], domains=range(1, domains + 1))
    dom0 = Client(world)
    kernels = [Domain(world, d) for d in range(1, domains + 1)]
    for kernel in kernels:
        assert kernel.introduce(dom0)[1] == b"OK\0"
    many(dom0, ((WRITE, b"/local/domain/%d\0" % k.domid) for k in kernels))
    many(dom0, ((14, b"/local/domain/%d\0n%d\0" % (k.domid, k.domid)) for k in kernels))
    for kernel in kernels:
        kernel.send(WATCH, b"device\0t\0")
        kernel.send(WRITE, b"device/vif/0/state\0001")
    for kernel in kernels:
        for _ in range(4):  # two answers, two events
            kernel.message()
    asker = kernels[domains // 2]
    counter = Counter(world)

    def event(i):
        asker.write(b"device/vif/0/state", b"4")
        asker.events.clear()

    def client(i):
        new = Client(world)
        new.read(b"/")
        new.close()

    result = {
        "read": counter.cost(lambda i: asker.read(b"device/vif/0/state"), times),
        "watch event": counter.cost(event, times),
        "new client": counter.cost(client, times),
    }
    counter.close()
    world.end()
    return result
