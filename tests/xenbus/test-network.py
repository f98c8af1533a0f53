#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# CLAIM: a network of pavis' own gives addresses and reaches the world; after its end, and after kills anywhere, nothing is left
# TIMEOUT: 90
"""usage: test-network.py [KILLS [SEED]]

In a network namespace with a /run of its own, on this machine's kernel, with Debian's dnsmasq and nftables. A
guest is another namespace with a cable to the bridge, the world is a third one behind a cable to "dom0".
"""
import ctypes
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAVIS = TOP + "/build/root/usr/sbin/pavis"
CARD = TOP + "/build/tests/net_card"
MAC = "00:16:3e:00:00:01"
MAC2 = "00:16:3e:00:00:02"
FOLDER = "/run/pavis-networks"
WORLD = "203.0.113.1"  # for documentation (RFC 5737): nobody's
failures = 0


def check(name, ok, text=""):
    global failures
    failures += not ok
    print("TEST %s %s%s" % (name, "ok" if ok else "FAIL", "" if ok else ": %s" % (text,)), flush=True)
    return ok


def run(*command, status=0, ns=None):
    if ns:
        command = ("nsenter", "-t", str(ns), "-n") + command
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    if status is not None and done.returncode != status:
        raise SystemExit("%s: status %d: %s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout.strip()


class Space:
    """A network namespace, held by a process of ours, with a cable to a bridge or to this one."""

    def __init__(self, name, mac=None, bridge=None):
        self.child = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
        self.child.stdout.readline()
        self.pid = self.child.pid
        self.name = name
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        if mac:
            run("ip", "link", "set", "eth0", "address", mac, ns=self.pid)
        if bridge:
            run("ip", "link", "set", name, "master", bridge)
        run("ip", "link", "set", name, "up")
        run("ip", "link", "set", "eth0", "up", ns=self.pid)
        run("ip", "link", "set", "lo", "up", ns=self.pid)

    def enter(self, function):
        """What function() returns, a text, in this namespace."""
        out, into = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                fd = os.open("/proc/%d/ns/net" % self.pid, os.O_RDONLY)
                if ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                os.write(into, (function() or "").encode())
            except Exception as error:  # pylint: disable=broad-except
                os.write(into, ("error %r" % error).encode())
            os._exit(0)
        os.close(into)
        text = b""
        while True:
            part = os.read(out, 4096)
            if not part:
                break
            text += part
        os.close(out)
        os.waitpid(pid, 0)
        return text.decode()

    def end(self):
        run("ip", "link", "del", self.name, status=None)
        self.child.kill()
        self.child.wait()


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def dhcp(mac):
    """An address by DHCP as a guest gets it: "address router"."""
    def ask():
        raw = bytes.fromhex(mac.replace(":", ""))
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        sock.bind(("eth0", 0))
        sock.settimeout(0.5)

        def send(options):
            bootp = struct.pack("!BBBBIHH4s4s4s4s16s192x4s", 1, 1, 6, 0, 0x1234, 0, 0x8000, b"", b"", b"", b"",
                                raw, b"\x63\x82\x53\x63") + options + b"\xff"
            udp = struct.pack("!HHHH", 68, 67, 8 + len(bootp), 0) + bootp
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\0" * 4, b"\xff" * 4)
            head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
            sock.send(b"\xff" * 6 + raw + b"\x08\x00" + head + udp)

        def answer(kind):
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                try:
                    frame = sock.recv(2048)
                except socket.timeout:
                    return None
                at = 14 + (frame[14] & 15) * 4
                if frame[23] != 17 or frame[at + 2:at + 4] != b"\x00\x44" or frame[at + 12:at + 16] != b"\0\0\x12\x34":
                    continue
                bootp, options = frame[at + 8:], {}
                rest = bootp[240:]
                while rest and rest[0] != 255:
                    options[rest[0]] = rest[2:2 + rest[1]]
                    rest = rest[2 + rest[1]:]
                if options.get(53) == bytes([kind]):
                    return bootp[16:20], options
            return None

        for _ in range(20):
            send(b"\x35\x01\x01\x37\x02\x03\x06")
            offer = answer(2)
            if not offer:
                continue
            send(b"\x35\x01\x03\x32\x04" + offer[0] + b"\x36\x04" + offer[1][54] + b"\x37\x02\x03\x06")
            lease = answer(5)
            if lease:
                return "%s %s" % (socket.inet_ntoa(lease[0]), socket.inet_ntoa(lease[1].get(3, b"\0\0\0\0")[:4]))
        return "no answer"
    return ask


def settle(space, address, router):
    run("ip", "addr", "replace", address + "/24", "dev", "eth0", ns=space.pid)
    run("ip", "route", "replace", "default", "via", router, ns=space.pid)


def serve(space, address):
    """A server there, which says to each caller who it is."""
    def listen():
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, 7))
        server.listen()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_WRONLY)
            for fd in range(3, 20):
                if fd not in (null, server.fileno()):
                    try:
                        os.close(fd)
                    except OSError:
                        pass
            signal.alarm(80)
            while True:
                peer, who = server.accept()
                peer.sendall(who[0].encode())
                peer.close()
        return "listens"
    return space.enter(listen)


