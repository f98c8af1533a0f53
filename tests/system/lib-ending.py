#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How the machine ends: boots a tiny dom0 per case, does something to the machine by QEMU's monitor
and judges the serial log, the way it ended (a reset, or all CPUs halted) and how long that took.

usage: lib-ending.py GROUP [CASE...]      the tests ending-*.sh call it, one group each

Each case is one boot of a second or two.  QEMU is told to stop at a reset, so memory can be read
afterwards.  Environment: HV, LOG_DIR, TIME_FACTOR.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HV = os.environ.get("HV", os.path.join(TOP, "build", "pavis-hv"))
LOGS = os.environ.get("LOG_DIR", os.path.join(TOP, "build", "test-logs"))
FACTOR = float(os.environ.get("TIME_FACTOR", "1"))
PATIENCE = 25 * FACTOR  # for one thing to happen
ENDS_WITHIN = 10  # seconds from the message to the reset, as promised
SCREEN = 0xB8000
BDA_RESET_FLAG = 0x472

STAYS = r"STAYS"
LOST = r"Domain-0 is lost, and the machine with it"
RESTARTS = r"Restarting in five seconds"
STOPPED = r"Stopped, not restarting"
MCE_CORRECTED = "mce 0 9 0x9c0000400000009f 0 0x1234000 0x8c"
MCE_UNCORRECTED = "mce 1 8 0xbd00000000000134 0x5 0x5678000 0x8c"


def case(name, end, *see, dom0="", hv="", cpus=1, do=(), machine="pc", never=(), check=None):
    """One boot.  end: "reset", "halt" or "lives"; see: patterns in this order; do: monitor commands
    once dom0 says that it stays; never: patterns that must not appear; check: looks at memory."""
    return dict(name=name, end=end, see=see, dom0=dom0, hv=hv, cpus=cpus, do=do, machine=machine,
                never=never, check=check)


def screen_text(run):
    cells = run.memory(SCREEN, 80 * 25 * 2)
    text = cells[0::2].decode("latin-1").replace("\0", " ")
    return "\n".join(text[i:i + 80].rstrip() for i in range(0, len(text), 80))


def on_screen(*wanted, never=()):
    def check(run):
        text = screen_text(run)
        for pattern in wanted:
            if not re.search(pattern, text, re.M):
                run.problem("not on the screen: %s\n%s" % (pattern, text))
        for pattern in never:
            if re.search(pattern, text):
                run.problem("on the screen: %s\n%s" % (pattern, text))
    return check


def warm_flag(value):
    def check(run):
        found = int.from_bytes(run.memory(BDA_RESET_FLAG, 2), "little")
        if found != value:
            run.problem("the warm-start word is %#x, not %#x" % (found, value))
    return check


def restart(letter, name, machine="pc", flag=0):
    return case("reboot=" + letter, "reset", r"Domain-0 has shut down: reboot \(d0v0\)",
                "Resetting by " + name, dom0="reboot", hv="reboot=" + letter, machine=machine,
                never=["Resetting by (?!%s)" % name, "cannot be reset"], check=warm_flag(flag))


NO_PANIC = [r"Panic on CPU"]
ONE_PANIC = [r"within a panic", r"CPUs that did not stop"]

