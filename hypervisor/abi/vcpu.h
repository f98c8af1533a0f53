/* SPDX-License-Identifier: MIT */
/* vcpu_op(command, vcpu id, argument): a guest's handling of its own virtual processors. */
#pragma once

#include <stdint.h>

#include "abi/xen.h"

#define VCPUOP_initialise                     0 /* struct vcpu_guest_context, once */
#define VCPUOP_up                             1
#define VCPUOP_down                           2
#define VCPUOP_is_up                          3
#define VCPUOP_get_runstate_info              4
#define VCPUOP_register_runstate_memory_area  5
#define VCPUOP_set_periodic_timer             6
#define VCPUOP_stop_periodic_timer            7
#define VCPUOP_set_singleshot_timer           8
#define VCPUOP_stop_singleshot_timer          9
#define VCPUOP_register_vcpu_info             10 /* once */
#define VCPUOP_send_nmi                       11
#define VCPUOP_get_physid                     12
#define VCPUOP_register_vcpu_time_memory_area 13

#define RUNSTATE_running  0
#define RUNSTATE_runnable 1 /* wants a CPU and has none */
#define RUNSTATE_blocked  2
#define RUNSTATE_offline  3

/* Set in state_entry_time during an update, if VMASST_TYPE_runstate_update_flag was asked for. */
#define XEN_RUNSTATE_UPDATE (1ULL << 63)

/* set_singleshot_timer flag: fail for a deadline in the past.  Ignored, as Xen does since 4.17.3.
 */
#define VCPU_SSHOTTMR_future (1U << 0)

struct vcpu_runstate_info {
    int32_t state;             /* RUNSTATE_* */
    uint64_t state_entry_time; /* ns of system time */
    uint64_t time[4];          /* ns spent, by RUNSTATE_* */
};

struct vcpu_register_runstate_memory_area {
    union {
        guest_ptr_t h;
        uint64_t p;
    } addr;
};

struct vcpu_register_time_memory_area {
    union {
        guest_ptr_t h;
        uint64_t p;
    } addr;
};

struct vcpu_set_periodic_timer {
    uint64_t period_ns; /* at least 1 ms */
};

struct vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns; /* system time */
    uint32_t flags;
};

struct vcpu_register_vcpu_info {
    uint64_t mfn;    /* frame that is to hold the struct vcpu_info */
    uint32_t offset; /* in that frame; 64 bytes must not cross its end */
    uint32_t rsvd;
};

struct vcpu_get_physid {
    uint64_t phys_id; /* APIC id in the low half, ACPI id in the high */
};
