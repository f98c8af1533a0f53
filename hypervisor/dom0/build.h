/* SPDX-License-Identifier: GPL-2.0-only */
/* Making dom0 out of the boot modules: see build.c. */
#pragma once

#include "abi/xen.h"
#include "lib/types.h"

struct boot_options;

struct dom0_source {
    const void *kernel; /* module 0, in the direct map */
    uint64_t kernel_len;
    const char *cmdline; /* of the kernel */
    const char *extra;   /* more for it, from behind "--" on our command line; NULL: none */
    const void *initrd;  /* NULL: none */
    uint64_t initrd_len;
    struct dom0_vga_console_info screen;
    size_t screen_size; /* bytes of it; 0: no screen */
};

/* Builds dom0, paused.  Stops the machine with a sentence when that cannot be done. */
void dom0_build(const struct dom0_source *src, const struct boot_options *opt);
/* Lets it run. */
void dom0_start(void);
