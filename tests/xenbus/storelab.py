# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the store's library and programs share: Debian's xenstored without Xen, a proxy that
writes down what clients ask, and a daemon that answers from a script."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEER = os.path.join(TOP, "build", "xenbus-peer")
OUR_BIN = os.path.join(TOP, "build", "root", "usr", "bin")
OUR_LIB = os.path.join(TOP, "build", "root", "usr", "lib", "x86_64-linux-gnu")
PEER_LIB = os.path.join(PEER, "lib")
LIMIT = 20 * float(os.environ.get("TIME_FACTOR", "1"))  # s, for whatever should take milliseconds

HEADER = struct.Struct("<IIII")
TYPES = ("CONTROL DIRECTORY READ GET_PERMS WATCH UNWATCH TRANSACTION_START TRANSACTION_END INTRODUCE "
         "RELEASE GET_DOMAIN_PATH WRITE MKDIR RM SET_PERMS WATCH_EVENT ERROR IS_DOMAIN_INTRODUCED RESUME "
         "SET_TARGET RESTRICT RESET_WATCHES DIRECTORY_PART").split()
NUMBER = {name: number for number, name in enumerate(TYPES)}


def peer_prepare():
    subprocess.run([os.path.join(TOP, "tests", "xenbus", "peer.sh"), PEER], check=True)


def receive(sock):
    """One message: (type, request, transaction, payload), or None at the end."""
    def exactly(size):
        data = b""
        while len(data) < size:
            more = sock.recv(size - len(data))
            if not more:
                return None
            data += more
        return data
    header = exactly(HEADER.size)
    if header is None:
        return None
    kind, request, transaction, length = HEADER.unpack(header)
    payload = exactly(length)
    return None if payload is None else (kind, request, transaction, payload)


def message(kind, request, transaction, payload):
    return HEADER.pack(kind, request, transaction, len(payload)) + payload


class Server:
    """Listens at folder/socket and serves each connection in a thread of its own."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, "socket"))
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_quietly, args=(client,), daemon=True).start()

    def serve_quietly(self, client):
        try:
            self.serve(client)
        except OSError:
            pass
        client.close()

    def serve(self, client):
        raise NotImplementedError

    def close(self):
        self.listener.close()
        os.unlink(os.path.join(self.folder, "socket"))


class Proxy(Server):
    """Between clients and the daemon at `behind`; log has what was asked, transactions by their order."""

    def __init__(self, folder, behind):
        self.behind = behind
        self.log = []
        self.transactions = {0: 0}
        super().__init__(folder)

    def serve(self, client):
        daemon = socket.socket(socket.AF_UNIX)
        daemon.connect(self.behind)
        threading.Thread(target=self.answers, args=(daemon, client), daemon=True).start()
        while True:
            request = receive(client)
            if request is None:
                break
            kind, _, transaction, payload = request
            number = self.transactions.setdefault(transaction, len(self.transactions))
            self.log.append((TYPES[kind], number, payload))
            daemon.sendall(message(*request))
        daemon.shutdown(socket.SHUT_RDWR)
        daemon.close()

    def answers(self, daemon, client):
        try:
            while True:
                data = daemon.recv(65536)
                if not data:
                    break
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def taken(self):
        log, self.log, self.transactions = self.log, [], {0: 0}
        return log


class Script(Server):
    """Answers by `answer(type name, transaction, payload)`: (type name, payload), or an error's name."""

    def __init__(self, folder, answer):
        self.answer = answer
        self.log = []
        super().__init__(folder)

    def serve(self, client):
        while True:
            request = receive(client)
            if request is None:
                return
            kind, number, transaction, payload = request
            self.log.append((TYPES[kind], transaction, payload))
            answer = self.answer(TYPES[kind], transaction, payload)
            if isinstance(answer, str):
                answer = ("ERROR", answer.encode() + b"\0")
            client.sendall(message(NUMBER[answer[0]], number, transaction, answer[1]))


class Daemon:
    """Debian's xenstored on the host, or another program that takes the same options."""

    def __init__(self, folder, program=os.path.join(PEER, "bin", "xenstored"), preload="xenless.so"):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.socket = os.path.join(folder, "socket")
        env = dict(os.environ, XENSTORED_RUNDIR=folder, LD_LIBRARY_PATH=PEER_LIB)
        if preload:
            env["LD_PRELOAD"] = os.path.join(TOP, "build", "tests", preload)
        self.process = subprocess.Popen([program, "-N"], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + LIMIT
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("xenstored does not start")
            time.sleep(0.01)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(self.socket)
                return True
            except OSError:
                return False

    def stop(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()


class Lab:
    """A temporary folder, gone at the end, and a count of what failed."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="store")
        self.passed = self.failed = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def check(self, ok, what, *details):
        if ok:
            self.passed += 1
            return
        self.failed += 1
        print("FAIL", what)
        for line in details:
            print("    ", line)

    def finish(self):
        shutil.rmtree(self.folder)
        print("DONE %d passed %d failed" % (self.passed, self.failed))
        return 1 if self.failed else 0
