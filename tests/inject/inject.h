/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between a tiny kernel and build/pavis-hv-inject: what is to fail, and how often it could have.
 *
 * Hypercall 40 (xenpmu_op, which the product answers with -EOPNOTSUPP) with one of these commands
 * as first argument and two numbers.  Any other command goes to the product's handler, and the
 * product itself knows none of these: -EOPNOTSUPP tells that nothing can be injected.
 */
#pragma once

#define INJECT_HYPERCALL 40

enum inject_kind {
    INJECT_ALLOC,   /* an allocation says that there is no memory */
    INJECT_PREEMPT, /* a look for pending work finds some */
    INJECT_SOFTIRQ, /* a softirq is raised: the next look, of whatever kind, finds it */
    INJECT_PAUSE,   /* a look of an unprivileged domain finds some, and the domain does not go on */
    INJECT_KINDS
};

enum inject_cmd {
    /* (kind, n): the n-th passage of a point of this kind from now on fails, counted from 1; n = 0:
     * they are only counted.  Counts begin anew. */
    INJECT_ONCE = 0x494e4a00,
    /* (kind, n): the n-th and all that follow. */
    INJECT_FROM,
    /* Nothing fails any more.  The result is how often something did. */
    INJECT_STOP,
    /* How often something has failed up to now. */
    INJECT_FAILED,
    /* (kind): how often such a point was passed since.  From here on: nothing fails any more. */
    INJECT_PASSED,
    /* The audit, at once: its number of differences, which go to the log. */
    INJECT_AUDIT,
    /* Frames that are free, or of pages of small objects; small objects of the hypervisor's heap
       that are in use. */
    INJECT_FREE_FRAMES,
    INJECT_SMALL_OBJECTS,
    /* (number): plants the fault with this number of plants.def, runs the audit, takes the fault
     * back, runs the audit again.  enum plant_result. */
    INJECT_PLANT,
};

enum plant_result {
    PLANT_FOUND,
    PLANT_NOWHERE,   /* there is nothing to plant it in */
    PLANT_MISSED,    /* the audit did not say what it should have */
    PLANT_NOT_CLEAN, /* after the fault was taken back, or before it was planted */
};
