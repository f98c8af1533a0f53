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
