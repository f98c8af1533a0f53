/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second, unprivileged domain for tests of what only such a domain can show.  It runs a copy of
 * this very image, entered at a function that the test names, on page tables that the first domain
 * wrote: 8 MiB, two vCPUs of which one is started, events masked, no start_info, no P2M but
 * ctl.mfns, and it prints nothing.  What the two have to say to each other goes through `ctl` and
 * `arg`: the second domain uses its copies by these names, the first sees them as *their_ctl and
 * *their_arg.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/domctl.h"
#include "hypercall.h"
#include "mm.h"

#define SECOND_WINDOW  0x10000000000UL /* where the first domain sees frames of the second */
#define SECOND_FRAMES  2048            /* 8 MiB */
#define SECOND_TABLES  8               /* the first of them: L4, L3, L2, five L1 */
#define SECOND_RESULTS 32

struct ctl {
    volatile uint32_t command, done;
    volatile uint64_t counter;
    uint64_t mfns[500];             /* of image pages, by image_page() */
    uint64_t tables[SECOND_TABLES]; /* MFNs */
};

struct arg {
    volatile uint64_t in[8];
    volatile int64_t out[SECOND_RESULTS];
    char text[256]; /* what an attack found wrong (attack.h) */
};

extern struct ctl ctl;
extern struct arg arg;
extern struct ctl *const their_ctl;
extern struct arg *const their_arg;

extern domid_t second;
extern xen_pfn_t second_frames[SECOND_FRAMES];
extern struct xen_domctl second_op; /* what second_domctl() passes, and got back */
extern struct tree second_window;

unsigned image_page(const void *va); /* of a page of the image: its number in it */
#define NO_DOMAIN 12345              /* the number of nobody */
long second_domctl(unsigned cmd);    /* a control call with second_op, for the second domain */
struct xen_domctl_getdomaininfo second_domaininfo(void); /* what the control domain sees of it */
/* The same call for a domain that is not there has to be -ESRCH. */
void second_expect_absent(unsigned cmd);
uint64_t machine_free_pages(void);

/* Shows frame `mfn` of the second domain in page i of the window; 0 takes it out.  Pages 0 and 1
 * are its `ctl` and `arg`, 2 is used while it is built. */
long second_show(unsigned i, uint64_t mfn);

/* The steps, for tests that want one of them; false after a failure. */
bool second_create(void);
bool second_populate(void);

/* All of them: builds the domain and lets it run at `entry`.  False after a failure, which is
 * recorded, or where this domain may not (the test is then skipped). */
bool second_setup(void (*entry)(void));

/* Puts `command` into its ctl.command; whether it copied that to ctl.done within two seconds; both.
 */
void second_order(unsigned command);
bool second_done(unsigned command);
bool second_tell(unsigned command);

bool second_destroy(void); /* and forgets the window; its frames may still be on their way back */
