# SPDX-License-Identifier: GPL-2.0-only
"""Commands for gdb on a stopped hypervisor (make debug loads them):

    hv cpus          what each CPU runs, and its pending softirqs
    hv domains       every domain: frames, references, state
    hv vcpus [DOM]   every vCPU: CPU, state, rip, roots
    hv frame N       the record of machine frame N: owner, counts, type
    hv walk VA [ROOT]  the page-table entries that map an address, from CR3 or from a root

They only read.  All of it works while a guest runs too, since every root table has the hypervisor's slots
(but for restricted ones: with xpti=1 stop in the hypervisor).
Constants are those of mem/layout.h and mem/frame.h; they are macros, which the debug information does not have.
"""
import gdb

FRAME_TABLE_BASE = 0xFFFF82E000000000
DIRECT_MAP_BASE = 0xFFFF830000000000
HV_STACKS_BASE = 0xFFFF82D050000000
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


class Hv(gdb.Command):
    """hv cpus | domains | vcpus [DOM] | frame MFN | walk VA [ROOT]: the state of the hypervisor."""

    def __init__(self):
        super().__init__("hv", gdb.COMMAND_DATA)

    def complete(self, text, word):
        return [c for c in ("cpus", "domains", "vcpus", "frame", "walk") if c.startswith(word)]

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
        else:
            raise gdb.GdbError(self.__doc__)


Hv()