def call(address):
    def connect():
        peer = socket.create_connection((address, 7), timeout=1.5)
        return peer.recv(100).decode()
    return connect


def resolve(name, server):
    """The address that the network's DNS server has for a name."""
    def ask():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(3)
        sock.sendto(b"\x00\x07\x01\x00\x00\x01\0\0\0\0\0\0" + bytes([len(name)]) + name.encode() + b"\0\0\1\0\1", (server, 53))
        return socket.inet_ntoa(sock.recv(512)[-4:])
    return ask


def state():
    """All that a network could leave behind."""
    files = []
    for folder, _, names in os.walk(FOLDER):
        files += [os.path.join(folder, n) for n in names]
    servers = [p for p in os.listdir("/proc") if p.isdigit() and is_server(p)]
    with open("/proc/sys/net/ipv4/ip_forward") as f:
        forward = f.read().strip()
    return (run("ip", "-o", "link", "show", "type", "bridge"), run("nft", "list", "ruleset"), sorted(files), servers, forward)


def is_server(pid):
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as f:
            return FOLDER.encode() in f.read() and os.readlink("/proc/%s/ns/net" % pid) == os.readlink("/proc/self/ns/net")
    except OSError:
        return False


NOTHING = ("", "", [], [], "0")


def test_life():
    bridge, ip, gateway = run(CARD, "ensure", "nat", "1", MAC, "demo").split()
    check("ensure", bridge == "pv-nat" and ip.startswith("10.193.0.") and gateway == "10.193.0.1", (bridge, ip, gateway))
    check("same-again", run(CARD, "ensure", "nat", "1", MAC, "demo").split() == [bridge, ip, gateway])
    check("address-taken", "another guest has a card" in run(CARD, "ensure", "nat", "2", MAC, status=1))
    other = run(CARD, "ensure", "nat", "2", MAC2, "zwei").split()[1]
    check("others-address", other != ip)
    world = Space("world")
    run("ip", "addr", "add", "203.0.113.2/24", "dev", "world")
    run("ip", "addr", "add", WORLD + "/24", "dev", "eth0", ns=world.pid)
    guest, second = Space("guest", MAC, bridge), Space("second", MAC2, bridge)
    stranger = Space("stranger", "00:16:3e:00:00:99", bridge)
    lease = guest.enter(dhcp(MAC))
    check("lease", lease == "%s %s" % (ip, gateway), lease)
    lease = second.enter(dhcp(MAC2))
    check("lease-of-another", lease == "%s %s" % (other, gateway), lease)
    lease = stranger.enter(dhcp("00:16:3e:00:00:99")).split()[0]
    check("lease-of-a-stranger", lease.startswith("10.193.0.") and int(lease.split(".")[3]) >= 192, lease)
    settle(guest, ip, gateway)
    settle(second, other, gateway)
    serve(world, WORLD)
    serve(guest, ip)
    got = guest.enter(call(WORLD))
    check("nat", got == "203.0.113.2", got)  # the world sees dom0, and has no route to the guest
    got = second.enter(call(ip))
    check("between-guests", got == other, got)
    got = guest.enter(resolve("zwei", gateway))
    check("names", got == other, got)
    run("ip", "route", "add", "10.193.0.0/24", "via", "203.0.113.2", ns=world.pid)
    got = world.enter(call(ip))
    check("not-from-outside", got.startswith("error"), got)
    run("ip", "addr", "add", "192.0.2.77/24", "dev", "eth0", ns=guest.pid)
    run("ip", "addr", "del", ip + "/24", "dev", "eth0", ns=guest.pid)
    run("ip", "route", "replace", "default", "via", gateway, "dev", "eth0", "onlink", ns=guest.pid)
    run("ip", "route", "add", "192.0.2.0/24", "via", "203.0.113.2", ns=world.pid)
    got = guest.enter(call(WORLD))
    check("foreign-source", got.startswith("error"), got)
    run(CARD, "release", "2")
    check("stays-for-one", state()[3] and "pv-nat" in state()[0] and MAC2 not in open(FOLDER + "/nat/hosts").read())
    run(CARD, "release", "1", MAC2)
    check("not-its-card", "pv-nat" in state()[0])
    run(CARD, "release", "1", MAC)
    check("gone", state() == NOTHING, state())
    check("again", run(CARD, "ensure", "nat", "1", MAC).split()[1] == ip)
    for s in (world, guest, second, stranger):
        s.end()
    check("cleaned", run(CARD, "clean", "2") == "1" and state() == NOTHING, state())


