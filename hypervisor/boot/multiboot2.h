/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot 2's information, as GRUB leaves it: see multiboot2.c.  Pure.
 */
#pragma once

#include "boot/bootinfo.h"
#include "mem/efi_parse.h"
#include "mem/memory_map.h"

/*
 * Reads `size` bytes of information into *out, `map` and `efi`, which are empty.  NULL, or a
 * sentence saying what is wrong; what was read before that is kept.
 */
const char *multiboot2_read(const void *info, size_t size, struct boot_info *out,
                            struct memory_map *map, struct efi_map *efi);
