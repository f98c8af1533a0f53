/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor as the daemon needs it: rings of domains, event channels, which domains there are.
 *
 * xen.c does it through /dev/xen; tests/xenbus/fake_xen.c stands in for it on a host without Xen.
 * Event channels live in a descriptor that outlasts the process which opened it, so a daemon that
 * takes over from a dead one finds its ports bound.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/io/xs_wire.h"

/* Opens what a process needs for itself.  @evtchn: the descriptor of an earlier one, or -1.  0 or
 * -errno. */
int xen_open(int evtchn);
int xen_evtchn(void); /* its descriptor: readable when events are pending */

/* Maps a domain's ring; NULL and errno.  dom0's is its kernel's, @mfn is ignored. */
struct xenstore_domain_interface *xen_map_ring(uint16_t domid, uint64_t mfn);
void xen_unmap_ring(struct xenstore_domain_interface *ring);

/* The local port that is bound to a domain's @port, or to an event of the hypervisor: or -errno. */
int xen_bind(uint16_t domid, uint32_t port);
int xen_bind_domain_events(void); /* VIRQ_DOM_EXC */
int xen_dom0_port(void);          /* the port that dom0's kernel offers */
void xen_unbind(uint32_t port);
void xen_notify(uint32_t port);
/* Pending ports, which are handed out once; the number of them, 0 if there are none. */
unsigned xen_pending(uint32_t *ports, unsigned max);
/* The ports may say something again. */
void xen_unmask(const uint32_t *ports, unsigned nr);

/* Calls @each for every domain that the hypervisor knows, in ascending order.  0 or -errno. */
int xen_domains(void (*each)(void *arg, uint16_t domid, bool shutdown, bool dying), void *arg);
/* 1 if the hypervisor knows the domain, 0 if not, -errno. */
int xen_domain_exists(uint16_t domid);
