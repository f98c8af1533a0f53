#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: an NBD server that hangs up anywhere, stalls or says nonsense fails no request and ends no worker
# TIMEOUT: 90
"""usage: test-blkback-nbd.py [KILLS [SEED]]

blkback under sanitizers beside our store, with the guest of blk_kill.c, whose disk Debian's qemu-nbd has; between
the two is somebody who passes bytes on, but not for long.
"""
import os
import random
import socket
import subprocess
import sys
import threading
import time

from store_world import TOP, World

HONEST = 2  # connections at first: the size is believed


class Between:
    def __init__(self, path, real, chance):
        self.real = real
        self.chance = chance
        self.left = 0  # bytes, until
        self.fate = ""
        self.ended = False
        self.count = {"connections": 0, "cut": 0, "garbled": 0, "stalled": 0}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            client = self.listener.accept()[0]
            self.count["connections"] += 1
            try:
                self.serve(client)
            except OSError:
                pass
            client.close()

    def serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        while True:
            try:
                server.connect(self.real)
                break
            except OSError:  # it was killed, and comes back
                time.sleep(0.01)
        self.ended = False
        self.left = 1 << 60
        if self.count["connections"] > HONEST:
            self.left = self.chance.choice((self.chance.randrange(200), self.chance.randrange(1 << 18), 1 << 20))
        self.fate = self.chance.choice(("cut", "garbled", "garbled", "stalled"))
        there = threading.Thread(target=self.pump, args=(client, server, server))
        there.start()
        self.pump(server, client, server)
        there.join()
        server.close()

    def pass_on(self, source, sink, server):
        data = source.recv(65536)
        if not data or self.ended:
            return False
        self.left -= len(data)
        if self.left <= 0:
            self.left = 1 << 60
            self.count[self.fate] += 1
            if self.fate == "garbled" and source is server:
                at = self.chance.randrange(len(data))
                sink.sendall(data[:at] + self.chance.randbytes(self.chance.randrange(1, 100)))
            if self.fate != "stalled":
                return False
            time.sleep(0.3)
        sink.sendall(data)
        return True

    def pump(self, source, sink, server):
        """Until one of the two ends it, or fate; then what has come is done before the connection is closed."""
        try:
            while self.pass_on(source, sink, server):
                pass
        except OSError:
            pass
        self.ended = True
        try:
            server.shutdown(socket.SHUT_WR)
            while source is server and source.recv(65536):
                pass
            if source is server:
                sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    kills = sys.argv[1] if len(sys.argv) > 1 else "10"
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    world = World(domains=(7,))
    between = Between(world.dir + "/nbd", world.dir + "/real", random.Random(int(seed)))
    env = dict(os.environ, XENSTORED_PATH=world.path, BLKBACK=TOP + "/build/tests/blkback", NBD_SOCKET="real")
    with open(world.dir + "/back.log", "w+") as log:
        status = subprocess.call([TOP + "/build/tests/blk_kill", world.dir, kills, "2", seed, "nbd"], env=env, stderr=log)
        log.seek(0)
        text = log.read()
    print(", ".join("%d %s" % (n, what) for what, n in between.count.items()))
    if "Sanitizer" in text and "sigaltstack" not in text:
        print("the worker has made a mistake")
        status = 1
    if status:
        sys.stdout.write(text[-4000:])
    return status


if __name__ == "__main__":
    sys.exit(main())
