# SPDX-License-Identifier: GPL-2.0-only
"""Commands for gdb on a stopped hypervisor (make debug loads them):

    hv cpus          what each CPU runs, and its pending softirqs
    hv domains       every domain: frames, references, state
    hv vcpus [DOM]   every vCPU: CPU, state, rip, roots
    hv frame N       the record of machine frame N: owner, counts, type
    hv walk VA [ROOT]  the page-table entries that map an address, from CR3 or from a root
    hv ports DOM     every event channel of a domain: state, peer, pending, masked
    hv grants DOM    every pinned grant entry of a domain
    hv trace [N]     the last N trace records (20) of each CPU
    hv locks         which CPU waits for which lock, and who has it

They only read.  All of it works while a guest runs too, since every root table has the hypervisor's slots
(but for restricted ones: with xpti=1 stop in the hypervisor).
Constants are those of mem/layout.h and mem/frame.h; they are macros, which the debug information does not have.
"""
import gdb

FRAME_TABLE_BASE = 0xFFFF82E000000000
DIRECT_MAP_BASE = 0xFFFF830000000000
HV_STACKS_BASE = 0xFFFF82D050000000
HV_IMAGE_BASE = 0xFFFF82D040000000
STACK_SIZE, STACK_STRIDE = 0x8000, 0x10000
PTE_ADDR = 0x000FFFFFFFFFF000
HV_SLOT_FIRST, HV_SLOT_LAST = 256, 271

TYPES = ["none", "L1", "L2", "L3", "L4", "segdesc", "shared", "writable"]
STATES = ["reserved", "free", "in use", "hypervisor", "I/O", "moving", "?", "?"]
DYING = ["", "dying", "dead"]
RUNSTATES = ["running", "runnable", "blocked", "offline"]


def value(text):
    return gdb.parse_and_eval(text)


def number(text):
    return int(value(text)) & 0xFFFFFFFFFFFFFFFF


def words(address, count=1):
    data = gdb.selected_inferior().read_memory(address, 8 * count).tobytes()
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, 8 * count, 8)]


def domains():
    """Every struct domain, by walking domain_list."""
    head = value("&domain_list")
    kind = gdb.lookup_type("struct domain")
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == "list")
    node = head["next"]
    while int(node) and node != head:
        yield gdb.Value(int(node) - offset).cast(kind.pointer()).dereference()
        node = node["next"]


def vcpus(domain):
    for i in range(int(domain["max_vcpus"])):
        if int(domain["vcpu"][i]):
            yield domain["vcpu"][i].dereference()


def cpu_info(cpu):
    kind = gdb.lookup_type("struct cpu_info")
    at = HV_STACKS_BASE + cpu * STACK_STRIDE + STACK_SIZE - kind.sizeof
    return gdb.Value(at).cast(kind.pointer()).dereference()


def name(vcpu):
    return "d%dv%d" % (int(vcpu["domain"]["mem"]["id"]), int(vcpu["id"]))


def show_cpus():
    for cpu in range(int(value("nr_cpus"))):
        info = cpu_info(cpu)
        current = info["current"]
        pending = int(value("softirq_cpus[%d].pending" % cpu))
        print("cpu %d: %s, softirqs pending %#x, guest rip %#x" % (
            cpu, name(current) if int(current) else "nobody yet", pending, int(info["regs"]["rip"])))


def show_domains():
    for d in domains():
        mem = d["mem"]
        state = [DYING[int(d["dying"])]] + ["shut down"] * int(d["is_shut_down"]) + \
            ["paused"] * (int(d["pause_by_tools"]) > 0) + ["control"] * int(d["is_control"])
        print("d%d at %#x: %d of %d frames, %d shared, %d references, %d vCPUs, cpus %#x  %s" % (
            int(mem["id"]), int(d.address), int(mem["tot_pages"]), int(mem["max_pages"]),
            int(mem["shared_pages"]), int(d["refcnt"]), sum(1 for _ in vcpus(d)), int(mem["dirty_cpus"]),
            " ".join(s for s in state if s)))


