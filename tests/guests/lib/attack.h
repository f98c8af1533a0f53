/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks: tests whose body runs in a second, unprivileged domain that this one builds for it
 * (second.h) and throws away after it.  In it the whole library works as in the first: EXPECT, TRY,
 * pages, tables, pins.  A second vCPU can be started for what is a race.
 *
 * Whatever the body finds, after it the first domain looks whether its own page is as it was, the
 * domain's end gives everything back, and the hypervisor's audit is clean.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "second.h"
#include "test.h"

/* The hypervisor must end the domain for it: the body does not come to its end. */
#define ATTACK_DEADLY 1u
/* The first domain waits busily: on one processor, it is interrupted for the attacker. */
#define ATTACK_SPIN 2u

/* ATTACK(name) { body }: a test T(name). */
#define ATTACK_(name, how)                                                                         \
    static void attack_##name(void);                                                               \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        attack_run(attack_##name, how);                                                            \
    }                                                                                              \
    static void attack_##name(void)
#define ATTACK(name) ATTACK_(name, 0)
#define DEADLY(name) ATTACK_(name, ATTACK_DEADLY)

void attack_run(void (*body)(void), unsigned how);

/* What the body is told. */
#define VICTIM_MFN   (arg.in[2]) /* a page of the first domain, full of VICTIM_WORD */
#define VICTIM_TABLE (arg.in[3]) /* an L1 table of the first domain */
#define VICTIM_PORT  (arg.in[4]) /* an unbound port of the first domain, not for us */
#define OWN_DOMID    ((domid_t)arg.in[5])
#define VICTIM_WORD  0x7ec2e70f0d0a0fUL

/*
 * Starts vCPU 1 in `run`, which does not return.  An exception there goes on at the address in its
 * R15 (RACE_AT), with all other registers as they were.
 */
bool attack_start(void (*run)(void));
#define RACE_AT(label) "lea " #label "(%%rip), %%r15\n\t"

/* How such a function ends: it looks for race_stop, and at last calls race_rest().  race_end() asks
 * for it and waits; false if it does not. */
extern volatile bool race_stop;
void race_rest(void) __attribute__((noreturn));
bool race_end(void);

/* Lets `ms` go by, of the pvclock. */
void attack_wait(unsigned ms);

/*
 * A writer on vCPU 1: stores to word 1 of race_page as fast as it can, counts the stores that
 * arrive, and tries again after a fault.  The numbers are even and small: as entries they are not
 * present and name no frame.  Each store begins in word 0 (zeroes), so that it is not emulated.
 */
extern volatile uint64_t *volatile race_page;
extern volatile uint64_t race_stores;
void race_writer(void);
bool race_is_running(void); /* stores arrive: within a second */
/* Word 1 of a page does not change for some milliseconds, though vCPU 1 is trying. */
bool stays(const void *page);