def test_by_hand():
    run(PAVIS, "net-create", "lab", "--mode", "isolated", "--subnet", "10.9.8.0/28")
    ip = run(CARD, "ensure", "lab", "1", MAC).split()[1]
    check("subnet", ip.startswith("10.9.8.") and "10.9.8.1/28" in run(PAVIS, "net-list"))
    check("does-not-forward", state()[4] == "0")
    guest = Space("guest", MAC, "pv-lab")
    lease = guest.enter(dhcp(MAC))
    check("lease-without-router", lease == "%s 0.0.0.0" % ip, lease)
    guest.end()
    for n in range(2, 11):  # twelve have addresses in it, but 3 are for others
        run(CARD, "ensure", "lab", str(n), "00:16:3e:00:01:%02x" % n)
    text = run(CARD, "ensure", "lab", "99", "00:16:3e:00:02:00", status=1)
    check("full", "addresses" in text and "subnet" in text, text)
    text = run(PAVIS, "net-destroy", "lab", status=1)
    check("in-use", "guests have 10 cards" in text, text)
    text = run(PAVIS, "net-create", "lab", "--subnet", "10.9.9.0/24", status=1)
    check("other-settings", "other settings" in text, text)
    run(CARD, "clean")
    check("kept", "kept" in run(PAVIS, "net-list") and "pv-lab" in state()[0])
    run(PAVIS, "net-destroy", "lab")
    check("destroyed", state() == NOTHING, state())
    run("ip", "link", "add", "dummy", "type", "bridge")
    run("ip", "addr", "add", "10.193.0.77/16", "dev", "dummy")
    run("ip", "link", "set", "dummy", "up")
    text = run(PAVIS, "net-create", "x", "--subnet", "10.193.4.0/24", status=1)
    check("taken-subnet", "route" in text, text)
    ip = run(CARD, "ensure", "nat", "1", MAC).split()[1]
    check("finds-another", ip.startswith("192.168."), ip)
    run(CARD, "release", "1")
    text = run(PAVIS, "net-create", "y", "--bridge", "dummy", status=1)
    check("foreign-bridge", "mode=bridge" in text and "dummy" in state()[0], text)
    run(PAVIS, "net-create", "y", "--mode", "bridge", "--bridge", "dummy")
    check("named-bridge", run(CARD, "ensure", "y", "1", MAC).split() == ["dummy"])
    run(PAVIS, "net-destroy", "--force", "y")
    check("bridge-stays", "dummy" in state()[0])
    run("ip", "link", "del", "dummy")
    text = run(CARD, "ensure", "none", "1", MAC, status=1)
    check("unknown", "net-create" in text and state() == NOTHING, text)


