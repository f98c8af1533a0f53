/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies behind emulated instructions: ports, MSRs, CPUID, control registers of a guest.
 */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;

/* --- pv/ports.c
 * ------------------------------------------------------------------------------------ */
/* One access of 1, 2 or 4 bytes, as this domain is allowed it: a port that is not the domain's
 * reads as all ones and ignores writes. */
uint32_t pv_port_in(struct domain *d, unsigned port, unsigned size);
void pv_port_out(struct domain *d, unsigned port, unsigned size, uint32_t val);

/* --- pv/cpuid_msr.c
 * -------------------------------------------------------------------------------- */
/* false: the guest gets #GP. */
bool pv_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
bool pv_write_msr(struct vcpu *v, uint32_t msr, uint64_t val);
/* eax, ebx, ecx, edx */
void pv_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* CR4 of v (which is current): false when a bit is asked for that is not offered. */
bool pv_write_guest_cr4(struct vcpu *v, uint64_t val);
/* What CR4 reads as in a new vCPU, and what the processor's CR4 must be while v runs. */
uint64_t pv_initial_cr4(const struct domain *d);
/* CR4 of a context that came from outside: the bits a guest may choose, the others as initially. */
uint64_t pv_guest_cr4(const struct domain *d, uint64_t wanted);
uint64_t pv_real_cr4(const struct vcpu *v);
bool pv_set_xcr0(struct vcpu *v, uint64_t val);
