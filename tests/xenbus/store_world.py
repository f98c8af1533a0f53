# SPDX-License-Identifier: GPL-2.0-only
"""A world without a hypervisor for store daemons (fake_world.h), and clients of them: at the socket, and
domains at their rings."""
import atexit
import ctypes
import glob
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = os.path.join(TOP, "build/tests/xenstored")
FACTOR = float(os.environ.get("TIME_FACTOR", "1"))

(CONTROL, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TRANSACTION_START, TRANSACTION_END, INTRODUCE,
 RELEASE, GET_DOMAIN_PATH, WRITE, MKDIR, RM, SET_PERMS, WATCH_EVENT, ERROR, IS_DOMAIN_INTRODUCED,
 RESUME, SET_TARGET) = range(20)
RESET_WATCHES, DIRECTORY_PART = 21, 22
RING = 1024
REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, FEATURES, CONNECTION, RING_ERROR = range(2048, 2076, 4)


def peer_program():
    """Debian's xenstored, unpacked from the package that dom0's image is made of; None: not there."""
    cache = os.environ.get("PAVIS_CACHE", os.path.expanduser("~/.cache/pavis"))
    debs = sorted(glob.glob(cache + "/debs/xen-utils-4.17_*.deb"))
    if not debs:
        return None
    place = os.path.join(TOP, "build/tests/peer")
    program = place + "/usr/lib/xen-4.17/bin/xenstored"
    if not os.path.exists(program):
        os.makedirs(place, exist_ok=True)
        names = ("xen-utils-4.17", "libxenmisc4.17", "libxenevtchn1", "libxengnttab1", "libxentoollog1",
                 "libxencall1", "libxentoolcore1", "libxenforeignmemory1", "libxendevicemodel1")
        for name in names:
            for deb in glob.glob("%s/debs/%s_*.deb" % (cache, name))[:1]:
                subprocess.check_call(["dpkg", "-x", deb, place])
    return program


