/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest's worker keeps when it goes into its jail. */
#pragma once

#include <seccomp.h>

#include "backend/gate.h"
#include "backend/jail.h"

static inline struct jail disk_jail(unsigned guest, const char *directory)
{
    static const int calls[] = {SCMP_SYS(io_uring_enter), SCMP_SYS(fdatasync), -1};
    return (struct jail){
        .uid = JAIL_UID_BLK + guest,
        .directory = directory,
        .memory = 256ul << 20, /* buffers are 32 MiB, jobs of 64 disks of four queues 60 */
        .descriptors = 512,    /* 64 disks of four queues */
        .calls = calls,
        .ioctls = gate_ioctls()};
}
