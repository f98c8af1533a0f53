/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows a boot protocol: turns what a Multiboot 1 or 2 loader left in memory
 * into struct boot_info and the memory map.  Everything is copied, since the loader's memory is
 * ours to reuse.  It runs on the early map, which reaches the low 4 GiB, where loaders put things.
 */
#include "boot/bootinfo.h"
#include "lib/string.h"
#include "mem/map.h"
#include "mem/memory_map.h"

/* What the loader leaves in EAX (Multiboot specification 0.6.96, 3.2; 2.0, 3.5). */
#define MB1_LOADER_MAGIC 0x2badb002
#define MB2_LOADER_MAGIC 0x36d76289

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

enum mb2_tag_type {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_ACPI_OLD = 14,
    MB2_ACPI_NEW = 15,
};

struct mb2_tag {
    uint32_t type, size;
};

struct mb2_module {
    struct mb2_tag tag;
    uint32_t start, end;
    char cmdline[];
};

struct mb2_mmap {
    struct mb2_tag tag;
    uint32_t entry_size, entry_version;
};

struct mb2_mmap_entry {
    uint64_t start, length;
    uint32_t type, reserved;
};

struct mb2_framebuffer {
    struct mb2_tag tag;
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bits_per_pixel, type;
    uint16_t reserved;
    uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

struct boot_info boot_info __boot_bss;
char boot_cmdline[BOOT_CMDLINE_KEPT];

/*
 * GRUB 2 gives the arguments alone; GRUB 0.97 and QEMU put the file's name before them.
 */
static bool __boot_text strips_file_name(void)
{
    return !strncmp(boot_info.loader, "GRUB ", 5) && boot_info.loader[5] != '0';
}

static void __boot_text copy_arguments(char *dst, const char *src, size_t size)
{
    if (!strips_file_name()) {
        while (*src == ' ')
            src++;
        while (*src && *src != ' ')
            src++;
    }
    while (*src == ' ')
        src++;
    str_copy(dst, src, size);
}

static void __boot_text add_module(uint64_t start, uint64_t end, const char *cmdline)
{
    struct boot_module *m;

    if (boot_info.nr_modules == BOOT_MODULES_MAX) {
        boot_info.nr_modules_dropped++;
        return;
    }
    m = &boot_info.module[boot_info.nr_modules++];
    m->start = start;
    m->size = end > start ? end - start : 0;
    copy_arguments(m->cmdline, cmdline, sizeof(m->cmdline));
}

static const char *__boot_text read_multiboot1(const struct mb1_info *mb)
{
    const struct mb1_module *mods = paddr_to_virt(mb->modules);

    if (mb->flags & MB1_HAS_LOADER)
        str_copy(boot_info.loader, paddr_to_virt(mb->loader_name), sizeof(boot_info.loader));
    if (mb->flags & MB1_HAS_CMDLINE)
        copy_arguments(boot_info.cmdline, paddr_to_virt(mb->cmdline), sizeof(boot_info.cmdline));
    for (uint32_t i = 0; (mb->flags & MB1_HAS_MODULES) && i < mb->nr_modules; i++)
        add_module(mods[i].start, mods[i].end, mods[i].string ? paddr_to_virt(mods[i].string) : "");
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

static void __boot_text read_mb2_mmap(const struct mb2_mmap *t)
{
    uint32_t at = sizeof(*t);

    while (t->entry_size && at + sizeof(struct mb2_mmap_entry) <= t->tag.size) {
        const struct mb2_mmap_entry *e = (const void *)((const char *)t + at);

        memory_map_add(&machine_map, e->start, e->length, e->type);
        at += t->entry_size;
    }
}

static void __boot_text read_mb2_framebuffer(const struct mb2_framebuffer *t)
{
    struct boot_screen *s = &boot_info.screen;

    *s = (struct boot_screen){.kind = t->type == 2 ? SCREEN_TEXT : SCREEN_RGB,
                              .address = t->address,
                              .pitch = t->pitch,
                              .width = t->width,
                              .height = t->height,
                              .bits_per_pixel = t->bits_per_pixel};
    if (t->type == 1) {
        s->red_pos = t->red_pos;
        s->red_size = t->red_size;
        s->green_pos = t->green_pos;
        s->green_size = t->green_size;
        s->blue_pos = t->blue_pos;
        s->blue_size = t->blue_size;
    }
}

static void __boot_text read_mb2_tag(const struct mb2_tag *t)
{
    const char *text = (const char *)(t + 1);
    const struct mb2_module *module = (const void *)t;

    switch (t->type) {
    case MB2_CMDLINE: copy_arguments(boot_info.cmdline, text, sizeof(boot_info.cmdline)); break;
    case MB2_MODULE: add_module(module->start, module->end, module->cmdline); break;
    case MB2_MMAP: read_mb2_mmap((const void *)t); break;
    case MB2_FRAMEBUFFER: read_mb2_framebuffer((const void *)t); break;
    case MB2_ACPI_OLD:
        if (boot_info.rsdp_copy_size)
            break; /* the newer one came first */
        /* fall through */
    case MB2_ACPI_NEW:
        boot_info.rsdp_copy_size =
            (unsigned int)min(t->size - sizeof(*t), sizeof(boot_info.rsdp_copy));
        memcpy(boot_info.rsdp_copy, text, boot_info.rsdp_copy_size);
        break;
    default: break;
    }
}

static const char *__boot_text read_multiboot2(paddr_t info)
{
    const uint32_t *header = paddr_to_virt(info);
    paddr_t end = info + header[0];
    const struct mb2_tag *t;

    /* The loader's name first: how command lines are read depends on it. */
    for (int pass = 0; pass < 2; pass++) {
        for (paddr_t at = info + 8; at + sizeof(*t) <= end; at = ALIGN_UP(at + t->size, 8UL)) {
            t = paddr_to_virt(at);
            if (t->type == MB2_END)
                break;
            if (t->size < sizeof(*t) || at + t->size > end)
                return "the boot loader's Multiboot 2 information is damaged";
            if (pass)
                read_mb2_tag(t);
            else if (t->type == MB2_LOADER)
                str_copy(boot_info.loader, (const char *)(t + 1), sizeof(boot_info.loader));
        }
    }
    return NULL;
}

const char *__boot_text boot_info_read(uint32_t magic, paddr_t info)
{
    const char *wrong = "not started by a Multiboot boot loader";

    if (magic == MB1_LOADER_MAGIC)
        wrong = read_multiboot1(paddr_to_virt(info));
    if (magic == MB2_LOADER_MAGIC)
        wrong = read_multiboot2(info);
    str_copy(boot_cmdline, boot_info.cmdline, sizeof(boot_cmdline));
    return wrong;
}
