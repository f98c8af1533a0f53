/* SPDX-License-Identifier: GPL-2.0-only */
/* What a network's worker keeps when it goes into its jail. */
#pragma once

#include <seccomp.h>
#include <unistd.h>

#include "backend/gate.h"
#include "backend/jail.h"
#include "netback/front.h"
#include "netback/switch.h"

static inline struct jail net_jail(const char *directory)
{
    static const int calls[] = {SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
                                -1};
    return (struct jail){/* The number of a process is no other's while it lives. */
                         .uid = JAIL_UID_NET + (unsigned)getpid(),
                         .directory = directory,
                         /* Buffers are 35 MiB; parcels that wait, of half of all rings, 100. */
                         .memory = 256ul << 20,
                         /* Two ports for each queue of each card, and what all have in common. */
                         .descriptors = (SWITCH_PORTS - 1) * FRONT_MAX_QUEUES * 2 + 32,
                         .calls = calls,
                         .ioctls = gate_ioctls()};
}