def show_vcpus(only):
    for d in domains():
        if only is not None and int(d["mem"]["id"]) != only:
            continue
        for v in vcpus(d):
            unit = v["sched"]["unit"]
            runs = int(unit["on_cpu"])
            info = cpu_info(int(unit["cpu"]))
            regs = info["regs"] if runs and int(info["current"]) == int(v.address) else v["regs"]
            upcall = v["vcpu_info"].dereference()
            print("%s at %#x: cpu %d %s, flags %#x pause %d, %s rip %#x, cr3 %#x user %#x, upcall %d mask %d" % (
                name(v), int(v.address), int(unit["cpu"]),
                RUNSTATES[int(v["sched"]["runstate"]["state"]) & 3] + (" on it" if runs else ""),
                int(v["flags"]), int(v["pause_count"]), "kernel" if int(v["in_kernel"]) else "user",
                int(regs["rip"]), int(v["kernel_cr3"]), int(v["user_cr3"]),
                int(upcall["evtchn_upcall_pending"]), int(upcall["evtchn_upcall_mask"])))


def frame_text(mfn):
    """One line about a frame record; see mem/frame.h for the bits."""
    limit = number("frame_limit")
    chunk = mfn >> 17
    if mfn >= limit or not number("frame_chunk_present[%d]" % (chunk // 64)) >> (chunk & 63) & 1:
        return "no record: not RAM"
    ref, kind = words(FRAME_TABLE_BASE + 16 * mfn, 2)
    state = ref >> 61
    text = STATES[state]
    if state != 2:
        if state == 1:
            text += ", freed at stamp %#x" % (ref & 0xFFFFFFFF)
        return text
    marks = [n for bit, n in ((48, "ALLOC"), (49, "SHARED"), (50, "FOREIGN"), (51, "UNCACHED")) if ref >> bit & 1]
    text += " by d%d, %d references %s; type %s count %d" % (
        ref >> 32 & 0xFFFF, ref & 0xFFFFFFFF, " ".join(marks), TYPES[kind >> 24 & 7], kind & 0xFFFFFF)
    flags = [n for bit, n in ((27, "PINNED"), (28, "VALIDATED"), (29, "PARTIAL"), (30, "DOWN")) if kind >> bit & 1]
    if kind >> 29 & 1:
        flags.append("progress %d" % (kind >> 32 & 0x3FF))
    elif not kind & 0xFFFFFF:
        flags.append("last used at stamp %#x" % (kind >> 32))
    return text + " " + " ".join(flags)


def entry_text(entry):
    bits = [n for bit, n in ((0, "P"), (1, "RW"), (2, "US"), (3, "PWT"), (4, "PCD"), (5, "A"), (6, "D"), (7, "PS"),
                             (8, "G"), (52, "kernel"), (63, "NX")) if entry >> bit & 1]
    return "%016x %s" % (entry, " ".join(bits))


def show_walk(va, root):
    table = root & PTE_ADDR
    print("root frame %#x: %s" % (table >> 12, frame_text(table >> 12)))
    for level in (4, 3, 2, 1):
        index = va >> (12 + 9 * (level - 1)) & 511
        entry = words(DIRECT_MAP_BASE + table + 8 * index)[0]
        mfn = (entry & PTE_ADDR) >> 12
        print("  L%d[%3d] %s" % (level, index, entry_text(entry)))
        if not entry & 1:
            return
        hypervisors = level == 4 and HV_SLOT_FIRST <= index <= HV_SLOT_LAST
        print("          -> frame %#x%s" % (mfn, " (the hypervisor's slot)" if hypervisors else
                                            ": " + frame_text(mfn)))
        table = entry & PTE_ADDR
        if level in (2, 3) and entry & 0x80:
            print("  large page of level %d" % level)
            return


PORT_STATES = ["free", "reserved", "unbound", "interdomain", "pirq", "virq", "ipi"]
PORTS_PER_BUCKET, PORTS_MAX, GRANTS_PER_FRAME = 256, 4096, 512


def find_domain(domid):
    for d in domains():
        if int(d["mem"]["id"]) == domid:
            return d
    raise gdb.GdbError("there is no d%d" % domid)


def show_ports(domid):
    d = find_domain(domid)
    table = d["evtchn"]
    bits = gdb.Value(int(d["shared_info"])).cast(gdb.lookup_type("struct shared_info").pointer())
    for port in range(min(int(table["valid_ports"]), PORTS_MAX)):
        bucket = table["bucket"][port // PORTS_PER_BUCKET]
        if not int(bucket):
            continue
        p = bucket[port % PORTS_PER_BUCKET]
        state = int(p["state"])
        if state < 2:
            continue
        text = PORT_STATES[state]
        if state == 3:
            text += " with d%d:%d" % (int(p["remote"]["mem"]["id"]), int(p["remote_port"]))
        elif state == 2:
            text += " for d%d" % int(p["remote_domid"])
        elif state in (4, 5):
            text += " %d" % int(p["number"])
        flags = ["%s" % name_ for name_, word in (("P", "evtchn_pending"), ("M", "evtchn_mask"))
                 if int(bits[word][port // 64]) >> (port % 64) & 1]
        print("d%d port %d: v%d %s %s" % (domid, port, int(p["notify_vcpu"]), text, "".join(flags)))


def show_grants(domid):
    table = find_domain(domid)["gnt"]
    found = 0
    print("d%d: %d of %d grant frames" % (domid, int(table["nr_frames"]), int(table["max_frames"])))
    for ref in range(int(table["nr_frames"]) * GRANTS_PER_FRAME):
        active = table["frames"][ref // GRANTS_PER_FRAME]["active"][ref % GRANTS_PER_FRAME]
        pin = int(active["pin"])
        if pin:
            found += 1
            print("  grant %d: frame %#x for d%d, host r %d w %d, device r %d w %d" % (
                ref, int(active["mfn"]), int(active["domid"]), pin & 255, pin >> 8 & 255, pin >> 16 & 255, pin >> 24))
    print("  %d pinned" % found)


class Ring:
    """The records of a CPU's trace ring: see debug/trace_ring.c."""

    def __init__(self, cpu):
        self.ring = value("rings[%d]" % cpu)
        self.size = int(self.ring["size"])

    def records(self):
        if not int(self.ring["buf"]):
            return
        data = int(self.ring["buf"]) + 8
        raw = gdb.selected_inferior().read_memory(data, self.size).tobytes()
        word = lambda at: int.from_bytes(raw[at % self.size:at % self.size + 4], "little")
        at, end = int(self.ring["oldest"]), int(self.ring["prod"])
        while at != end:
            head = word(at)
            stamped, n = head >> 31, head >> 28 & 7
            first = at + 4 + 8 * stamped
            if head & 0xFFFFFFF != 0x1F002:  # a wrap record
                yield head & 0xFFFFFFF, [word(first + 4 * i) for i in range(n)]
            at = (first + 4 * n) % (2 * self.size)


def text_of(offset):
    return gdb.Value(HV_IMAGE_BASE + offset).cast(gdb.lookup_type("char").pointer()).string()


def who(number_):
    return "idle" if number_ >> 16 == 0x7FFF else "d%dv%d" % (number_ >> 16, number_ & 0xFFFF)


def call_name(nr):
    entry = value("call_table[%d].name" % (nr & 63))
    return entry.string() if int(entry) else "call %d" % nr


def record_text(event, w):
    wide = lambda i: w[i] | w[i + 1] << 32
    if event in (0x20100D, 0x20200E) and w:
        return "%s(%s)" % (call_name(w[0] & 0xFFFFF), ", ".join("%#x" % x for x in w[1:]))
    if event == 0x804001 and len(w) == 5:
        rc = wide(2) - (1 << 64 if w[3] >> 31 else 0)
        return "%s %s = %d [%d ns]" % (who(w[1]), call_name(w[0]), rc, w[4])
    if event == 0x804002 and len(w) == 5:
        return "%s refused (%d): %s [%s:%d]" % (who(w[0]), w[1] - (1 << 32), text_of(w[2]), text_of(w[3]), w[4])
    if event == 0x804003 and len(w) == 2:
        return "event to %s port %d" % (who(w[0]), w[1])
    if event == 0x804004 and len(w) == 2:
        return "d%d crashed: %s" % (w[0], text_of(w[1]))
    if event == 0x201104 and len(w) == 5:
        return "page fault at %#x, code %#x, rip %#x" % (wide(2), w[4], wide(0))
    if event == 0x02800A and len(w) == 4:
        return "%s -> %s" % (who(w[0] << 16 | w[1]), who(w[2] << 16 | w[3]))
    return "event %#x: %s" % (event, " ".join("%x" % x for x in w))


def show_trace(count):
    for cpu in range(int(value("nr_cpus"))):
        records = list(Ring(cpu).records())
        print("cpu %d: %d records%s" % (cpu, len(records), "" if records else ", tracing was never on"))
        for event, words_ in records[-count:]:
            print("  " + record_text(event, words_))


def holder_of(lock):
    cpu = (int(lock["holder"]) - (HV_STACKS_BASE >> 16)) & 0xFFFF
    held = int(lock["serving"]) != int(lock["next"])
    return "cpu %d" % cpu if held and cpu < int(value("nr_cpus")) else "nobody"


def show_locks():
    for cpu in range(int(value("nr_cpus"))):
        c = value("lock_cpus[%d]" % cpu)
        lock = c["waits_for"]
        if int(lock):
            print("cpu %d waits for lock %#x at %s, which %s holds" % (
                cpu, int(lock), str(c["waits_at"]).partition(" ")[2], holder_of(lock.dereference())))
        else:
            print("cpu %d waits for no lock" % cpu)
        for i in range(int(c["record"]["nr"])):
            held = c["record"]["held"][i]
            print("  holds %#x, taken at %s:%d (%s)" % (
                int(held["lock"]), held["site"]["file"].string(), int(held["site"]["line"]),
                held["site"]["argument"].string()))


class Hv(gdb.Command):
    """hv cpus | domains | vcpus [DOM] | frame MFN | walk VA [ROOT] | ports DOM | grants DOM | trace [N] | locks"""

    def __init__(self):
        super().__init__("hv", gdb.COMMAND_DATA)

    def complete(self, text, word):
        return [c for c in ("cpus", "domains", "vcpus", "frame", "walk", "ports", "grants", "trace", "locks") if c.startswith(word)]

    def invoke(self, argument, from_tty):
        args = gdb.string_to_argv(argument)
        if not args:
            raise gdb.GdbError(self.__doc__)
        verb, rest = args[0], [number(a) for a in args[1:]]
        if verb == "cpus":
            show_cpus()
        elif verb == "domains":
            show_domains()
        elif verb == "vcpus":
            show_vcpus(rest[0] if rest else None)
        elif verb == "frame" and rest:
            print("frame %#x: %s" % (rest[0], frame_text(rest[0])))
        elif verb == "walk" and rest:
            show_walk(rest[0], rest[1] if len(rest) > 1 else number("$cr3"))
        elif verb == "ports" and rest:
            show_ports(rest[0])
        elif verb == "grants" and rest:
            show_grants(rest[0])
        elif verb == "trace":
            show_trace(rest[0] if rest else 20)
        elif verb == "locks":
            show_locks()
        else:
            raise gdb.GdbError(self.__doc__)


Hv()
