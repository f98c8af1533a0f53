/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between evtchn.c (ports and the way of an event) and evtchn_op.c (the hypercall); for nobody
 * else.
 */
#pragma once

#include "domain/domain.h"
#include "domain/evtchn.h"

/* Guards which interdomain ports belong together; outside any table lock (see evtchn.h). */
extern spinlock_t evtchn_pair_lock;

/* The record of a port; NULL when the table does not reach it. */
static inline struct evtchn_port *evtchn_lookup(const struct domain *d, uint32_t port)
{
    if (port >= load_acquire(&d->evtchn.valid_ports))
        return NULL;
    return &d->evtchn.bucket[port / EVTCHN_PORTS_PER_BUCKET][port % EVTCHN_PORTS_PER_BUCKET];
}

/*
 * The lowest free port, its record made if need be; the port stays free until evtchn_port_take().
 * table.lock held.  -EINVAL: d is dying; -ENOSPC: at the limit; -ENOMEM.
 */
int evtchn_find_free(struct domain *d);

/* Turns a free port into `state`, an event left over from its former life forgotten; the fields of
 * the state are set by the caller, before or after.  table.lock held. */
struct evtchn_port *evtchn_port_take(struct domain *d, unsigned port, enum evtchn_state state,
                                     unsigned vcpu);

/* Makes `port` of `d` one end of a channel.  table.lock and pair lock held. */
void evtchn_port_connect(struct evtchn_port *p, struct domain *remote, unsigned remote_port);

/* The other way round from evtchn_port_take(); the port is not bound to anything any more. */
void evtchn_port_release(struct domain *d, unsigned port);

/* What EVTCHNOP_unmask does to the bits. */
void evtchn_unmask_port(struct domain *d, unsigned port);

/* EVTCHNOP_reset that goes on after preemption; never issued by guests on purpose. */
#define EVTCHNOP_reset_cont 14

/* Raises `port` for the vCPU that it notifies. */
void evtchn_raise_port(struct domain *d, unsigned port);

/* 0, or -EINVAL when the port does not exist or is free. */
int evtchn_close(struct domain *d, uint32_t port);
