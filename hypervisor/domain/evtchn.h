/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: the ports of a domain, what each is bound to, and how an event gets to a vCPU.
 *
 * Only the 2-level ABI exists: 4096 ports, whose pending and mask bits are in the domain's
 * shared_info (domain/evtchn_bits.h has that protocol).  This file keeps what the guest may not
 * write: the state of each port.
 *
 * Locks, outermost first:
 *   pair lock   one for the machine; taken by whoever binds or closes an interdomain channel, so
 *               that both ends stay put.  With it held two table locks may be taken in any order.
 *   table.lock  one per domain; guards every change of a port's state.  Never taken in an
 *               interrupt, nor with a lock of the scheduler or of interrupts held.
 *   port.lock   held by a sender while it uses the other end of an interdomain channel, and by
 *               whoever takes that end away.  This alone keeps the peer's domain alive for it.
 * Interrupt handlers (virtual and physical IRQs) take none of them: a port is found by one load,
 * buckets are never freed while the domain can be reached, and an event that races with the closing
 * of its port is at worst a spurious one in the same domain.
 *
 * If this is wrong: lost events (a guest hangs), events to the wrong domain, use after free.
 */
#pragma once

#include "lib/spinlock.h"
#include "lib/types.h"

struct domain;
struct vcpu;

#define EVTCHN_MAX_PORTS        4096 /* 64 selector bits of 64 ports: the 2-level ABI */
#define EVTCHN_PORTS_PER_BUCKET 256  /* one page of struct evtchn_port */
#define EVTCHN_BUCKETS          (EVTCHN_MAX_PORTS / EVTCHN_PORTS_PER_BUCKET)
/* Xen enlarges a table by 64 ports at a time, and a port beyond that is -EINVAL: so here. */
#define EVTCHN_VALID_STEP 64
/* GSIs and MSIs together; a pirq beyond is -EINVAL. */
#define EVTCHN_MAX_PIRQS 2048

enum evtchn_state {
    ECS_FREE,
    ECS_RESERVED,    /* port 0: never handed out */
    ECS_UNBOUND,     /* waits for remote_domid to bind */
    ECS_INTERDOMAIN, /* bound to remote_port of remote */
    ECS_PIRQ,        /* number is the guest's IRQ */
    ECS_VIRQ,        /* number is a VIRQ_* */
    ECS_IPI,
};

struct evtchn_port {
    spinlock_t lock;
    uint8_t state;       /* enum evtchn_state; written under table.lock, and port.lock to or from
                          * ECS_INTERDOMAIN */
    uint8_t notify_vcpu; /* always an existing vCPU (0 may be missing before the first is made) */
    uint16_t remote_port;
    union {
        struct domain *remote; /* ECS_INTERDOMAIN: alive as long as the state holds */
        uint64_t remote_domid; /* ECS_UNBOUND */
        uint64_t number;       /* ECS_PIRQ, ECS_VIRQ */
    };
};
_Static_assert(sizeof(struct evtchn_port) == 16, "256 ports fill a page");

struct evtchn_table {
    spinlock_t lock;
    unsigned max_port;    /* highest port that may be handed out (createdomain) */
    unsigned valid_ports; /* ports below have a record; grows only, read without the lock */
    unsigned first_free;  /* no free port below */
    unsigned active;      /* ports neither free nor reserved */
    unsigned reset_next;  /* where a reset goes on; 0: none under way */
    unsigned destroy_next;
    struct evtchn_port *bucket[EVTCHN_BUCKETS];
    uint16_t *pirq_port; /* EVTCHN_MAX_PIRQS, from the first bind on; 0: not bound */
    unsigned pirq_limit; /* no pirq at or above was ever bound */
    uint64_t sent;       /* events raised for this domain; approximate, for the debug key */
};

/*
 * Life.  init: max_port is createdomain's max_evtchn_port (larger than 4095: no limit); 0, -ENOMEM.
 * destroy_step closes every port; called again after -ERESTART; d must be marked dying and no vCPU
 * of it may run.  free gives the records back: only when nobody can find d any more.
 * shared_info must stay until destroy_step has returned 0 and the timers of d's vCPUs are dead.
 */
int evtchn_init(struct domain *d, unsigned max_port);
int evtchn_destroy_step(struct domain *d);
void evtchn_free(struct domain *d);

/* Hypercall 32.  `arg` is a guest address.  0 or -errno; unknown and FIFO commands -ENOSYS. */
long do_event_channel_op(int cmd, uint64_t arg);

/* What current's hypercall EVTCHNOP_send does: 0 or -EINVAL. */
int evtchn_send(struct domain *d, uint32_t port);

/*
 * Virtual and physical interrupts; any context.  Nothing happens if the guest has not bound it.
 * _vcpu_: VIRQ_TIMER, DEBUG, XENOPROF, XENPMU.  _global_: the others; to whom is the caller's
 * choice, by custom dom0.
 */
void send_guest_vcpu_virq(struct vcpu *v, unsigned virq);
void send_guest_global_virq(struct domain *d, unsigned virq);
void send_guest_pirq(struct domain *d, unsigned pirq);
/* Whether a VIRQ_* is one per domain rather than one per vCPU. */
bool virq_is_global(unsigned virq);

/* For SCHEDOP_poll: a port that exists, and whether its pending bit is set.  The second is false
 * for a port that does not exist. */
bool evtchn_port_is_valid(const struct domain *d, uint32_t port);
bool evtchn_port_is_pending(const struct domain *d, uint32_t port);

/* An upcall would be delivered on the next exit to the guest: pending and not masked. */
bool vcpu_event_pending(const struct vcpu *v);

/* After v moved to another CPU: its physical interrupts follow.  Takes no lock: v's own context or
 * the scheduler's, with v not being destroyed. */
void evtchn_move_pirqs(struct vcpu *v);

/* Registered with mem/audit: both ends of a channel agree, VIRQs and pirqs lead to their ports and
 * back, ports are counted right.  All domains are paused. */
void evtchn_audit_register(void);

/* Debug key 'e': every port of every domain, to the log. */
void evtchn_dump_all(void);
