/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Privileged instructions of a guest, done for it.
 *
 * A guest kernel runs in ring 3, so each of these raises #GP (CPUID only with CPUID faulting, or
 * asked for by the "ud2a; xen" prefix).  The bytes are fetched once into a private copy, decoded by
 * pv/decode.c, and executed by one short function each.  An instruction that is refused becomes the
 * #GP that it would be on a machine that does not have what was asked for.
 *
 * Only the guest's kernel may do these, with one exception: a program with I/O privilege may use
 * ports.
 */
#include "pv/emulate.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "cpu/ex_table.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/guest_access.h"
#include "mem/tlb.h"
#include "pv/debugreg.h"
#include "pv/decode.h"
#include "pv/guest_code.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "time/clock.h"

/* --- ports
 * ---------------------------------------------------------------------------------------- */

/* The ABI's I/O privilege: a kernel needs IOPL 1, a program 3; else the task's bitmap decides. */
static bool iopl_ok(const struct vcpu *v)
{
    return v->iopl >= (v->in_kernel ? 1 : 3);
}

/* The bitmap of PHYSDEVOP_set_iobitmap is in kernel memory: read with the kernel's tables. */
static bool bitmap_allows(struct vcpu *v, unsigned port, unsigned size)
{
    uint8_t b[2] = {0xff, 0xff};
    bool toggle = !v->in_kernel, ok;

    if (!v->iobmp || port + size > v->iobmp_limit)
        return false;
    if (toggle)
        pv_toggle_mode(v);
    ok = !copy_from_guest(b, v->iobmp + port / 8, 1 + ((port & 7) + size > 8));
    if (toggle)
        pv_toggle_mode(v);
    return ok && !((b[0] | b[1] << 8) >> (port & 7) & ((1u << size) - 1));
}

static bool port_permitted(struct vcpu *v, unsigned port, unsigned size)
{
    return iopl_ok(v) || bitmap_allows(v, port, size);
}

static bool emulate_in_out(struct vcpu *v, struct cpu_regs *regs, const struct privop_insn *in)
{
    unsigned port = in->imm_port ? in->port : (uint16_t)regs->rdx;
    uint64_t mask = in->size == 4 ? 0xffffffffUL : (1UL << in->size * 8) - 1;

    if (!port_permitted(v, port, in->size))
        return false;
    if (in->op == PRIVOP_OUT)
        pv_port_out(v->domain, port, in->size, regs->rax & mask);
    else if (in->size == 4)
        regs->rax = pv_port_in(v->domain, port, 4);
    else
        regs->rax = (regs->rax & ~mask) | pv_port_in(v->domain, port, in->size);
    return true;
}

/* String I/O, up to a page at a time: the guest comes back for the rest, after events. */
static bool emulate_string_io(struct vcpu *v, struct cpu_regs *regs, const struct privop_insn *in,
                              bool *again)
{
    unsigned port = (uint16_t)regs->rdx;
    uint64_t count = in->rep ? regs->rcx : 1, done = 0;
    int64_t step = regs->rflags & RFLAGS_DF ? -(int64_t)in->size : in->size;
    uint64_t *addr = in->op == PRIVOP_INS ? &regs->rdi : &regs->rsi;
    uint64_t max = min(count, PAGE_SIZE / in->size);

    /* FS and GS have bases of their own; nothing that we host does I/O through them. */
    if (!port_permitted(v, port, in->size) || in->seg == 0x64 || in->seg == 0x65 || in->addr32)
        return false;
    for (; done < max; done++, *addr += step) {
        uint32_t data = 0;

        if (in->op == PRIVOP_OUTS) {
            if (copy_from_guest(&data, *addr, in->size))
                break;
            pv_port_out(v->domain, port, in->size, data);
        } else {
            data = pv_port_in(v->domain, port, in->size);
            if (copy_to_guest(*addr, &data, in->size))
                break;
        }
    }
    if (in->rep)
        regs->rcx -= done;
    if (done < max) {
        /* The guest's own page fault, at the element that could not be reached. */
        pv_inject_pf(v, regs, in->op == PRIVOP_INS ? PF_WRITE : 0, *addr);
        *again = true;
        return true;
    }
    *again = in->rep && regs->rcx;
    return true;
}