class World:
    def __init__(self, peer=False, options=(), domains=(), wrap=(), sanitized=False):
        self.dir = tempfile.mkdtemp(prefix="xenstore-")
        atexit.register(self.end)
        os.mkdir(self.dir + "/run")
        self.path = self.dir + "/run/socket"
        self.states = {0: "alive"}
        for domid in (0,) + tuple(domains):
            self.add_domain(domid)
        with open(self.dir + "/port", "w") as f:
            f.write("7\n")
        self.driver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.driver.bind(self.dir + "/driver")
        env = dict(os.environ, FAKE_XEN=self.dir, XENSTORED_RUNDIR=self.dir + "/run",
                   XENSTORED_PATH=self.path)
        if peer:
            program = peer_program()
            libs = os.path.join(TOP, "build/tests/peer/usr/lib")
            env["LD_PRELOAD"] = os.path.join(TOP, "build/tests/xenstore-peer.so")
            env["LD_LIBRARY_PATH"] = "%s/x86_64-linux-gnu:%s/xen-4.17/lib/x86_64-linux-gnu" % (libs, libs)
        else:
            program = OURS + "-sanitized" if sanitized else OURS
        command = list(wrap) + [program, "-N", "--pid-file", self.dir + "/pid"] + list(options)
        self.log = open(self.dir + "/log", "wb")
        self.process = subprocess.Popen(command, env=env, stdout=self.log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL)
        limit = time.monotonic() + 20 * FACTOR
        while True:
            try:
                Client(self).close()
                return
            except OSError:
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise SystemExit("the daemon does not start: " + self.said())
                time.sleep(0.02)

    def said(self):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def add_domain(self, domid, state="alive"):
        self.states[domid] = state
        with open("%s/ring-%d" % (self.dir, domid), "wb") as f:
            f.write(bytes(4096))
        self.write_states()

    def set_state(self, domid, state):
        if state:
            self.states[domid] = state
        else:
            del self.states[domid]
        self.write_states()
        self.event(1)

    def write_states(self):
        with open(self.dir + "/new", "w") as f:
            for domid in sorted(self.states):
                f.write("%d %s\n" % (domid, self.states[domid]))
        os.rename(self.dir + "/new", self.dir + "/domains")

    def event(self, port):
        for _ in range(2000):
            try:
                self.driver.sendto(b"%d" % port, self.dir + "/daemon")
                return
            except OSError:
                time.sleep(0.01)
        raise SystemExit("the daemon takes no events: " + self.said())

    def processes(self):
        """(daemon, keeper) of ours, by the names that they give themselves."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/comm"):
            pid = path.split("/")[2]
            try:
                with open(path) as f:
                    name = f.read().strip()
                with open("/proc/%s/environ" % pid, "rb") as f:
                    mine = b"FAKE_XEN=" + self.dir.encode() + b"\0" in f.read()
            except OSError:
                continue
            if mine and name in ("xenstored", "xenstore-keeper"):
                found[name] = int(pid)
        return found.get("xenstored"), found.get("xenstore-keeper")

    def kill(self, which=0):
        """SIGKILL for the daemon (0) or its keeper (1); whether there was one."""
        pid = self.processes()[which]
        if pid:
            os.kill(pid, signal.SIGKILL)
        return bool(pid)

    def end(self):
        if getattr(self, "process", None):
            # Each of the two would make another one of the other: SIGTERM ends both.
            for how in [signal.SIGTERM] * 20 + [signal.SIGKILL] * 80:
                found = [pid for pid in self.processes() if pid]
                if not found:
                    break
                for pid in found:
                    try:
                        os.kill(pid, how)
                    except ProcessLookupError:
                        pass
                self.process.poll()
                time.sleep(0.05)
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process = None
        shutil.rmtree(self.dir, ignore_errors=True)


class Connection:
    """What both kinds of clients have in common."""

    def __init__(self):
        self.req_id = 0
        self.buffer = b""
        self.events = []  # (path, token) that came

    def send(self, kind, payload=b"", tx=0):
        self.req_id += 1
        self.put(struct.pack("<4I", kind, self.req_id, tx, len(payload)) + payload)
        return self.req_id

    def need(self, n):
        while len(self.buffer) < n:
            self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def message(self):
        kind, req_id, tx, n = struct.unpack("<4I", self.need(16))
        return kind, req_id, tx, self.need(n)

    def answer(self, req_id):
        """(type, payload) of the answer; events that come before it are kept."""
        while True:
            kind, got, _, data = self.message()
            if kind == WATCH_EVENT:
                self.events.append(tuple(data.split(b"\0")[:2]))
                continue
            if got != req_id:
                raise AssertionError("answer to request %d, not to %d" % (got, req_id))
            return kind, data

    def ask(self, kind, payload=b"", tx=0):
        return self.answer(self.send(kind, payload, tx))

    def ok(self, kind, payload=b"", tx=0):
        got, data = self.ask(kind, payload, tx)
        assert got == kind, (kind, payload, got, data)
        return data

    def write(self, path, value=b"", tx=0):
        return self.ok(WRITE, path + b"\0" + value, tx)

    def read(self, path, tx=0):
        return self.ok(READ, path + b"\0", tx)

    def flush_events(self):
        """All events so far: those that were caused before an answer come before it."""
        self.ask(READ, b"/\0")
        events, self.events = self.events, []
        return events


class Client(Connection):
    def __init__(self, world):
        super().__init__()
        self.s = socket.socket(socket.AF_UNIX)
        for attempt in range(100):  # the peer's queue of waiting clients is short
            try:
                self.s.connect(world.path)
                break
            except BlockingIOError:
                time.sleep(0.02)
        self.s.settimeout(30 * FACTOR)

    def put(self, data):
        self.s.sendall(data)

    def more(self):
        data = self.s.recv(65536)
        if not data:
            raise EOFError("the daemon closed the connection")
        self.buffer += data

    def close(self):
        self.s.close()


class Domain(Connection):
    """A domain's kernel at its ring."""

    def __init__(self, world, domid, port=None):
        super().__init__()
        self.world, self.domid, self.port = world, domid, 1000 + (port or 10 + domid)
        with open("%s/ring-%d" % (world.dir, domid), "r+b") as f:
            self.page = mmap.mmap(f.fileno(), 4096)
        # An index has to be read and written whole, which struct does not do.
        self.words = (ctypes.c_uint32 * 1024).from_buffer(self.page)

    def get32(self, offset):
        return self.words[offset // 4]

    def set32(self, offset, value):
        self.words[offset // 4] = value & 0xffffffff

    def wait(self, what):
        limit = time.monotonic() + 30 * FACTOR
        pause = 0.0
        while not what():
            if time.monotonic() > limit:
                raise TimeoutError("ring of domain %d" % self.domid)
            time.sleep(pause)
            pause = min(pause + 0.0001, 0.005)

    def put(self, data):
        for i in range(len(data)):
            prod = self.get32(REQ_PROD)
            if (prod - self.get32(REQ_CONS)) & 0xffffffff >= RING:
                self.world.event(self.port)
                self.wait(lambda: (prod - self.get32(REQ_CONS)) & 0xffffffff < RING)
            self.page[prod % RING] = data[i]
            self.set32(REQ_PROD, prod + 1)
        self.world.event(self.port)

    def more(self):
        self.wait(lambda: self.get32(RSP_PROD) != self.get32(RSP_CONS))
        cons, prod = self.get32(RSP_CONS), self.get32(RSP_PROD)
        out = bytearray()
        while cons != prod:
            out.append(self.page[1024 + cons % RING])
            cons = (cons + 1) & 0xffffffff
        self.set32(RSP_CONS, cons)
        self.world.event(self.port)
        self.buffer += bytes(out)

    def introduce(self, client):
        return client.ask(INTRODUCE, b"%d\0001\000%d\0" % (self.domid, self.port - 1000))
