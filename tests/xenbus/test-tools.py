#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: our xenstore-* programs, and Debian's on our library, ask, print and end as Debian's do
# TIMEOUT: 120
"""Runs each command three times, on three stores of Debian's xenstored that are equal before it: Debian's
program with Debian's library, ours with ours, Debian's with ours.  What the daemon is asked, standard output,
standard error, status and at last the whole store must be the same.  Where a daemon must answer what a
real one does not at will (a conflict, a refusal of a control command), a scripted one does."""
import fcntl
import os
import random
import re
import struct
import subprocess
import sys
import termios

from storelab import (LIMIT, OUR_BIN, OUR_LIB, PEER, PEER_LIB, Daemon, Lab, Proxy, Script, peer_prepare)

# name: folder of programs, library path
KINDS = {
    "debian": (os.path.join(PEER, "bin"), PEER_LIB),
    "ours": (OUR_BIN, OUR_LIB),
    "mixed": (os.path.join(PEER, "bin"), OUR_LIB + ":" + PEER_LIB),
}
SEED = 20261121
ODD = ["", "/", "//", "a", "/a/", "a/b", "@releaseDomain", "/a//b", "/no/such", "/a b", "/" + "x" * 3100, "../a",
       "/a/../b", "/" + "d/" * 200 + "d", "/ünicode"]
VALUES = ["", "1", "two words", r"tab\tnl\ncr\rbs\\", r"\x41\x7f\xff", r"\007\1012\0", r"end\ ".strip(), r"\q\x",
          r"\x4", r"\xzz", "ü", "v" * 200, "v" * 3000, "%s%n", "a\tb\x01\x7f"]
FIXED = """
xenstore|
xenstore|nonsense
xenstore-nonsense|a
xenstore|read
xenstore|read|-h
xenstore-read|--help
xenstore-read|-z|/a
xenstore-read|--no-such|/a
xenstore-read|--pre|/a
xenstore-read|-t|/a
xenstore-list|-R|/a
xenstore-ls|-u
xenstore-ls|-h
xenstore-list|-h
xenstore-exists|-h
xenstore-exists|-p|/a
xenstore-rm|-h
xenstore-rm|-p|/a
xenstore-chmod|-h
xenstore-chmod|-f|/a
xenstore-watch|-h
xenstore-watch|-p|/a
xenstore-write|-h
xenstore-write|-n|3
xenstore-write|/a
xenstore-write|/a|1|/b
xenstore-write
xenstore-read
xenstore-read|-n
xenstore-write|/a|1
xenstore-write|/a/b/c|deep|/a/b/d|also
xenstore-write|-s|/s|socket
xenstore-write|--raw|/raw|x\\x41\\n
xenstore-write|/big|{big}
xenstore-write|/toolong|{toolong}
xenstore-write|/ok|1|bad|2
xenstore-read|/ok
xenstore-read|/a|/a/b/c|/a/b/d
xenstore-read|-p|/a|/a/b/c
xenstore-read|-R|/a|/raw
xenstore-read|-pR|/raw
xenstore-read|/a|/none|/a
xenstore|read|-p|/a
xenstore|write|/w|1
xenstore-exists|/a|/w
xenstore-exists|/a|/none
xenstore-list|/|/a/b
xenstore-list|-p|/|/a
xenstore-list|/none
xenstore-ls
xenstore-ls|-p
xenstore-ls|-f
xenstore-ls|-fp
xenstore-ls|/a|/w
xenstore-ls|/none
xenstore-ls|-p|/a/b
xenstore-ls|a
xenstore-chmod|/a|r0
xenstore-chmod|/a|b0|r0
xenstore-chmod|/a|x0
xenstore-chmod|/a|
xenstore-chmod|/a|r
xenstore-chmod|/a|nonsense
xenstore-chmod|/a
xenstore-chmod|/none|r0
xenstore-chmod|-u|/a/b/c|w0
xenstore-chmod|-u|a|w0
xenstore-chmod|-r|/a|b0
xenstore-chmod|-ur|/a/b|n0|r0
xenstore-chmod||n0
xenstore-ls|-p
xenstore-rm|-t|/a/b/c
xenstore-rm|-t|/a/b/d
xenstore-rm|/a|/none
xenstore-rm|/none/none
xenstore-rm|/
xenstore-rm|/w|/s
xenstore-write|/t/1/2/3/4|
xenstore-rm|-t|/t/1/2/3/4
xenstore-write|/many/{many}
xenstore-watch|-n|0|/a
xenstore-watch|-n|1|/a
xenstore-watch|-n|2|/a|/many
xenstore-watch|-n|1|bad//path
xenstore-watch|--number=2|/a|@releaseDomain
xenstore-control|
xenstore-control|help
xenstore-control|check
xenstore-control|print|hello|world
xenstore-control|log|on
xenstore-control|nonsense
xenstore-control|print|{toolong}
xenstore-control|quota
xenstore-control|live-update
xenstore-control|live-update|-c
xenstore-control|live-update|-t
xenstore-control|live-update|/no/such/program
xenstore-control|live-update|-F|-t|3|-c|x y|/no/such/program
xenstore-ls|-p
"""