def test_mending():
    run(CARD, "ensure", "nat", "1", MAC)
    whole = state()[:3]
    run("nft", "delete", "table", "inet", "pavis_nat")
    os.kill(int(state()[3][0]), signal.SIGKILL)
    run("ip", "link", "del", "pv-nat")
    check("damaged", "damaged" in run(PAVIS, "net-list"))
    ip = run(CARD, "ensure", "nat", "1", MAC).split()[1]
    check("mended", state()[1:3] == whole[1:3] and "damaged" not in run(PAVIS, "net-list"))
    run("ip", "link", "del", "pv-nat")  # its dnsmasq lives, but hears nothing any more
    run(CARD, "ensure", "nat", "1", MAC)
    guest = Space("guest", MAC, "pv-nat")
    lease = guest.enter(dhcp(MAC))
    check("hears-again", lease.startswith(ip), lease)
    guest.end()
    run(CARD, "release", "1")


def test_at_once():
    cards = [("nat", n, "00:16:3e:00:03:%02x" % n) for n in range(1, 13)]
    makers = [subprocess.Popen([CARD, "ensure", net, str(n), mac], stdout=subprocess.PIPE, text=True)
              for net, n, mac in cards]
    said = [m.communicate(timeout=30)[0].split() for m in makers]
    check("at-once", all(len(s) == 3 for s in said) and len({s[1] for s in said}) == len(cards), said)
    check("one-server", len(state()[3]) == 1 and state()[0].count("\n") == 0)
    enders = [subprocess.Popen([CARD, "release", str(n)]) for _, n, _ in cards]
    check("ends-at-once", all(e.wait(30) == 0 for e in enders) and state() == NOTHING, state())


def test_kills(kills, seed):
    """Killed anywhere, at making and at removing: the next one finds its way, and then nothing is left."""
    chance = random.Random(seed)
    killed = 0
    for i in range(kills):
        making = i % 2 == 0
        if not making:
            run(CARD, "ensure", "nat", "1", MAC)
        victim = subprocess.Popen([CARD] + (["ensure", "nat", "1", MAC] if making else ["release", "1"]),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.12)
        victim.kill()
        killed += victim.wait() == -signal.SIGKILL
        if i % 4 < 2:  # somebody wants it again
            ip = run(CARD, "ensure", "nat", "2", MAC2).split()[1]
            if not (ip.startswith("10.193.0.") and len(state()[3]) == 1 and "damaged" not in run(PAVIS, "net-list")):
                check("kill-%d" % i, False, state())
        run(CARD, "clean")
        if state() != NOTHING:
            check("kill-%d" % i, False, state())
            return
    check("kills", killed > kills // 4, "only %d of %d in time" % (killed, kills))
    print("%d makers and removers of %d were killed in the middle" % (killed, kills))


def main():
    if "INSIDE" not in os.environ:
        for program in ("dnsmasq", "nft"):
            if not any(os.access(d + "/" + program, os.X_OK) for d in ("/usr/sbin", "/usr/bin", "/sbin")):
                raise SystemExit("there is no %s: scripts/deps test" % program)
        wanted = ["unshare", "-n", "-m", "-p", "-f", "--mount-proc"] + (["-Ur"] if os.geteuid() else [])
        if subprocess.call(wanted + ["true"], stderr=subprocess.DEVNULL) != 0:
            print("no network namespaces for this user")
            return 77
        os.execvpe(wanted[0], wanted + [sys.executable] + sys.argv, dict(os.environ, INSIDE="1"))
    run("mount", "-t", "tmpfs", "none", "/run")
    run("mount", "-t", "sysfs", "none", "/sys", status=None)
    run("mount", "-t", "tmpfs", "none", "/etc/pavis", status=None)
    with open("/run/passwd", "w") as f:  # a user namespace may have no other
        f.write("root:x:0:0::/:/bin/sh\n")
    if os.path.exists("/proc/self/uid_map") and len(open("/proc/self/uid_map").read().split()) == 3 and \
            open("/proc/self/uid_map").read().split()[2] == "1":
        run("mount", "--bind", "/run/passwd", "/etc/passwd")
    run("ip", "link", "set", "lo", "up")
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("0")
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    test_life()
    test_by_hand()
    test_mending()
    test_at_once()
    test_kills(kills, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
