/* SPDX-License-Identifier: MIT */
/* sched_op: what a guest tells the scheduler about itself. */
#pragma once

#include <stdint.h>

#include "abi/xen.h"

#define SCHEDOP_yield           0
#define SCHEDOP_block           1 /* unmasks events, then sleeps unless one is pending */
#define SCHEDOP_shutdown        2 /* struct sched_shutdown; does not return, suspend excepted */
#define SCHEDOP_poll            3 /* struct sched_poll */
#define SCHEDOP_remote_shutdown 4 /* struct sched_remote_shutdown; privileged */
#define SCHEDOP_shutdown_code   5 /* struct sched_shutdown: sets the code, does not shut down */
#define SCHEDOP_watchdog        6 /* struct sched_watchdog */
#define SCHEDOP_pin_override    7 /* struct sched_pin_override; dom0 */

#define SHUTDOWN_poweroff   0
#define SHUTDOWN_reboot     1
#define SHUTDOWN_suspend    2
#define SHUTDOWN_crash      3
#define SHUTDOWN_watchdog   4
#define SHUTDOWN_soft_reset 5
#define SHUTDOWN_MAX        5

struct sched_shutdown {
    uint32_t reason; /* SHUTDOWN_* */
};

struct sched_poll {
    guest_ptr_t ports; /* of evtchn_port_t */
    uint32_t nr_ports; /* at most 128 */
    uint64_t timeout;  /* absolute system time in ns, 0 for none */
};

struct sched_remote_shutdown {
    domid_t domain_id;
    uint32_t reason;
};

struct sched_watchdog {
    uint32_t id;      /* 0 asks for a new one, returned as the result */
    uint32_t timeout; /* seconds from now; 0 stops it */
};

struct sched_pin_override {
    int32_t pcpu; /* negative: as before */
};
