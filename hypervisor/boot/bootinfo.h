/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the boot loader handed over, whatever its protocol: see bootinfo.c.
 */
#pragma once

#include "abi/xen.h"
#include "lib/types.h"

#define BOOT_CMDLINE_MAX        4096
#define BOOT_MODULES_MAX        8
#define BOOT_MODULE_CMDLINE_MAX 2048

struct boot_module {
    paddr_t start;
    uint64_t size;
    char cmdline[BOOT_MODULE_CMDLINE_MAX]; /* arguments, the file's name taken off */
};

/* A linear frame buffer or text screen that the loader set up. */
struct boot_screen {
    enum { SCREEN_NONE, SCREEN_TEXT, SCREEN_RGB } kind;
    paddr_t address;
    uint32_t pitch, width, height; /* bytes; pixels or characters */
    uint8_t bits_per_pixel;
    uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

struct boot_info {
    char cmdline[BOOT_CMDLINE_MAX]; /* ours, the file's name taken off */
    char loader[64];
    unsigned int nr_modules;
    unsigned int nr_modules_dropped; /* more than BOOT_MODULES_MAX */
    struct boot_module module[BOOT_MODULES_MAX];
    struct boot_screen screen;
    uint8_t rsdp_copy[36];       /* of the ACPI root pointer: Multiboot 2 */
    unsigned int rsdp_copy_size; /* 0: search for it */
    paddr_t efi_system_table;    /* 0: not started by 64-bit UEFI */
};

/* Boot time only; its memory is given back with the boot sections. */
extern struct boot_info boot_info;

/* Our own command line, kept: what XENVER_commandline gives dom0 (1024 bytes is the ABI's size). */
#define BOOT_CMDLINE_KEPT 1024
extern char boot_cmdline[BOOT_CMDLINE_KEPT];

/*
 * Fills boot_info and machine_map (not normalised).  NULL, or a sentence saying what is wrong.  The
 * loader's own memory is not needed afterwards, but for the modules.
 */
const char *boot_info_read(uint32_t magic, paddr_t info);

/* For the readers of the protocols: one more module of bytes [start, end); a command line without
 * the file's name that some loaders put before it.  The loader's name must be known. */
void boot_info_add_module(struct boot_info *b, uint64_t start, uint64_t end, const char *cmdline);
void boot_info_arguments(const struct boot_info *b, char *dst, const char *src, size_t size);

/*
 * screen.c: `s` in the ABI's form, for dom0's start_info; `efi`: UEFI set it up.  The size of what
 * was filled, 0 when there is no screen that could be described.
 */
size_t boot_screen_for_dom0(const struct boot_screen *s, bool efi,
                            struct dom0_vga_console_info *out);