def run(kind, folder, args, terminal=None):
    """Status, output, errors; with the output to a terminal of so many columns."""
    binaries, libraries = KINDS[kind]
    program = args[0] if os.path.exists(os.path.join(binaries, args[0])) else "xenstore"
    env = dict(os.environ, XENSTORED_RUNDIR=folder, LD_LIBRARY_PATH=libraries, LC_ALL="C")
    master = None
    output = subprocess.PIPE
    if terminal:
        master, output = os.openpty()
        fcntl.ioctl(output, termios.TIOCSWINSZ, struct.pack("HHHH", 24, terminal, 0, 0))
    child = subprocess.Popen(args, executable=os.path.join(binaries, program), env=env, stdin=subprocess.DEVNULL,
                             stdout=output, stderr=subprocess.PIPE)
    if terminal:
        os.close(output)
        text = b""
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:
                break
            if not more:
                break
            text += more
        os.close(master)
        errors = child.stderr.read()
        child.wait(LIMIT)
    else:
        text, errors = child.communicate(timeout=LIMIT)
    return child.returncode, text, errors


class Comparison:
    def __init__(self, lab):
        self.lab = lab
        self.daemons = {kind: Daemon(lab.path(kind)) for kind in KINDS}
        self.proxies = {kind: Proxy(lab.path(kind + "-proxy"), self.daemons[kind].socket) for kind in KINDS}

    def command(self, args, terminal=None):
        results = {}
        for kind in KINDS:
            folder = self.proxies[kind].folder
            results[kind] = (*run(kind, folder, args, terminal), self.proxies[kind].taken())
        for kind in ("ours", "mixed"):
            ok = results[kind] == results["debian"]
            self.lab.check(ok, "%s: %s" % (kind, " ".join(args)[:200]),
                           *("%s: %s" % (k, str(results[k])[:600]) for k in ("debian", kind)))

    def stop(self):
        """From now on nobody listens."""
        for kind in KINDS:
            self.daemons[kind].stop()
            self.proxies[kind].close()


def fixed():
    for line in FIXED.strip().splitlines():
        line = line.replace("{big}", "b" * 2000).replace("{toolong}", "c" * 5000)
        if "{many}" in line:  # more names than fit into one message
            for first in range(0, 450, 150):
                pairs = [[("/many/%s-%03d" % ("n" * 20, i)), str(i)] for i in range(first, first + 150)]
                yield ["xenstore-write"] + sum(pairs, [])
            yield ["xenstore-list", "/many"]
            continue
        args = line.split("|")
        yield args[:1] if args[1:] == [""] and args[0] in ("xenstore", "xenstore-control") else args


def made_up(rng, count):
    """Commands of random words, most of them sensible."""
    words = ["a", "b", "c", "device", "0", "backend-id"]
    def path():
        if rng.random() < 0.15:
            return rng.choice(ODD)
        return "/" + "/".join(rng.choice(words) for _ in range(rng.randint(1, 4)))
    for _ in range(count):
        name = rng.choice(["read", "read", "write", "write", "write", "rm", "list", "exists", "ls", "chmod"])
        options = {"read": "pRs", "write": "Rs", "rm": "ts", "list": "ps", "exists": "s", "ls": "fps",
                   "chmod": "urs"}[name]
        args = ["xenstore-" + name] + ["-" + o for o in options if rng.random() < 0.3]
        if name == "write":
            for _ in range(rng.choice([1, 1, 2])):
                args += [path(), rng.choice(VALUES)]
        elif name == "chmod":
            args += [path()] + [rng.choice("nrwb") + "0" for _ in range(rng.choice([1, 1, 2]))]
            if "-r" in args and args[1 + args[1:].index("-r") + 1:][0:1] == ["/"]:
                continue
        else:
            args += [path() for _ in range(rng.choice([1, 1, 2]))]
        yield args


