/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extended state (x87, SSE, AVX, ...) of guests: see fpu.c.
 */
#pragma once

#include "lib/types.h"

/* Turns XSAVE on for the calling CPU.  Part of cpu_init(). */
void fpu_init_cpu(void);

/* No area is larger: what cpu/fpu.c offers of the processor's fits. */
#define FPU_AREA_MAX 4096

/* Bytes of an area that holds all state (XSAVE standard format, or FXSAVE); 64-byte aligned. */
unsigned int fpu_area_size(void);

/* The XCR0 bits that guests may set; 0: no XSAVE on this machine. */
uint64_t fpu_xcr0_supported(void);

/* Whether a guest may load this XCR0: supported bits only, and the processor's combination rules.
 */
bool fpu_xcr0_valid(uint64_t xcr0);

/* Loads a valid XCR0 for the guest that runs here.  The only way to XSETBV: saving and loading rely
 * on knowing what the register holds. */
void fpu_set_guest_xcr0(uint64_t xcr0);

/* Makes `area` the state after a reset. */
void fpu_area_init(void *area);

/* Fills `area` from an FXSAVE image that came from outside; what that does not hold is as after a
 * reset. */
void fpu_area_from_fxsave(void *area, const void *image);

/* Which components `area` holds (XSTATE_BV), and where it says so. */
#define FPU_AREA_HELD_AT 512
uint64_t fpu_area_held(const void *area);

/*
 * Whether an area whose contents came from outside has a header that XRSTOR takes: XSTATE_BV within
 * xcr0, standard format, reserved bytes zero, MXCSR without reserved bits.
 */
bool fpu_area_valid(const void *area, uint64_t xcr0);

/* Stores all state into `area`; loads it and sets XCR0 to what the guest has.  CR0.TS is clear
 * afterwards.  The load returns false, with reset state loaded, when the processor refuses it. */
void fpu_save(void *area);
bool fpu_restore(const void *area, uint64_t xcr0);

/*
 * Puts what is loaded, whoever's it is, aside into `area` (FPU_AREA_MAX, 64-byte aligned) and loads
 * the state after a reset, for code that is neither ours nor a guest's; and back.
 */
struct fpu_loan {
    uint64_t xcr0;
    bool ts; /* CR0.TS was set */
};
struct fpu_loan fpu_lend(void *area);
void fpu_return(const void *area, struct fpu_loan loan);
