/* SPDX-License-Identifier: GPL-2.0-only */
/* A second domain, made call by call: what the family `domains` is about, for its files. */
#pragma once

#include "abi/domctl.h"
#include "abi/sysctl.h"
#include "test.h"

#define GUEST_PAGES 64
#define GUEST_VA    0x400000UL /* where the guest's code page is mapped */

/* The structure of the next call, and of the latest one. */
extern struct xen_domctl domop;
extern struct xen_sysctl sysop;

long domctl(unsigned cmd, unsigned domid);
long sysctl(unsigned cmd);

uint64_t free_pages(void);
/* Memory comes back; Xen keeps some pages for the next domain. */
void expect_free(uint64_t before);

long create(unsigned domid, unsigned max_vcpus, unsigned *made);
long max_mem(unsigned domid, unsigned pages);
long make_vcpus(unsigned domid, unsigned nr);
struct xen_domctl_getdomaininfo info_of(unsigned domid);
long destroy(unsigned domid);
long populate(unsigned domid, uint64_t *list, unsigned nr, unsigned order);

/* A guest that runs: GUEST_PAGES frames, the first four its page tables, the fifth code and data.
 */
extern uint64_t guest_mfn[GUEST_PAGES];
extern struct tree window; /* where we map them */
void unmap_frame(unsigned i);

extern struct vcpu_guest_context context; /* of the next set_context() */
extern uint64_t assistances; /* bits of VMASST_TYPE_* that the next fill_context() puts there */
void fill_context(void);
long set_context(unsigned domid, unsigned vcpu);
/* Builds one, paused; what it counts up is at *data. */
bool build(unsigned *domid, unsigned nr_vcpus, volatile uint64_t **data);
/* Until the word has grown by so much. */
bool wait_for(volatile uint64_t *counter, uint64_t more);

/* --- contexts.c */
void test_context(void);
void test_restored_context(void);
void test_context_bad(void);
void test_late_vcpu(void);