def differs_on_purpose(args):
    """chmod -r /: Debian's asks for //child, and is refused; see xenbus/tools/README.md."""
    return args[0] == "xenstore-chmod" and "-r" in args and "/" in args


def with_script(lab, name, args, answer_maker):
    """The same command against a scripted daemon, one for each kind."""
    results = {}
    for kind in KINDS:
        server = Script(lab.path("script-%s-%s" % (re.sub(r"\W", "", name), kind)), answer_maker())
        results[kind] = (*run(kind, server.folder, args), server.log)
        server.close()
    for kind in ("ours", "mixed"):
        lab.check(results[kind] == results["debian"], "%s, scripted: %s" % (kind, name),
                  *("%s: %s" % (k, results[k]) for k in ("debian", kind)))


def conflicts():
    """Two ends fail with EAGAIN, the third succeeds."""
    state = {"ends": 0, "next": 0}
    def answer(kind, transaction, payload):
        if kind == "TRANSACTION_START":
            state["next"] += 1
            return kind, b"%d\0" % state["next"]
        if kind == "TRANSACTION_END":
            state["ends"] += 1
            return "EAGAIN" if state["ends"] < 3 else (kind, b"OK\0")
        if kind == "READ":
            return kind, b"value %d" % state["ends"]
        return kind, b"OK\0"
    return answer


def refusing(error):
    return lambda: lambda kind, transaction, payload: error


def busy():
    """A live update that is busy once."""
    state = {"asked": 0}
    def answer(kind, transaction, payload):
        if kind != "CONTROL":
            return "ENOENT"
        if payload.startswith(b"live-update\0-s\0"):
            state["asked"] += 1
            return kind, b"BUSY\0" if state["asked"] == 1 else b"OK\0"
        return kind, b"OK\0"
    return answer


def refused_update():
    def answer(kind, transaction, payload):
        if kind != "CONTROL":
            return "ENOENT"
        return kind, b"no such thing\0" if b"\0-s\0" in payload else b"OK\0"
    return answer


def vanishing():
    """A node that goes away while ls looks: its value, then its directory."""
    def answer(kind, transaction, payload):
        if kind == "DIRECTORY":
            return (kind, b"x\0y\0") if payload == b"/\0" else "ENOENT"
        if kind == "READ":
            return (kind, b"v") if payload == b"/x\0" else "ENOENT"
        return kind, b"n0\0r5\0b4294967295\0"
    return answer


def main():
    peer_prepare()
    lab = Lab()
    comparison = Comparison(lab)
    for args in fixed():
        comparison.command(args)
    for args in made_up(random.Random(SEED), 150):
        if not differs_on_purpose(args):
            comparison.command(args)
    for columns in (20, 40, 132):
        comparison.command(["xenstore-ls", "-p"], columns)
        comparison.command(["xenstore-ls", "-f"], columns)
    comparison.stop()
    for name in ("read", "ls", "watch", "control"):
        comparison.command(["xenstore-" + name, "/a"])

    with_script(lab, "conflict", ["xenstore-read", "-p", "/a", "/b"], conflicts)
    with_script(lab, "conflict write", ["xenstore-write", "/a", "1", "/b", "2"], conflicts)
    with_script(lab, "conflict rm", ["xenstore-rm", "/a"], conflicts)
    for error in ("ENOSPC", "EIO", "EINVAL", "E2BIG", "EWHATEVER", ""):
        with_script(lab, "refused " + error, ["xenstore-write", "/a", "1"], refusing(error))
        with_script(lab, "control refused " + error, ["xenstore-control", "x"], refusing(error))
        with_script(lab, "ls refused " + error, ["xenstore-ls"], refusing(error))
    with_script(lab, "live update", ["xenstore-control", "live-update", "-t", "5", "-c", "a b", "/new"], busy)
    with_script(lab, "live update refused", ["xenstore-control", "live-update", "/new"], refused_update)
    with_script(lab, "vanishing", ["xenstore-ls", "-p"], vanishing)
    return lab.finish()


if __name__ == "__main__":
    sys.exit(main())
