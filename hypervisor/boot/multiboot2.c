/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the tags of Multiboot 2 (specification 2.0, 3.6), under BIOS and under UEFI.
 *
 * Started from UEFI, GRUB ends the firmware's boot services itself and enters us in the same 32-bit
 * mode as under BIOS; so there is one entry, and UEFI differs by three tags: its memory map, its
 * system table, and a copy of the ACPI root pointer, which is then not in low memory.  The
 * firmware's memory map is better than the one GRUB made of it (it has the runtime regions), and
 * takes its place.
 *
 * Nothing is read outside of the information, and no tag outside of itself.
 */
#include "boot/multiboot2.h"
#include "lib/string.h"

enum tag_type {
    TAG_END = 0,
    TAG_CMDLINE = 1,
    TAG_LOADER = 2,
    TAG_MODULE = 3,
    TAG_MMAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_EFI64 = 12,
    TAG_ACPI_OLD = 14,
    TAG_ACPI_NEW = 15,
    TAG_EFI_MMAP = 17,
};

struct tag {
    uint32_t type, size; /* of all of it, without what aligns the next to 8 */
};

struct tag_module {
    struct tag tag;
    uint32_t start, end;
    char cmdline[];
};

struct tag_mmap {
    struct tag tag;
    uint32_t entry_size, entry_version;
};

struct mmap_entry {
    uint64_t start, length;
    uint32_t type, reserved;
};

enum { FRAMEBUFFER_RGB = 1, FRAMEBUFFER_TEXT = 2 };

