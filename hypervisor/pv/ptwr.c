/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes of a guest kernel to its page tables, which are mapped read-only: the instruction is
 * decoded and done as a checked update of one entry.
 *
 * Linux does this with plain stores and with XCHG, LOCK CMPXCHG, LOCK BTR, and LOCK AND of a single
 * byte; about a third of all its page-table updates come this way, so the path is kept short.  The
 * bytes of the instruction are copied once (another vCPU may change them: XSA-202); the address is
 * the one that faulted, so nothing of the operand's address need be computed.  Narrow operands are
 * merged into the entry of eight bytes, and the store is a compare-and-swap of what was read, so
 * all forms are atomic whether they have a LOCK prefix or not.
 */
#include "abi/errno.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/domain.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "mem/tlb.h"
#include "pv/decode.h"
#include "pv/guest_code.h"
#include "pv/pv.h"

/* Another vCPU that keeps changing the entry does not keep us here (XSA-136). */
#define MAX_TRIES 16

static uint64_t size_mask(unsigned size)
{
    return size == 8 ? ~0UL : (1UL << size * 8) - 1;
}

/* Stores to a register as the processor does: 32-bit results clear the upper half. */
static void set_reg(struct cpu_regs *regs, const struct memop_insn *in, uint64_t value)
{
    uint64_t *r = guest_reg(regs, in->reg);

    if (in->high_byte)
        *r = (*r & ~0xff00UL) | (value & 0xff) << 8;
    else if (in->size == 4)
        *r = (uint32_t)value;
    else
        *r = (*r & ~size_mask(in->size)) | (value & size_mask(in->size));
}

static uint64_t get_reg(struct cpu_regs *regs, const struct memop_insn *in)
{
    uint64_t v = *guest_reg(regs, in->reg);

    return in->high_byte ? v >> 8 & 0xff : v & size_mask(in->size);
}

/* The source operand; false: it could not be read. */
static bool source(struct cpu_regs *regs, const struct memop_insn *in, uint64_t *src)
{
    *src = 0;
    if (in->has_imm)
        *src = in->imm;
    else if (in->op == MEMOP_MOVS)
        return !copy_from_guest(src, regs->rsi, in->size);
    else if (in->op == MEMOP_STOS)
        *src = regs->rax & size_mask(in->size);
    else
        *src = get_reg(regs, in);
    return true;
}

/* Registers and RIP after the store was made (or, for CMPXCHG, was not). */
static void retire(struct cpu_regs *regs, const struct memop_insn *in, uint64_t old, uint64_t flags)
{
    int64_t step = regs->rflags & RFLAGS_DF ? -(int64_t)in->size : in->size;

    regs->rflags = flags & ~RFLAGS_RF;
    if (in->op == MEMOP_XCHG || in->op == MEMOP_XADD)
        set_reg(regs, in, old);
    if (in->op == MEMOP_STOS || in->op == MEMOP_MOVS) {
        regs->rdi += step;
        if (in->op == MEMOP_MOVS)
            regs->rsi += step;
        if (in->rep && --regs->rcx)
            return; /* the next iteration faults again */
    }
    regs->rip += in->len;
}

/* An entry that is not present is refused for one reason only.  A kernel would not know what to
 * make of a fault for it, so its domain ends, as it does in a Xen that has no shadow tables. */
static int judged(int rc, uint64_t entry)
{
    if (unlikely(rc == -EINVAL && !(entry & PTE_P)))
        domain_crash(current_domain, "stored entry %#lx could be used for L1TF", entry);
    return rc;
}

