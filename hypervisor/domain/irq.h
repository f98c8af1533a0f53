/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Physical interrupts as a guest holds them: a pirq is the guest's number of a GSI or MSI, and can
 * be bound to one event port.  The port side is domain/evtchn.c, the interrupt side domain/irq.c.
 *
 * Order of locks: evtchn_table.lock, then whatever irq.c needs.
 */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

/* Whether d was given this pirq (dom0: its own; others: XEN_DOMCTL_irq_permission). */
bool pirq_access_permitted(const struct domain *d, unsigned pirq);

/*
 * From now on the interrupt calls send_guest_pirq(v->domain, pirq).  `share`: the guest agrees to
 * share the line.  0, -EINVAL (no such interrupt), -EBUSY (bound and not shared), -ENOMEM...
 */
int pirq_guest_bind(struct vcpu *v, unsigned pirq, bool share);

/* Returns when no handler on any CPU is still going to call send_guest_pirq() for it. */
void pirq_guest_unbind(struct domain *d, unsigned pirq);

/* Where v runs is where its interrupt should arrive. */
void pirq_set_affinity(struct domain *d, unsigned pirq, unsigned cpu);

/* --- what physdev_op asks for --------------------------------------------------------------------
 */
struct gsi_mode {
    bool level, active_low;
};
struct msi_request {
    unsigned bus, devfn;
    unsigned entry;      /* of the MSI-X table */
    uint64_t table_base; /* address of the table's BAR; 0: plain MSI */
};

/* The domain gets the line `gsi` as the pirq of that number; mode NULL: as the firmware says.
 * 0; -EPERM; -EINVAL: no such line; -EBUSY: the hypervisor's own; -EEXIST: in use with a mode;
 * -ENOSPC: no vector. */
int pirq_map_gsi(struct domain *d, unsigned gsi, const struct gsi_mode *mode);
/* Returns the pirq of a message; `pirq` is a wish, or -1.  -ENODEV, -EINVAL, -ENOSPC, -ENOMEM. */
int pirq_map_msi(struct domain *d, int pirq, const struct msi_request *r);
/* 0; -EINVAL: none; -EBUSY: still bound. */
int pirq_unmap(struct domain *d, unsigned pirq);
/* A number that pirq_map_msi() would take; -ENOSPC. */
int pirq_get_free(struct domain *d);
/* The guest has served a level interrupt. */
int pirq_eoi(struct domain *d, unsigned pirq);
bool pirq_needs_eoi(struct domain *d, unsigned pirq);
/* Debug key 'p'. */
void pirq_dump(void);
/* Boot option irq_ratelimit: how often a line may fire within 10 ms before it is held back; 0: any.
 */
void pirq_set_storm_limit(unsigned per_10ms);
