/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turns what a Multiboot 1 or 2 loader left in memory into struct boot_info and the memory map; the
 * only file beside multiboot2.c that knows a boot protocol.  Everything is copied, since the
 * loader's memory is ours to reuse.  It runs on the early map, which reaches the low 4 GiB, where
 * loaders put things.
 */
#include "boot/bootinfo.h"
#include "boot/multiboot2.h"
#include "lib/string.h"
#include "mem/map.h"
#include "mem/memory_map.h"

/* What the loader leaves in EAX (Multiboot specification 0.6.96, 3.2; 2.0, 3.5). */
#define MB1_LOADER_MAGIC 0x2badb002
#define MB2_LOADER_MAGIC 0x36d76289
/* Some ten KiB are usual; a larger number is not a size. */
#define MB2_INFO_MAX MIB(16)

/* Which fields are valid in a Multiboot 1 information structure. */
#define MB1_HAS_MEMORY  BIT(0)
#define MB1_HAS_CMDLINE BIT(2)
#define MB1_HAS_MODULES BIT(3)
#define MB1_HAS_MMAP    BIT(6)
#define MB1_HAS_LOADER  BIT(9)

struct mb1_info {
    uint32_t flags, mem_lower_kib, mem_upper_kib, boot_device, cmdline, nr_modules, modules;
    uint32_t symbols[4];
    uint32_t mmap_length, mmap, drives_length, drives, config_table, loader_name;
};

struct mb1_module {
    uint32_t start, end, string, reserved;
};

/* `size` does not count itself. */
struct mb1_mmap {
    uint32_t size;
    uint64_t start, length;
    uint32_t type;
} __packed;

struct boot_info boot_info __boot_bss;
char boot_cmdline[BOOT_CMDLINE_KEPT];

static const char *__boot_text read_multiboot1(const struct mb1_info *mb)
{
    const struct mb1_module *mods = paddr_to_virt(mb->modules);

    if (mb->flags & MB1_HAS_LOADER)
        str_copy(boot_info.loader, paddr_to_virt(mb->loader_name), sizeof(boot_info.loader));
    if (mb->flags & MB1_HAS_CMDLINE)
        boot_info_arguments(&boot_info, boot_info.cmdline, paddr_to_virt(mb->cmdline),
                            sizeof(boot_info.cmdline));
    for (uint32_t i = 0; (mb->flags & MB1_HAS_MODULES) && i < mb->nr_modules; i++)
        boot_info_add_module(&boot_info, mods[i].start, mods[i].end,
                             mods[i].string ? paddr_to_virt(mods[i].string) : "");
    /* Multiboot 1 text mode is what a PC starts in. */
    boot_info.screen = (struct boot_screen){.kind = SCREEN_TEXT,
                                            .address = 0xb8000,
                                            .pitch = 160,
                                            .width = 80,
                                            .height = 25,
                                            .bits_per_pixel = 16};
    if (mb->flags & MB1_HAS_MMAP) {
        uint32_t at = 0;

        while (at + sizeof(struct mb1_mmap) <= mb->mmap_length) {
            const struct mb1_mmap *e = paddr_to_virt(mb->mmap + at);

            memory_map_add(&machine_map, e->start, e->length, e->type);
            at += e->size + sizeof(e->size);
        }
    } else if (mb->flags & MB1_HAS_MEMORY) {
        memory_map_add(&machine_map, 0, KIB(mb->mem_lower_kib), MEMORY_RAM);
        memory_map_add(&machine_map, MIB(1), KIB(mb->mem_upper_kib), MEMORY_RAM);
    }
    return NULL;
}

static const char *__boot_text read_multiboot2(const uint32_t *info)
{
    if (info[0] > MB2_INFO_MAX)
        return "the boot loader's Multiboot 2 information is damaged";
    return multiboot2_read(info, info[0], &boot_info, &machine_map, &efi_map);
}

const char *__boot_text boot_info_read(uint32_t magic, paddr_t info)
{
    const char *wrong = "not started by a Multiboot boot loader";

    if (magic == MB1_LOADER_MAGIC)
        wrong = read_multiboot1(paddr_to_virt(info));
    if (magic == MB2_LOADER_MAGIC)
        wrong = read_multiboot2(paddr_to_virt(info));
    str_copy(boot_cmdline, boot_info.cmdline, sizeof(boot_cmdline));
    return wrong;
}