/* One try: 0 done, -EAGAIN the entry changed meanwhile, else refused. */
static int store(struct pte_table *t, struct pte_context *c, struct cpu_regs *regs,
                 const struct memop_insn *in, uint64_t addr, uint64_t src)
{
    unsigned index = (addr & ~PAGE_MASK) / 8, shift = (addr & 7) * 8;
    uint64_t mask = size_mask(in->size), entry = load_once(&t->entry[index]);
    uint64_t old = entry >> shift & mask, flags = regs->rflags, new;
    int rc;

    if (in->op == MEMOP_CMPXCHG && old != (regs->rax & mask)) {
        struct memop_insn acc = *in;

        acc.reg = 0;
        acc.high_byte = false;
        memop_apply(MEMOP_SUB, in->size, regs->rax, old, &flags);
        set_reg(regs, &acc, old);
        retire(regs, in, old, flags);
        return 0;
    }
    if (in->op == MEMOP_CMPXCHG)
        memop_apply(MEMOP_SUB, in->size, old, old, &flags);
    new = memop_apply(in->op, in->size, old, src, &flags);
    new = (entry & ~(mask << shift)) | (new &mask) << shift;
    rc = judged(pte_update(t, index, new, PTEF_COMPARE, &entry, c), new);
    if (!rc)
        retire(regs, in, old, flags);
    return rc;
}

/* The frequent form for itself: XCHG of a whole entry, which touches neither flags nor parts. */
static int exchange(struct pte_table *t, struct pte_context *c, struct cpu_regs *regs,
                    const struct memop_insn *in, unsigned index)
{
    uint64_t *reg = guest_reg(regs, in->reg), old = load_once(&t->entry[index]);
    int rc = judged(pte_update(t, index, *reg, PTEF_COMPARE, &old, c), *reg);

    if (!rc) {
        *reg = old;
        regs->rip += in->len;
        regs->rflags &= ~RFLAGS_RF;
    }
    return rc;
}

/* Is `addr` mapped to a frame that is a page table?  Returns its number. */
static bool find_table(struct vcpu *v, uint64_t addr, mfn_t *mfn)
{
    mfn_t l1;
    uint64_t *l1e = pv_walk_l1e(v, addr, &l1);
    uint64_t e = l1e ? load_once(l1e) : 0;

    if ((e & (PTE_P | PTE_RW)) != PTE_P || !frame_is_ram(pte_mfn(e)))
        return false;
    *mfn = pte_mfn(e);
    return page_type_is_table(page_type(frame_of(*mfn)));
}

bool pv_ptwr_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t addr)
{
    struct pte_context c = {.page_owner = NULL};
    struct memop_insn in __uninitialized;      /* memop_decode() fills it */
    struct pte_table t __uninitialized;        /* pte_table_open() fills it */
    uint8_t code[CODE_BUFFER] __uninitialized; /* decoded as far as it was read */
    uint64_t src;
    mfn_t mfn;
    unsigned tries = 0;
    int rc;

    if (!find_table(v, addr, &mfn))
        return false;
    if (!memop_decode(code, fetch_guest_code(code, regs->rip), &in) || (addr & 7) + in.size > 8 ||
        !source(regs, &in, &src))
        return false;
    rc = pte_table_open(&t, &v->domain->mem, mfn);
    if (rc)
        return rc == -ERESTART; /* another vCPU is at the table: the instruction comes again */
    if (t.level != 1) {
        /* Upper levels change by hypercall alone: Linux knows, and nothing here need restart. */
        pte_table_close(&t);
        return false;
    }
    do {
        if (likely(in.op == MEMOP_XCHG && in.size == 8))
            rc = exchange(&t, &c, regs, &in, (addr & ~PAGE_MASK) / 8);
        else
            rc = store(&t, &c, regs, &in, addr, src);
    } while (rc == -EAGAIN && ++tries < MAX_TRIES);
    TRACE(TRC_PV_PTWR_EMULATION | TRC_64_FLAG,
          TRACE_64(load_once(&t.entry[(addr & ~PAGE_MASK) / 8])), TRACE_64(addr),
          TRACE_64(regs->rip));
    pte_table_close(&t);
    if (unlikely(rc == -EAGAIN))
        return true; /* the guest tries again, after its events and ours */
    /* A refused entry is a page fault to the guest, as a write to a read-only page. */
    return rc == 0;
}
