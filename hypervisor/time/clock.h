/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System time: nanoseconds since boot, from the TSC, and its publication to guests (pvclock).
 *
 * The hypervisor computes its own time by the very formula, factors and rounding that it publishes,
 * so a guest and the hypervisor never disagree by a nanosecond about "now", and a guest's deadline
 * means what it says.  When all processors' TSCs are in step (found out by a test at boot) there is
 * one pair (TSC, ns) for all, published once and marked TSC_STABLE; else each processor has its own
 * and is brought back to the platform clock every second.
 */
#pragma once

#include "lib/types.h"
#include "time/scale.h"

struct vcpu;
struct domain;

/* Wraps after 584 years.  Monotonic on each processor; over all of them if the TSCs are in step. */
uint64_t now_ns(void);
/* The TSC value at which this processor's now_ns() will be `ns` (not before). For the local APIC's
 * TSC-deadline mode. */
uint64_t ns_to_tsc_deadline(uint64_t ns);

/* After calibration (cpu/clocksource.h): time starts, at 0, and timers can be set. */
void clock_init(void);
/* On each further processor as it comes up, before it uses now_ns(). */
void clock_init_cpu(void);
/* On the boot processor when all are up: decides TSC_STABLE. */
void clock_check_tsc(void);
/* Whether the TSCs are in step. */
bool clock_tsc_stable(void);

/* Publishes system time to v (vcpu_info and the registered area) if what is there is out of date.
 * v runs here or does not run; the area is written only for `current`. */
void clock_update_vcpu_time(struct vcpu *v);
/* The same, whatever is there: after vcpu_info moved or an area was registered. */
void clock_force_vcpu_time(struct vcpu *v);

/* The guest's TSC, if the domain's is emulated (XEN_DOMCTL_settscinfo): what RDTSC answers. */
uint64_t clock_guest_tsc(const struct domain *d, uint64_t system_ns);

/* set_timer_op: 0 stops current's single-shot timer.  Always 0. */
long do_set_timer_op(int64_t timeout);

/* --- time/wallclock.c: seconds and ns since 1970 ------------------------------------------------
 */
/* Reads the CMOS clock. */
void wallclock_init(void);
/* It is `sec`.`nsec` UTC at system time `system_ns` (XENPF_settime64): tells all domains. */
void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_ns);
/* Publishes to a domain whose shared_info or time_offset_s is new. */
void wallclock_update_domain(struct domain *d);