/* --- control and debug registers
 * ------------------------------------------------------------------ */

static bool read_creg(struct vcpu *v, const struct privop_insn *in, uint64_t *val)
{
    switch (in->creg) {
    case 0: *val = GUEST_CR0 | (v->ts_set ? CR0_TS : 0); return true;
    case 2: *val = v->vcpu_info->arch.cr2; return true;
    case 3: *val = v->kernel_cr3; return true;
    case 4: *val = v->guest_cr4; return true;
    default: return false;
    }
}

/* *again: not done yet, the instruction is to be executed once more. */
static bool write_creg(struct vcpu *v, const struct privop_insn *in, uint64_t val, bool *again)
{
    int rc;

    switch (in->creg) {
    case 0:
        if ((val ^ GUEST_CR0) & ~CR0_TS)
            return false;
        v->ts_set = val & CR0_TS;
        write_cr0((read_cr0() & ~CR0_TS) | (v->ts_set ? CR0_TS : 0));
        return true;
    case 2: v->vcpu_info->arch.cr2 = val; return true;
    case 3:
        /* A root that was never pinned is validated here, with all below it: that may take long,
         * and stops for other work. */
        rc = pv_set_root(v, paddr_to_mfn(val & PTE_ADDR), false, true);
        *again = rc == -ERESTART;
        return !rc || *again;
    case 4: return pv_write_guest_cr4(v, val);
    default: return false;
    }
}

static bool emulate_creg(struct vcpu *v, struct cpu_regs *regs, const struct privop_insn *in,
                         bool *again)
{
    uint64_t *r = guest_reg(regs, in->reg), val = 0;

    switch (in->op) {
    case PRIVOP_RDCR:
        if (!read_creg(v, in, &val))
            return false;
        *r = val;
        return true;
    case PRIVOP_WRCR: return write_creg(v, in, *r, again);
    case PRIVOP_RDDR:
        if (in->creg > 7)
            return false;
        *r = v->debugreg[in->creg == 4 || in->creg == 5 ? in->creg + 2 : in->creg];
        return true;
    default: return in->creg <= 7 && !debugreg_set(v, in->creg, *r);
    }
}

/* --- MSRs, CPUID, time
 * ---------------------------------------------------------------------------- */

static void set_edx_eax(struct cpu_regs *regs, uint64_t val)
{
    regs->rax = (uint32_t)val;
    regs->rdx = val >> 32;
}

static uint64_t edx_eax(const struct cpu_regs *regs)
{
    return (uint32_t)regs->rax | regs->rdx << 32;
}

static bool emulate_rdmsr(struct vcpu *v, struct cpu_regs *regs)
{
    uint64_t val = 0;

    if (!pv_read_msr(v, (uint32_t)regs->rcx, &val))
        return false;
    set_edx_eax(regs, val);
    return true;
}

static void emulate_cpuid(struct vcpu *v, struct cpu_regs *regs)
{
    uint32_t out[4];

    pv_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, out);
    regs->rax = out[0];
    regs->rbx = out[1];
    regs->rcx = out[2];
    regs->rdx = out[3];
}

static void emulate_rdtsc(struct vcpu *v, struct cpu_regs *regs)
{
    set_edx_eax(regs, v->domain->tsc_emulated ? clock_guest_tsc(v->domain, now_ns()) : rdtsc());
}

static bool emulate_xsetbv(struct vcpu *v, struct cpu_regs *regs)
{
    return (uint32_t)regs->rcx == 0 && pv_set_xcr0(v, edx_eax(regs));
}