GROUPS = {
    "dom0": [
        case("crash", "reset", r"Domain-0 has shut down: crash \(d0v0\)", LOST, RESTARTS,
             r"Resetting by", dom0="crash", cpus=2, never=NO_PANIC),
        case("crash-noreboot", "halt", r"Domain-0 has shut down: crash \(d0v0\)", LOST, STOPPED,
             dom0="crash", hv="noreboot", cpus=2, never=NO_PANIC),
        case("fault", "halt", r"d0 crashed: vcpu 0: no handler for exception 6", r"rip e033:",
             r"Domain-0 has shut down: crash \(d0v0\)", LOST, STOPPED, dom0="fault",
             hv="reboot=no", never=NO_PANIC),
        case("suspend", "halt", r"Domain-0 has shut down: suspend", LOST, STOPPED, dom0="suspend",
             hv="noreboot", never=NO_PANIC),
        case("watchdog", "halt", r"Domain-0 has shut down: watchdog", LOST, STOPPED,
             dom0="watchdog", hv="noreboot", never=NO_PANIC),
        case("poweroff", "halt", r"Domain-0 has shut down: power off", r"may be switched off",
             dom0="poweroff", never=NO_PANIC),
    ],
    "panic": [
        case("other-cpu", "halt", r"Panic on CPU 1:", r"Asked to, by selftest", r"Call trace:",
             STOPPED, dom0="stay", hv="selftest=ap noreboot", cpus=2, never=ONE_PANIC),
        case("log-lock-held", "halt", r"Panic on CPU 0:", r"Call trace:", STOPPED, dom0="stay",
             hv="selftest=console noreboot", cpus=2, never=ONE_PANIC),
        case("panic-in-panic", "halt", r"Panic on CPU 0:", r"A report that faults:",
             r"Panic on CPU 0, within a panic:", r"invalid opcode in the hypervisor", STOPPED,
             dom0="stay", hv="selftest=nested noreboot"),
        case("nmi-while-ending", "reset", r"Panic on CPU 0:", r"Asked to, by debug key",
             r"Call trace:", r"Running:", r"d0v0", RESTARTS, r"Resetting by", dom0="panic",
             do=["sleep 1", "nmi"], never=ONE_PANIC),
    ],
    "watchdog": [
        case("last-cpu", "halt", r"Watchdog: a CPU that hangs for 5 seconds", r"selftest=hang",
             r"Panic on CPU 1:", r"Watchdog: CPU 1 has hung for 5 seconds", r"RIP: .*hang",
             STOPPED, dom0="stay", hv="watchdog selftest=hang noreboot", cpus=2, never=ONE_PANIC),
        case("only-cpu", "halt", r"Watchdog: a CPU that hangs for 2 seconds", r"selftest=hang0",
             r"Panic on CPU 0:", r"Watchdog: CPU 0 has hung for 2 seconds", STOPPED,
             dom0="stay", hv="watchdog=force watchdog_timeout=2 selftest=hang0 noreboot",
             never=ONE_PANIC),
        case("log-lock-held", "halt", r"selftest=lock", r"Panic on CPU [01]:", r"Watchdog: CPU",
             r"cpu 0 waits for lock .* at log_acquire.*, which cpu 1 holds",
             r"cpu [01] was stopped in the hypervisor at (hang|spin_wait)", STOPPED, dom0="stay",
             hv="watchdog_timeout=2 selftest=lock noreboot", cpus=2),
        case("no-false-alarm", "lives", STAYS, hv="watchdog_timeout=2", dom0="stay", cpus=2,
             do=["sleep 5"], never=NO_PANIC),
    ],
    "nmi": [
        case("to-dom0", "lives", STAYS, r"NMI: no reason given, passed to dom0",
             r"NMI with reason 4", dom0="nmi", cpus=2, do=["nmi"], never=NO_PANIC),
        case("dom0-without-handler", "lives", STAYS, r"passed to dom0",
             r"NMI: dom0 has no handler for it", dom0="stay", do=["nmi"], never=NO_PANIC),
        case("ignore", "lives", STAYS, r"NMI: no reason given, ignored", dom0="nmi",
             hv="nmi=ignore", do=["nmi"], never=NO_PANIC + [r"NMI with reason"]),
        case("fatal", "halt", STAYS, r"Panic on CPU 0:", r"NMI: no reason given", r"RIP",
             STOPPED, dom0="nmi", hv="nmi=fatal noreboot", cpus=2, do=["nmi"], never=ONE_PANIC),
        case("in-a-printk", "lives", r"selftest=nmi", r"^\(XEN\) NMI: no reason given, ignored",
             dom0="stay", hv="nmi=ignore selftest=nmi", never=NO_PANIC + [r"lost"]),
        case("mce-corrected", "lives", STAYS,
             r"Machine check: CPU 0 bank 9: corrected memory controller error", r"   1 times",
             r"address 0+1234000", r"misc 0+8c", dom0="stay", cpus=2, do=[MCE_CORRECTED],
             never=NO_PANIC),
        case("mce-uncorrected", "halt", STAYS,
             r"Machine check: CPU 1 bank 8: uncorrected cache hierarchy error", r"address 0+5678000",
             r"Panic on CPU 1:", r"Machine check \(MCG_STATUS 5: what ran could go on", STOPPED,
             dom0="stay", hv="noreboot", cpus=2, do=[MCE_UNCORRECTED], never=ONE_PANIC),
    ],
    "reboot": [
        restart("k", "the keyboard controller"),
        restart("t", "a triple fault"),
        restart("p,warm", "the chipset", flag=0x1234),
        restart("P,cold", "a power cycle"),
        restart("a", "ACPI", machine="q35"),
        case("no-way", "reset", r"This machine cannot be reset by EFI", r"Resetting by",
             dom0="reboot", hv="reboot=e"),
    ],
    "console": [
        case("screen-until-dom0", "lives", STAYS, dom0="stay", hv="console=com1,vga", never=NO_PANIC,
             check=on_screen(r"^\(XEN\) .*dom0", never=[STAYS])),
        case("screen-keep", "lives", STAYS, dom0="stay", hv="console=com1,vga vga=text-80x25,keep",
             check=on_screen(r"^\(XEN\) ", STAYS)),
        case("screen-not-asked-for", "lives", STAYS, dom0="stay", hv="console=com1 vga=keep",
             check=on_screen(never=[r"\(XEN\)"])),
        case("screen-other-mode", "lives", r"vga=: no mode is set here", STAYS, dom0="stay",
             hv="console=com1,vga vga=gfx-1024x768x32",
             check=on_screen(r"\(XEN\)")),
        case("screen-panic-on-it", "halt", STOPPED, dom0="panic", hv="console=com1,vga vga=keep noreboot",
             check=on_screen(r"Asked to, by debug key", STOPPED)),
        case("stamps-and-hpet", "lives", r"\(XEN\) \[ +0\.\d{6}\] Pavis", r"Clock: acpi",
             r"\(XEN\) \[ +\d+\.\d{6}\] dom0: ", STAYS, dom0="stay",
             hv="console_timestamps=boot hpet=no", never=[r"Clock: hpet"]),
        case("raw-stamps", "lives", r"\(XEN\) \[[0-9a-f]{16}\] dom0: ", STAYS, dom0="stay",
             hv="console_timestamps=raw"),
        case("small-ring", "lives", r"log ring 16 KiB, from its start: no", dom0="ring"),
        case("large-ring", "lives", r"log ring \d+ KiB, from its start: yes", dom0="ring",
             hv="conring_size=100K"),
        case("keys-from-serial", "lives", STAYS, r"Serial input to Pavis", r"'h' pressed",
             r"'r' pressed", r"scheduler fair", r"selftest: passed, 2 CPUs", r"audit: clean",
             dom0="stay", cpus=2, do=["type \x01\x01\x01hrqegpasib*tA"], never=NO_PANIC),
        case("too-much-for-dom0", "lives", r"dom0_mem asks for more than there is", STAYS,
             dom0="stay", hv="dom0_mem=600M,max:600M", never=NO_PANIC),
    ],
}


