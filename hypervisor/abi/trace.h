/* SPDX-License-Identifier: MIT */
/*
 * Trace buffers: one ring of records per processor, shared with the control domain.
 *
 * A record is a head word, two words of time stamp if the head says so, and up to seven words more.
 * `cons` and `prod` count bytes modulo twice the size of the data that follows them, so that full
 * and empty differ; a record never straddles the end, a wrap record fills the rest.
 */
#pragma once

#include <stdint.h>

/* The head of a record: event, number of extra words, whether a time stamp follows. */
#define TRACE_EXTRA_MAX   7
#define TRACE_EXTRA_SHIFT 28
#define TRC_HD_CYCLE_FLAG (1UL << 31)

/* An event is a class, a subclass and a number; masks select classes and subclasses. */
#define TRC_GEN          0x0001f000
#define TRC_SCHED        0x0002f000
#define TRC_PV           0x0020f000
#define TRC_ALL          0x0ffff000
#define TRC_CLS_SHIFT    16
#define TRC_SUBCLS_SHIFT 12
#define TRC_64_FLAG      0x100 /* addresses in the record are of 64 bits */

#define TRC_SCHED_MIN     0x00021000
#define TRC_SCHED_VERBOSE 0x00028000
#define TRC_PV_ENTRY      0x00201000
#define TRC_PV_SUBCALL    0x00202000

#define TRC_LOST_RECORDS      (TRC_GEN + 1) /* how many, whose, the first one's time */
#define TRC_TRACE_WRAP_BUFFER (TRC_GEN + 2)

/* Old state << 8, new state << 4 are added; vCPU and domain in one word. */
#define TRC_SCHED_RUNSTATE_CHANGE (TRC_SCHED_MIN + 1)
#define TRC_SCHED_SWITCH          (TRC_SCHED_VERBOSE + 10) /* domain, vCPU; domain, vCPU */

#define TRC_PV_PAGE_FAULT        (TRC_PV_ENTRY + 4)  /* rip, address, error code */
#define TRC_PV_PTWR_EMULATION    (TRC_PV_ENTRY + 11) /* entry, address, rip */
#define TRC_PV_HYPERCALL_V2      (TRC_PV_ENTRY + 13)
#define TRC_PV_HYPERCALL_SUBCALL (TRC_PV_SUBCALL + 14) /* of a multicall */

/* The first word of both: number, and two bits per argument that follows: 32 or 64 bits of it. */
#define TRC_PV_HYPERCALL_V2_ARG_32(i) (0x1 << (20 + 2 * (i)))
#define TRC_PV_HYPERCALL_V2_ARG_64(i) (0x2 << (20 + 2 * (i)))
#define TRC_PV_HYPERCALL_V2_ARG_MASK  (0xfff00000)

struct t_buf {
    uint32_t cons; /* read up to here: written by the reader */
    uint32_t prod; /* written up to here */
};

/* Where the rings are; behind the offsets the lists of frame numbers, 32 bits each. */
struct t_info {
    uint16_t tbuf_size; /* pages of each ring */
    uint16_t
        mfn_offset[]; /* of each CPU's list, in words of 32 bits from the start of this; 0: none */
};
