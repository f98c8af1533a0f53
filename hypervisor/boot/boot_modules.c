/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules and command lines, whichever protocol brought them.  Pure.
 */
#include "boot/bootinfo.h"
#include "lib/string.h"

/*
 * GRUB 2 gives the arguments alone; GRUB 0.97 and QEMU put the file's name before them.
 */
static bool __boot_text strips_file_name(const struct boot_info *b)
{
    return !strncmp(b->loader, "GRUB ", 5) && b->loader[5] != '0';
}

void __boot_text boot_info_arguments(const struct boot_info *b, char *dst, const char *src,
                                     size_t size)
{
    if (!strips_file_name(b)) {
        while (*src == ' ')
            src++;
        while (*src && *src != ' ')
            src++;
    }
    while (*src == ' ')
        src++;
    str_copy(dst, src, size);
}

void __boot_text boot_info_add_module(struct boot_info *b, uint64_t start, uint64_t end,
                                      const char *cmdline)
{
    struct boot_module *m;

    if (b->nr_modules == BOOT_MODULES_MAX) {
        b->nr_modules_dropped++;
        return;
    }
    m = &b->module[b->nr_modules++];
    m->start = start;
    m->size = end > start ? end - start : 0;
    boot_info_arguments(b, m->cmdline, cmdline, sizeof(m->cmdline));
}