class Run:
    def __init__(self, group, c, folder):
        self.c, self.folder, self.failures = c, folder, []
        self.name = "ending-%s-%s" % (group, re.sub(r"[^\w-]", "-", c["name"]))
        self.log = os.path.join(LOGS, "system-%s.console.log" % self.name)
        monitor = os.path.join(folder, "monitor")
        self.serial = os.path.join(folder, "serial")
        family = os.path.join(TOP, "build", "guests", "ending.elf")
        options = "console=com1 com1=115200,8n1 dom0_mem=64M,max:64M loglvl=all guest_loglvl=all "
        open(self.log, "w").close()
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-machine", c["machine"], "-cpu", "max",
             "-smp", str(c["cpus"]), "-m", "512", "-display", "none",
             "-vga", "std" if "screen" in c["name"] else "none", "-net", "none", "-no-reboot",
             "-no-shutdown", "-serial", "chardev:com1", "-chardev",
             "socket,id=com1,path=%s,server=on,wait=off,logfile=%s" % (self.serial, self.log),
             "-qmp", "unix:%s,server=on,wait=off" % monitor, "-kernel", HV,
             "-append", options + c["hv"], "-initrd", family + " " + c["dom0"]],
            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        connection = socket.socket(socket.AF_UNIX)
        while True:
            try:
                connection.connect(monitor)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        connection.settimeout(PATIENCE)
        self.monitor = connection.makefile("rw")
        self.monitor.readline()  # its greeting
        self.execute("qmp_capabilities")

    def problem(self, text):
        self.failures.append(text)

    def execute(self, what, **arguments):
        """A command of QEMU's machine protocol: one line each way, events in between."""
        self.monitor.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            line = self.monitor.readline()
            if not line:
                raise OSError("QEMU has gone")
            answer = json.loads(line)
            if "error" in answer:
                raise OSError("%s: %s" % (what, answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]

    def command(self, text):
        return self.execute("human-monitor-command", **{"command-line": text})

    def memory(self, address, size):
        path = os.path.join(self.folder, "memory")
        self.execute("pmemsave", val=address, size=size, filename=path)
        with open(path, "rb") as f:
            return f.read()

    def text(self):
        with open(self.log, encoding="latin-1") as f:
            return f.read()

    def wait_for(self, pattern, start):
        """Where the pattern ends in the log, from `start` on; None: not in time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.compile(pattern, re.M).search(self.text(), start)
            if found:
                return found.end()
            if time.monotonic() > deadline:
                self.problem("not in the log: %s" % pattern)
                return None
            time.sleep(0.05)

    def act(self):
        for command in self.c["do"]:
            if command.startswith("sleep "):
                time.sleep(float(command[6:]))
            elif command.startswith("type "):
                with socket.socket(socket.AF_UNIX) as typist:
                    typist.connect(self.serial)
                    for character in command[5:]:
                        typist.sendall(character.encode())
                        time.sleep(0.1)
            else:
                self.command(command)

    def was_reset(self):
        return self.execute("query-status")["status"] == "shutdown"

    def judge_end(self, since):
        end = self.c["end"]
        if end != "reset":
            time.sleep(0.3)
            if self.was_reset():
                self.problem("the machine has restarted")
            return
        while not self.was_reset():
            if time.monotonic() > since + max(PATIENCE, ENDS_WITHIN):
                self.problem("the machine does not restart")
                return
            time.sleep(0.05)
        took = time.monotonic() - since
        if took > ENDS_WITHIN * max(FACTOR, 1):
            self.problem("the machine has restarted only after %.1f s" % took)

    def run(self):
        at, acted, since = 0, False, time.monotonic()
        act_after = STAYS if STAYS in self.c["see"] else self.c["see"][0]
        for pattern in self.c["see"]:
            at = self.wait_for(pattern, at)
            if at is None:
                return
            if pattern == RESTARTS:
                since = time.monotonic()
            if pattern == act_after and not acted:
                self.act()
                acted = True
        self.judge_end(since)
        for pattern in self.c["never"]:
            found = re.search(pattern, self.text())
            if found:
                self.problem("in the log: %s" % found.group(0))
        if self.c["check"]:
            self.c["check"](self)

    def close(self):
        self.qemu.kill()
        self.qemu.wait()


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in GROUPS:
        print(__doc__)
        return 3
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(LOGS, exist_ok=True)
    passed = failed = 0
    for c in GROUPS[sys.argv[1]]:
        if sys.argv[2:] and c["name"] not in sys.argv[2:]:
            continue
        started = time.monotonic()
        folder = tempfile.mkdtemp()
        run = Run(sys.argv[1], c, folder)
        try:
            run.run()
        except OSError as error:
            run.problem(str(error))
        finally:
            run.close()
            shutil.rmtree(folder)
        took = time.monotonic() - started
        if run.failures:
            failed += 1
            print("TEST %s FAIL (%.1f s)" % (c["name"], took))
            for text in run.failures:
                print("  " + text)
            print("  the log's end (%s):" % run.log)
            print("\n".join("  | " + line for line in run.text().splitlines()[-30:]))
        else:
            passed += 1
            print("TEST %s ok (%.1f s)" % (c["name"], took), flush=True)
    print("DONE %d passed %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
