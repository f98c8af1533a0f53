/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that reads what a hostile guest writes gives up everything but the descriptors that it
 * has: user, capabilities, file system, networks, and all system calls but a few.  For good.
 */
#pragma once

#include <stdbool.h>

struct jail {
    unsigned uid;                /* its own, of no user and no other process; also the group */
    const char *directory;       /* where a root directory can be made; nothing stays there */
    unsigned long memory;        /* bytes of its own beyond what it has now */
    unsigned descriptors;        /* so many at most */
    const int *calls;            /* system calls beyond the usual ones, ended by -1 */
    const unsigned long *ioctls; /* numbers, ended by 0: no other ioctl works, on any descriptor */
};

/* The user ids of workers: of disks, JAIL_UID_BLK + the guest's domain id; of networks,
 * JAIL_UID_NET
 * + the worker's process id.  No user of a Linux distribution, of its containers or of systemd is
 * above 0x70000000.
 */
#define JAIL_UID     0x71000000u
#define JAIL_UID_BLK JAIL_UID
#define JAIL_UID_NET 0x72000000u

/* False with errno, and @what says what could not be given up; the process must end then.  Who is
 * not root has no user and no root directory to leave, and no more rights than that; the rest is
 * the same. */
bool jail_enter(const struct jail *jail, const char **what);
