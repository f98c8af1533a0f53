/* SPDX-License-Identifier: MIT */
/* callback_op: where a guest kernel wants to be entered, other than through its trap table. */
#pragma once

#include <stdint.h>

#include "abi/xen.h"

#define CALLBACKOP_register   0
#define CALLBACKOP_unregister 1

#define CALLBACKTYPE_event               0
#define CALLBACKTYPE_failsafe            1 /* a return to the guest faulted on its segments */
#define CALLBACKTYPE_syscall             2 /* SYSCALL from 64-bit user code */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi                 4
#define CALLBACKTYPE_sysenter            5
#define CALLBACKTYPE_syscall32           7

#define CALLBACKF_mask_events (1U << 0) /* enter with events masked */

typedef uint64_t xen_callback_t; /* canonical address in the guest kernel */

struct callback_register {
    uint16_t type;
    uint16_t flags;
    xen_callback_t address;
};

struct callback_unregister {
    uint16_t type;
    uint16_t _unused;
};