/* What a guest kernel may do; false: #GP.  The order of cases follows the enumeration. */
static bool emulate_kernel_op(struct vcpu *v, struct cpu_regs *regs, const struct privop_insn *in,
                              bool *again)
{
    switch (in->op) {
    case PRIVOP_CLI: /* the virtual interrupt flag is the event mask, and these mean nothing */
    case PRIVOP_STI: return iopl_ok(v);
    case PRIVOP_CLTS:
        v->ts_set = false;
        clts();
        return true;
    case PRIVOP_WBINVD:
        if (v->domain->mem.has_io)
            wbinvd();
        return true; /* without devices nobody can tell */
    case PRIVOP_RDCR ... PRIVOP_WRDR: return emulate_creg(v, regs, in, again);
    case PRIVOP_RDMSR: return emulate_rdmsr(v, regs);
    case PRIVOP_WRMSR: return pv_write_msr(v, (uint32_t)regs->rcx, edx_eax(regs));
    case PRIVOP_XSETBV: return emulate_xsetbv(v, regs);
    default: return false;
    }
}

/* Is the guest's code segment a 64-bit one?  The hypervisor's flat ones are known; of the guest's
 * own the processor says it. */
static bool code_is_64bit(uint64_t cs)
{
    uint32_t access;
    bool ok;

    if (cs == FLAT_RING3_CS64)
        return true;
    /* The guest's tables may have changed since it loaded CS: a fault means "not known". */
    __asm__("xor %0, %0\n"
            "1: lar %2, %0\n"
            "2:\n" EX_TABLE("1b", "2b")
            : "=&r"(access), "=@ccz"(ok)
            : "r"((uint32_t)cs));
    return ok && access & 1u << 21; /* the L bit */
}

static __always_inline void emulated(struct vcpu *v, struct cpu_regs *regs, unsigned length)
{
    regs->rip += length;
    regs->rflags &= ~RFLAGS_RF;
    if (unlikely(regs->rflags & RFLAGS_TF)) {
        /* A single step has been completed. */
        v->debugreg[6] |= 1UL << 14;
        pv_inject(v, regs, TRAP_DB, 0);
    }
}

bool pv_emulate_privileged(struct vcpu *v, struct cpu_regs *regs)
{
    struct privop_insn in;
    uint8_t code[CODE_BUFFER] __uninitialized; /* decoded as far as it was read */
    bool again = false;
    unsigned n = fetch_guest_code(code, regs->rip);

    /* Linux reads the user's GS base at each switch of processes, and some do nothing but that. */
    if (n > 1 && code[0] == 0x0f && code[1] == 0x32 && v->in_kernel && emulate_rdmsr(v, regs)) {
        emulated(v, regs, 2);
        return true;
    }
    if (!privop_decode(code, n, code_is_64bit(regs->cs), &in))
        return false;
    switch (in.op) {
    case PRIVOP_IN:
    case PRIVOP_OUT:
        if (!emulate_in_out(v, regs, &in))
            return false;
        break;
    case PRIVOP_INS:
    case PRIVOP_OUTS:
        if (!emulate_string_io(v, regs, &in, &again))
            return false;
        break;
    case PRIVOP_CPUID: /* faulting */ emulate_cpuid(v, regs); break;
    case PRIVOP_RDTSC: /* CR4.TSD, because time is emulated; or the guest kernel's own wish */
    case PRIVOP_RDTSCP:
        if (!v->in_kernel && v->guest_cr4 & CR4_TSD)
            return false;
        emulate_rdtsc(v, regs);
        if (in.op == PRIVOP_RDTSCP)
            regs->rcx = v->tsc_aux;
        break;
    default:
        if (!v->in_kernel || !emulate_kernel_op(v, regs, &in, &again))
            return false;
    }
    if (!again)
        emulated(v, regs, in.len);
    return true;
}

bool pv_emulate_invalid_op(struct vcpu *v, struct cpu_regs *regs)
{
    const uint64_t length = 7, forced_cpuid = 0xa20f6e65780b0f; /* ud2; "xen"; cpuid */
    uint64_t code = 0;

    /* A word at once; the last page's end may stand between. */
    if (read_guest_words(&code, regs->rip, 1) && copy_from_guest(&code, regs->rip, length))
        return false;
    if ((code & ~0UL >> 8) != forced_cpuid)
        return false;
    emulate_cpuid(v, regs);
    regs->rip += length;
    regs->rflags &= ~RFLAGS_RF;
    return true;
}
