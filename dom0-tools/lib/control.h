/* SPDX-License-Identifier: GPL-2.0-only */
/* What the control domain may do to domains and ask the hypervisor, one function per call: the
 * domctls, sysctls and other hypercalls that our programs need.
 *
 * All return 0 or more, or -1 with the reason in *why (which may be NULL); errno is kept in
 * why->error, ESRCH where there is no such domain.  @domid is the domain that is acted on.  Amounts
 * of memory are in KiB where a name says kib, else in pages of 4 KiB.
 */
#pragma once

#include <stdint.h>

#include "abi/domctl.h"
#include "abi/sysctl.h"
#include "lib/hypercall.h"

/* Any domctl or sysctl: sets the interface version, calls, and copies the structure back.  @what
 * says for an error what was tried: "pause", for "cannot pause domain 3". */
int control_domctl(struct hypercalls *h, struct xen_domctl *op, const char *what,
                   struct problem *why);
int control_sysctl(struct hypercalls *h, struct xen_sysctl *op, const char *what,
                   struct problem *why);

/* ---- life */

/* Returns the new domain's number.  @domid 0 lets the hypervisor choose. */
int domain_create(struct hypercalls *h, unsigned domid, const struct xen_domctl_createdomain *what,
                  struct problem *why);
/* Returns when all of it is gone but what others still map. */
int domain_destroy(struct hypercalls *h, unsigned domid, struct problem *why);
int domain_pause(struct hypercalls *h, unsigned domid, struct problem *why);
int domain_unpause(struct hypercalls *h, unsigned domid, struct problem *why);
/* As if the guest had asked for it; @reason is SHUTDOWN_* of abi/sched.h. */
int domain_shutdown(struct hypercalls *h, unsigned domid, unsigned reason, struct problem *why);
int domain_resume(struct hypercalls *h, unsigned domid, struct problem *why);
int domain_set_handle(struct hypercalls *h, unsigned domid, const uint8_t handle[16],
                      struct problem *why);
/* An NMI or the like; XEN_DOMCTL_SENDTRIGGER_*. */
int domain_trigger(struct hypercalls *h, unsigned domid, unsigned trigger, unsigned vcpu,
                   struct problem *why);

/* ---- limits and properties */

int domain_max_mem(struct hypercalls *h, unsigned domid, uint64_t kib, struct problem *why);
int domain_max_vcpus(struct hypercalls *h, unsigned domid, unsigned nr, struct problem *why);
/* What XENMEM_memory_map will tell the guest: RAM from 0 to @kib. */
int domain_memory_map(struct hypercalls *h, unsigned domid, uint64_t kib, struct problem *why);
int domain_tsc_mode(struct hypercalls *h, unsigned domid, unsigned mode, struct problem *why);
int domain_time_offset(struct hypercalls *h, unsigned domid, int64_t seconds, struct problem *why);
/* Changes to the policy that a new domain has from the hypervisor. */
int domain_cpu_policy(struct hypercalls *h, unsigned domid, const struct xen_cpuid_leaf *leaves,
                      unsigned nr, struct problem *why);

/* ---- scheduling */

/* credit2's weight (1 to 65535) and cap (percent of a processor, 0: none). */
int domain_set_weight(struct hypercalls *h, unsigned domid, unsigned weight, unsigned cap,
                      struct problem *why);
int domain_get_weight(struct hypercalls *h, unsigned domid, unsigned *weight, unsigned *cap,
                      struct problem *why);
/* Affinity: bit n of the map is processor n; either map may be NULL to leave it as it is. */
#define CONTROL_CPU_BYTES 64 /* 512 processors */
int vcpu_set_affinity(struct hypercalls *h, unsigned domid, unsigned vcpu, const uint8_t *hard,
                      const uint8_t *soft, struct problem *why);
int vcpu_get_affinity(struct hypercalls *h, unsigned domid, unsigned vcpu,
                      uint8_t hard[CONTROL_CPU_BYTES], uint8_t soft[CONTROL_CPU_BYTES],
                      struct problem *why);
int vcpu_get_info(struct hypercalls *h, unsigned domid, unsigned vcpu,
                  struct xen_domctl_getvcpuinfo *info, struct problem *why);

/* ---- memory and registers, for who builds a domain */

/* Sets aside @pages of the machine for the domain, from which its populating then draws. */
int domain_claim(struct hypercalls *h, unsigned domid, uint64_t pages, struct problem *why);
/* Gives the domain 2^@order frames for each of the @nr page frame numbers at @frames, where the
 * machine frame numbers are put.  Returns how many were given: fewer where memory is out. */
long domain_populate(struct hypercalls *h, unsigned domid, uint64_t *frames, uint64_t nr,
                     unsigned order, struct problem *why);
/* Pins the frame as a top page table of the domain. */
int domain_pin_l4(struct hypercalls *h, unsigned domid, uint64_t mfn, struct problem *why);
/* Has the hypervisor write its entry stubs into a frame. */
int domain_hypercall_page(struct hypercalls *h, unsigned domid, uint64_t mfn, struct problem *why);
int vcpu_set_context(struct hypercalls *h, unsigned domid, unsigned vcpu,
                     const struct vcpu_guest_context *context, struct problem *why);
/* A port of @domid to which @remote may bind; returns its number. */
int domain_alloc_port(struct hypercalls *h, unsigned domid, unsigned remote, struct problem *why);

/* ---- questions */

int domain_info(struct hypercalls *h, unsigned domid, struct xen_domctl_getdomaininfo *info,
                struct problem *why);
/* Pages of its grant table, and how many it may have. */
int domain_grant_frames(struct hypercalls *h, unsigned domid, uint32_t *now, uint32_t *max,
                        struct problem *why);
int host_physinfo(struct hypercalls *h, struct xen_sysctl_physinfo *info, struct problem *why);
int host_scheduler(struct hypercalls *h, uint32_t *sched_id, struct problem *why);
/* Idle time of up to @max processors in nanoseconds; returns how many. */
int host_cpu_idle(struct hypercalls *h, struct xen_sysctl_cpuinfo *info, unsigned max,
                  struct problem *why);
/* Topology of up to @max processors; returns how many. */
int host_topology(struct hypercalls *h, struct xen_sysctl_cputopo *topo, unsigned max,
                  struct problem *why);
/* Reads the hypervisor's log from *index on (0: from its oldest byte) and moves *index behind what
 * was read; returns the number of bytes, 0 at the end. */
int host_console(struct hypercalls *h, char *text, uint32_t size, uint32_t *index, bool clear,
                 struct problem *why);
/* As if these keys had been pressed on the hypervisor's console. */
int host_debug_keys(struct hypercalls *h, const char *keys, struct problem *why);
/* Says version, extra version, capabilities and the like: XENVER_* of abi/version.h. */
int host_version(struct hypercalls *h, unsigned what, void *out, unsigned size,
                 struct problem *why);
