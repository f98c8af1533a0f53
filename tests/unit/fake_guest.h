/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world of a few domains for tests of domain/: who is running, guest memory (addresses are those
 * of the test program, those below 64 KiB fault), hypervisor memory with injected failures, and
 * preemption on demand.  Included by one file per test program.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "console/log.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/continuation.h"
#include "mem/guest_access.h"
#include "mem/heap.h"

#define FAKE __attribute__((unused)) static

#define FAKE_DOMAINS 3 /* 0 is the control domain */
#define FAKE_VCPUS   2

struct cpu_info host_cpu_info;
spinlock_t domain_list_lock;
struct list_head domain_list;

static struct domain fake_domain[FAKE_DOMAINS];
static struct vcpu fake_vcpu[FAKE_DOMAINS][FAKE_VCPUS];
static struct shared_info fake_shared[FAKE_DOMAINS] __attribute__((aligned(4096)));

static void fake_run(unsigned dom, unsigned vcpu)
{
    /* Not by the field's name: `current` is a macro. */
    *(struct vcpu **)((char *)&host_cpu_info + CPU_INFO_CURRENT) = &fake_vcpu[dom][vcpu];
}

static void fake_domains_init(void)
{
    list_init(&domain_list);
    memset(fake_domain, 0, sizeof(fake_domain));
    memset(fake_vcpu, 0, sizeof(fake_vcpu));
    memset(fake_shared, 0, sizeof(fake_shared));
    for (unsigned i = 0; i < FAKE_DOMAINS; i++) {
        struct domain *d = &fake_domain[i];

        d->mem.id = (domid_t)i;
        d->is_control = d->mem.is_privileged = i == 0;
        d->refcnt = 1;
        d->max_vcpus = FAKE_VCPUS;
        d->shared_info = &fake_shared[i];
        list_add_tail(&domain_list, &d->list);
        for (unsigned j = 0; j < FAKE_VCPUS; j++) {
            struct vcpu *v = &fake_vcpu[i][j];

            v->id = j;
            v->domain = d;
            v->vcpu_info = &fake_shared[i].vcpu_info[j];
            d->vcpu[j] = v;
        }
    }
    fake_run(0, 0);
}

/* --- domains ---------------------------------------------------------------------------------- */

bool domain_get(struct domain *d)
{
    if (!d->refcnt)
        return false;
    atomic_inc(&d->refcnt);
    return true;
}

void domain_put(struct domain *d)
{
    assert_true(atomic_sub_get(&d->refcnt, 1) < 0x80000000U);
}

struct domain *domain_get_by_id(domid_t id)
{
    if (id >= FAKE_DOMAINS || !domain_get(&fake_domain[id]))
        return NULL;
    return &fake_domain[id];
}

int domain_may_control(const struct domain *d)
{
    return current_domain->is_control ? 0 : -EPERM;
}

/* --- failures --------------------------------------------------------------------------------- */

static jmp_buf fake_bug_jump;
static bool fake_bug_expected;
static const char *fake_why; /* reason of the last refusal */

__noreturn void bug(const char *file, int line, const char *what)
{
    if (fake_bug_expected)
        longjmp(fake_bug_jump, 1);
    fprintf(stderr, "BUG at %s:%d: %s\n", file, line, what);
    abort();
}

int64_t guest_refused(int64_t error, const char *why, const char *file, int line)
{
    fake_why = why;
    return error;
}

void printk(const char *fmt, ...)
{
}

/* --- memory ----------------------------------------------------------------------------------- */

static unsigned fake_alloc_fail_at; /* 1: the next allocation fails, 2: the one after... 0: none */
static int fake_allocated;

static void *fake_alloc(size_t size)
{
    if (fake_alloc_fail_at && --fake_alloc_fail_at == 0)
        return NULL;
    fake_allocated++;
    return aligned_alloc(4096, ALIGN_UP(size, 4096UL));
}

static void *fake_zalloc(size_t size)
{
    void *p = fake_alloc(size);

    return p ? memset(p, 0, ALIGN_UP(size, 4096UL)) : NULL;
}

#ifndef FAKE_GUEST_OWN_HEAP
void *hv_alloc_page(void)
{
    return fake_zalloc(4096);
}

void hv_free_page(void *p)
{
    fake_allocated -= p != NULL;
    free(p);
}
#endif

void *hv_alloc_pages(unsigned order)
{
    return fake_zalloc(4096UL << order);
}

void hv_free_pages(void *p, unsigned order)
{
    fake_allocated -= p != NULL;
    free(p);
}

void *hv_zalloc(size_t size)
{
    return fake_zalloc(size);
}

void hv_free(void *p)
{
    fake_allocated -= p != NULL;
    free(p);
}

#define FAKE_BAD_POINTER 0x1000UL

int copy_from_guest(void *dst, uint64_t gva, size_t n)
{
    if (gva < 0x10000)
        return -EFAULT;
    memcpy(dst, (void *)gva, n);
    return 0;
}

int copy_to_guest(uint64_t gva, const void *src, size_t n)
{
    if (gva < 0x10000)
        return -EFAULT;
    memcpy((void *)gva, src, n);
    return 0;
}

/* --- preemption ------------------------------------------------------------------------------- */

#define FAKE_CONTINUED 0x5043L

static unsigned fake_preempt_at; /* 1: the next check says stop, 2: the one after ...; 0: never */
static bool fake_preempt_always;
static struct {
    unsigned op;
    uint64_t arg[3];
} fake_continuation;

bool hypercall_preempt_check(void)
{
    if (fake_preempt_always)
        return true;
    return fake_preempt_at && --fake_preempt_at == 0;
}

long hypercall_create_continuation(unsigned op, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fake_continuation.op = op;
    for (unsigned i = 0; fmt[i]; i++)
        fake_continuation.arg[i] = fmt[i] == 'i' ? va_arg(ap, unsigned) : va_arg(ap, uint64_t);
    va_end(ap);
    return FAKE_CONTINUED;
}
