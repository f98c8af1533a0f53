/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzers' common part: a table of calls (rows.c), and how a call is made up from a row, made,
 * and counted (make.c).  fuzz.c runs it in an unprivileged domain, fuzzpriv.c in dom0; what differs
 * between them (frames, addresses, domains to name) are the functions below that they define.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hypercall.h"
#include "mm.h"

/*
 * One call.  `args` has a letter per argument and `fields` one per field of the structure that '@'
 * points at; what a letter makes is beside it in make.c.  `fields` repeat, as elements of an array.
 */
struct row {
    const char *name;
    uint8_t nr;
    uint8_t flags;
    uint32_t cmd;
    const char *args, *fields;
};
#define OK      1  /* must succeed once in a run of an unprivileged domain */
#define OK0     2  /* must succeed once in dom0's run; implies that dom0 makes it */
#define DEADLY  4  /* ends or blocks somebody when it succeeds, or writes to the log: rare */
#define STATUS  8  /* success is the 16-bit status of the first element */
#define CONTROL 16 /* for the control domain alone: never succeeds elsewhere; dom0 makes it */
#define DOM0    32 /* dom0 makes it too: it is about others, or harmless */

extern const struct row rows[];
extern const unsigned nr_rows;
#define MAX_ROWS 256

#define LIST_WORDS 1536 /* more than a page: some calls return long lists */
#define NR_MAPS    16

struct fuzzer {
    uint64_t random;
    unsigned at;           /* the page that this call is about */
    bool daring;           /* some calls of this life are wild */
    bool wild;             /* this one may hit what the domain needs to live */
    unsigned nr_maps, map; /* of grants, and which one this call is about */
    struct {
        uint32_t handle;
        uint64_t address;
    } maps[NR_MAPS];
    uint64_t frames[16]; /* that the hypervisor handed out lately */
    uint64_t area_size;  /* of a vCPU's extended state, as told */
    uint64_t *pointed;   /* where '@' is in this call */
    /* Each a page or more, in this order: a structure may cross into the list or into the hole. */
    uint64_t structure[512] __attribute__((aligned(4096)));
    uint64_t list[LIST_WORDS];
    uint64_t edge[512], hole[512]; /* the hole is not mapped */
} __attribute__((aligned(4096)));

struct counts {
    volatile uint32_t tried[MAX_ROWS], fine[MAX_ROWS];
    volatile uint32_t all;
    volatile uint32_t broken;      /* 1 + row of a CONTROL call that should not have succeeded */
    volatile uint64_t last[16][6]; /* the latest calls: row, arguments */
} __attribute__((aligned(4096)));
_Static_assert(sizeof(struct counts) == PAGE_SIZE, "one page of the window");

uint64_t fuzz_random(struct fuzzer *f);
unsigned fuzz_below(struct fuzzer *f, unsigned n);
uint64_t fuzz_anything(struct fuzzer *f); /* with a taste for borders */
void fuzz_hide_hole(struct fuzzer *f);
void fuzz_one_call(struct fuzzer *f, struct counts *count);

/* For the first domain: the latest calls; what succeeded how often, and what should have. */
void fuzz_tell_last(const char *who, const struct counts *c);
void fuzz_sum(const struct counts *c, uint64_t *tried, uint64_t *fine);
void fuzz_judge(const uint64_t *tried, const uint64_t *fine, unsigned must, bool enough);
uint64_t fuzz_option(const char *name, uint64_t otherwise);

/* --- what each of the two has in its own way ---------------------------------------------------
 */

extern const bool fuzz_is_dom0;
uint64_t fuzz_frame(struct fuzzer *f);
uint64_t fuzz_address(struct fuzzer *f);       /* of a page to play with */
uint64_t fuzz_grant_address(struct fuzzer *f); /* where a grant may be mapped */
uint64_t fuzz_entry_address(struct fuzzer *f); /* machine address of a page-table entry */
uint64_t fuzz_word_address(struct fuzzer *f);  /* machine address of a descriptor */
uint64_t fuzz_handler(struct fuzzer *f);
uint16_t fuzz_domain(struct fuzzer *f, char kind); /* d any, y mostly the own one, w another's */
uint64_t fuzz_bulk(struct fuzzer *f, char kind);   /* buffer of a large structure: X Y W R U */
uint64_t fuzz_time(struct fuzzer *f);
/* Faults elsewhere than at a store: the domain goes on somewhere, with registers and a stack of
 * somewhere else, and what it says from then on is no evidence. */
extern volatile uint32_t fuzz_strayed;
bool fuzz_store(struct fuzzer *f);
/* Last look at a call; false: not to be made, since it would rightly end the machine. */
bool fuzz_may(struct fuzzer *f, const struct row *row, uint64_t *nr, uint64_t a[5]);
void fuzz_done(struct fuzzer *f, const struct row *row, bool fine);
