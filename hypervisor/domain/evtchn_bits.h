/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 2-level event protocol: three levels of bits that guest and hypervisor both write.  Pure.
 *
 *   pending[port], mask[port]   in shared_info, for the whole domain
 *   sel[port / 64]              in the vcpu_info of the vCPU to be told: look at that word
 *   upcall byte                 in the same vcpu_info: look at sel
 *
 * A guest reads from the bottom up: it clears the upcall byte, takes sel (xchg with 0), then for
 * each selected word handles pending & ~mask, clearing pending bits.  So the hypervisor writes from
 * the top down, each step only if the one before changed something, each a locked operation:
 *
 *   raise:   pending 0->1;  mask is 0;  sel 0->1;  then the caller sets the upcall byte
 *   unmask:  mask 1->0;  pending is 1;  sel 0->1;  then the caller sets the upcall byte
 *
 * Why nothing is lost: whoever raises sets pending before it reads mask, and whoever unmasks clears
 * mask before it reads pending, so with full barriers between (locked operations are) at least one
 * of the two sees the other's write and goes on to sel.  And a guest that takes sel before a raise
 * sets it finds it set again at its next look, because the upcall byte is set after sel.
 *
 * All of it is the guest's memory: a guest that writes nonsense there loses only its own events.
 * The number of a port must have been checked by the caller; nothing here trusts what it reads.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"

#define EVTCHN_WORD_BITS 64

struct evtchn_bits {
    uint64_t *pending; /* 64 words each */
    uint64_t *mask;
};

static inline bool evtchn_bit_test(const uint64_t *map, unsigned nr)
{
    return (load_once(&map[nr / EVTCHN_WORD_BITS]) >> (nr % EVTCHN_WORD_BITS)) & 1;
}

/* Marks `port` pending; true: it was not, and is not masked, so it has to be selected. */
static inline bool evtchn_bits_raise(struct evtchn_bits b, unsigned port)
{
    if (atomic_test_and_set_bit(port, b.pending))
        return false; /* whoever set it told the vCPU, or left that to the unmasking */
    return !evtchn_bit_test(b.mask, port);
}

/* Unmasks `port`; true: an event had been waiting and has to be selected. */
static inline bool evtchn_bits_unmask(struct evtchn_bits b, unsigned port)
{
    return atomic_test_and_clear_bit(port, b.mask) && evtchn_bit_test(b.pending, port);
}

/*
 * Selects the word of `port` for a vCPU; true: newly, so the vCPU must be told.  `sel` has to be
 * looked up after the raise or unmask: a vCPU's vcpu_info can move, upon which everything is
 * selected in the new place once, and that look finds only what was pending by then.
 */
static inline bool evtchn_bits_select(uint64_t *sel, unsigned port)
{
    return !atomic_test_and_set_bit(port / EVTCHN_WORD_BITS, sel);
}

/* Forgets an event.  A selector bit may stay behind: the guest finds an empty word. */
static inline void evtchn_bits_clear(struct evtchn_bits b, unsigned port)
{
    atomic_test_and_clear_bit(port, b.pending);
}

/* Sets the upcall byte; true if it was clear: only then has the vCPU to be kicked. */
static inline bool evtchn_upcall_set(uint8_t *pending)
{
    /* Reading first keeps the line shared when a burst arrives; see a raise's order above: sel was
     * set by a locked operation, so this load cannot pass it. */
    if (load_once(pending))
        return false;
    return atomic_xchg(pending, 1) == 0;
}