struct tag_framebuffer {
    struct tag tag;
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bits_per_pixel, type;
    uint16_t reserved;
    uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

/* A text screen's tag ends before the colours. */
#define FRAMEBUFFER_COMMON  offsetof(struct tag_framebuffer, red_pos)
#define FRAMEBUFFER_COLOURS (FRAMEBUFFER_COMMON + 6)

struct tag_efi64 {
    struct tag tag;
    uint64_t system_table;
};

struct tag_efi_mmap {
    struct tag tag;
    uint32_t descriptor_size, descriptor_version;
};

/* The information being read, and what becomes of it. */
struct reader {
    const char *info;
    size_t size;
    struct boot_info *out;
    struct memory_map *map;
    struct efi_map *efi;
    const struct tag_efi_mmap *efi_mmap;
    const char *wrong;
};

/* A text that fills the rest of a tag, ended inside it. */
static const char *__boot_text text_at(const struct tag *t, size_t offset)
{
    const char *text = (const char *)t + offset;

    if (t->size <= offset || !memchr(text, 0, t->size - offset))
        return "";
    return text;
}

static void __boot_text read_mmap(struct reader *r, const struct tag_mmap *t)
{
    struct mmap_entry e;

    if (t->entry_size < sizeof(e))
        return;
    for (uint64_t at = sizeof(*t); at + t->entry_size <= t->tag.size; at += t->entry_size) {
        memcpy(&e, (const char *)t + at, sizeof(e));
        memory_map_add(r->map, e.start, e.length, e.type);
    }
}

static void __boot_text read_framebuffer(struct boot_screen *s, const struct tag_framebuffer *t)
{
    /* Colours by palette: dom0 could not be told. */
    if (t->type != FRAMEBUFFER_TEXT &&
        (t->type != FRAMEBUFFER_RGB || t->tag.size < FRAMEBUFFER_COLOURS))
        return;
    *s = (struct boot_screen){.kind = t->type == FRAMEBUFFER_TEXT ? SCREEN_TEXT : SCREEN_RGB,
                              .address = t->address,
                              .pitch = t->pitch,
                              .width = t->width,
                              .height = t->height,
                              .bits_per_pixel = t->bits_per_pixel};
    if (t->type == FRAMEBUFFER_RGB) {
        s->red_pos = t->red_pos;
        s->red_size = t->red_size;
        s->green_pos = t->green_pos;
        s->green_size = t->green_size;
        s->blue_pos = t->blue_pos;
        s->blue_size = t->blue_size;
    }
}

static void __boot_text read_rsdp(struct boot_info *out, const struct tag *t)
{
    if (t->type == TAG_ACPI_OLD && out->rsdp_copy_size)
        return; /* the newer one came first */
    out->rsdp_copy_size = (unsigned int)min(t->size - sizeof(*t), sizeof(out->rsdp_copy));
    memcpy(out->rsdp_copy, t + 1, out->rsdp_copy_size);
}

static void __boot_text read_module(struct reader *r, const struct tag_module *t)
{
    boot_info_add_module(r->out, t->start, t->end, text_at(&t->tag, sizeof(*t)));
}

static void __boot_text read_efi_mmap(struct reader *r)
{
    const struct tag_efi_mmap *t = r->efi_mmap;

    if (!efi_map_read(r->efi, t + 1, t->tag.size - sizeof(*t), t->descriptor_size))
        r->wrong = "the firmware's memory map is damaged or too long";
    r->map->nr = 0;
    if (!efi_map_to_memory_map(r->efi, r->map))
        r->wrong = "the firmware's memory map has too many parts";
}

/* The least size of each kind of tag that is read. */
static size_t __boot_text least_size(uint32_t type)
{
    switch (type) {
    case TAG_MODULE: return sizeof(struct tag_module);
    case TAG_MMAP: return sizeof(struct tag_mmap);
    case TAG_FRAMEBUFFER: return FRAMEBUFFER_COMMON;
    case TAG_EFI64: return sizeof(struct tag_efi64);
    case TAG_EFI_MMAP: return sizeof(struct tag_efi_mmap);
    default: return sizeof(struct tag);
    }
}

static void __boot_text read_loader(struct reader *r, const struct tag *t)
{
    if (t->type == TAG_LOADER)
        str_copy(r->out->loader, text_at(t, sizeof(*t)), sizeof(r->out->loader));
}

static void __boot_text read_tag(struct reader *r, const struct tag *t)
{
    if (t->size < least_size(t->type))
        return;
    switch (t->type) {
    case TAG_CMDLINE:
        boot_info_arguments(r->out, r->out->cmdline, text_at(t, sizeof(*t)),
                            sizeof(r->out->cmdline));
        break;
    case TAG_MODULE: read_module(r, (const void *)t); break;
    case TAG_MMAP: read_mmap(r, (const void *)t); break;
    case TAG_FRAMEBUFFER: read_framebuffer(&r->out->screen, (const void *)t); break;
    case TAG_EFI64: r->out->efi_system_table = ((const struct tag_efi64 *)t)->system_table; break;
    case TAG_ACPI_OLD:
    case TAG_ACPI_NEW: read_rsdp(r->out, t); break;
    case TAG_EFI_MMAP: r->efi_mmap = (const void *)t; break;
    default: break;
    }
}

static void __boot_text for_each_tag(struct reader *r,
                                     void (*f)(struct reader *r, const struct tag *t))
{
    /* The information begins with its size and a reserved word. */
    for (size_t at = 8; at + sizeof(struct tag) <= r->size;) {
        const struct tag *t = (const void *)(r->info + at);

        if (t->type == TAG_END)
            return;
        if (t->size < sizeof(*t) || t->size > r->size - at) {
            r->wrong = "the boot loader's Multiboot 2 information is damaged";
            return;
        }
        f(r, t);
        at = ALIGN_UP(at + t->size, 8UL);
    }
}

const char *__boot_text multiboot2_read(const void *info, size_t size, struct boot_info *out,
                                        struct memory_map *map, struct efi_map *efi)
{
    struct reader r = {.info = info, .size = size, .out = out, .map = map, .efi = efi};

    /* The loader's name first: how command lines are read depends on it. */
    for_each_tag(&r, read_loader);
    for_each_tag(&r, read_tag);
    if (r.efi_mmap)
        read_efi_mmap(&r);
    return r.wrong;
}
