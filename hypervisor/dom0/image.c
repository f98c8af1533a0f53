/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unwraps a kernel file and reads the ELF inside: segments and entry here, what the Xen notes say
 * in image_notes.c.
 *
 * Nothing in the file is believed before file_bytes() has said that it is inside the file, and
 * sizes are compared by subtraction, so that no sum can wrap.  Segments are placed by p_paddr, as
 * Xen places them: Linux' per-CPU segment has a virtual address of 0.  Segments that overlap and
 * kernels that span more than IMAGE_MAX_SPAN are refused, which bounds the work of image_load().
 *
 * Left out: loading a BSD kernel's symbol table (its debugger then has no names).
 */
#include "dom0/image_notes.h"

#include "abi/features.h"
#include "dom0/image.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

/* Linux/x86 boot protocol: offsets in the file and the header's oldest version with a payload. */
#define BZ_SETUP_SECTS    0x1f1u
#define BZ_MAGIC          0x202u
#define BZ_VERSION        0x206u
#define BZ_PAYLOAD_OFFSET 0x248u
#define BZ_PAYLOAD_LENGTH 0x24cu
#define BZ_HEADER_END     0x250u
#define BZ_MIN_VERSION    0x208u
#define BZ_SECTOR         512u
#define BZ_OLD_SECTS      4u /* what 0 setup sectors means, for historical reasons */

#define IMAGE_MAX_SPAN GIB(1) /* x86-64 Linux never maps more than 1 GiB for itself */

#define ELF_MAGIC     0x464c457fu
#define ELF_CLASS     4 /* index in e_ident */
#define ELF_DATA      5
#define ELF_64        2
#define ELF_LITTLE    1
#define ELF_EXEC      2
#define ELF_X86_64    62
#define ELF_MAX_PHNUM 128

static char sentence[160];

#define SAY(...) (format_append(sentence, sizeof(sentence), __VA_ARGS__), sentence)

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static bool has_prefix(const uint8_t *data, uint64_t len, const char *magic, size_t magic_len)
{
    return len >= magic_len && memcmp(data, magic, magic_len) == 0;
}

static const char *recognise_payload(struct packed_image *out)
{
    static const struct {
        const char *magic;
        uint8_t len;
        uint8_t packing;
        const char *refused; /* a format known by name that nothing here unpacks */
    } known[] = {
        {"\x7f"
         "ELF",
         4, IMAGE_PLAIN, NULL},
        {"\x1f\x8b", 2, IMAGE_GZIP, NULL},
        {"\xfd"
         "7zXZ",
         6, IMAGE_XZ, NULL},
        {"\x02\x21\x4c\x18", 4, IMAGE_LZ4, NULL},
        {"\x28\xb5\x2f\xfd", 4, IMAGE_ZSTD, NULL},
        {"BZh", 3, IMAGE_BZIP2, NULL},
        {"\x5d\0\0", 3, IMAGE_LZMA, NULL},
        {"\x89LZO", 4, 0, "LZO"},
        {"\x04\x22\x4d\x18", 4, 0, "the new LZ4 frame format"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (!has_prefix(out->data, out->len, known[i].magic, known[i].len))
            continue;
        if (known[i].refused)
            return SAY("the kernel is compressed with %s, which is not supported: use XZ, LZ4, "
                       "gzip or zstd",
                       known[i].refused);
        out->packing = known[i].packing;
        return NULL;
    }
    return out->in_bzimage ? "the kernel's payload is in no known format: the file is damaged"
                           : "this is not a kernel: neither a bzImage, nor a 64-bit ELF file, nor "
                             "one of them compressed with XZ, LZ4, gzip or zstd";
}

const char *image_recognise(struct packed_image *out, const void *data, uint64_t len)
{
    const uint8_t *file = data;
    uint64_t start, payload_len;

    memset(out, 0, sizeof(*out));
    sentence[0] = 0;
    if (len == 0)
        return "the kernel file is empty";
    if (len < BZ_HEADER_END || !has_prefix(file + BZ_MAGIC, 4, "HdrS", 4)) {
        out->data = file;
        out->len = len;
        return recognise_payload(out);
    }

    if (get16(file + BZ_VERSION) < BZ_MIN_VERSION)
        return "the kernel is a bzImage older than Linux 2.6.24 (boot protocol below 2.08), which "
               "holds no payload that could be found";
    start = file[BZ_SETUP_SECTS] ? file[BZ_SETUP_SECTS] : BZ_OLD_SECTS;
    start = (start + 1) * BZ_SECTOR + get32(file + BZ_PAYLOAD_OFFSET);
    payload_len = get32(file + BZ_PAYLOAD_LENGTH);
    if (start + payload_len > len) /* 32-bit values: no wrap */
        return SAY("the kernel is truncated: its payload ends %llu bytes behind the end of the "
                   "file",
                   (unsigned long long)(start + payload_len - len));
    out->data = file + start;
    out->len = payload_len;
    out->in_bzimage = true;
    return recognise_payload(out);
}

const uint8_t *image_file_bytes(const struct kernel_image *img, uint64_t offset, uint64_t len)
{
    return offset <= img->file_len && len <= img->file_len - offset ? img->file + offset : NULL;
}

static const char *parse_header(struct kernel_image *img, struct elf64_header *eh)
{
    const uint8_t *bytes = image_file_bytes(img, 0, sizeof(*eh));

    if (!bytes)
        return "the kernel's ELF file is shorter than an ELF header";
    memcpy(eh, bytes, sizeof(*eh));
    if (get32(eh->e_ident) != ELF_MAGIC)
        return "the unpacked kernel is not an ELF file";
    if (eh->e_ident[ELF_CLASS] != ELF_64 || eh->e_ident[ELF_DATA] != ELF_LITTLE ||
        eh->e_machine != ELF_X86_64)
        return "the kernel is not a 64-bit x86 kernel: 32-bit paravirtual kernels are not "
               "supported";
    if (eh->e_type != ELF_EXEC)
        return "the kernel's ELF file is not an executable with fixed addresses";
    if (eh->e_phentsize != sizeof(struct elf64_phdr) || eh->e_phnum == 0)
        return "the kernel's ELF file has no program headers";
    if (eh->e_phnum > ELF_MAX_PHNUM)
        return "the kernel's ELF file has more program headers than any kernel";
    if (!image_file_bytes(img, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(struct elf64_phdr)))
        return "the kernel is truncated: its program headers lie behind the end of the file";
    return NULL;
}

/* Adds a segment at its place in rising order; offset is p_paddr for now. */
static const char *add_segment(struct kernel_image *img, const struct elf64_phdr *ph)
{
    unsigned at = img->nr_segments;
    struct image_segment *s = img->segments;

    if (ph->p_memsz == 0)
        return NULL;
    if (ph->p_filesz > ph->p_memsz)
        return "the kernel is damaged: a segment holds more bytes than its size in memory";
    if (!image_file_bytes(img, ph->p_offset, ph->p_filesz))
        return "the kernel is truncated: a segment lies behind the end of the file";
    if (ph->p_paddr + ph->p_memsz < ph->p_paddr)
        return "the kernel is damaged: a segment ends behind the last address";
    if (at == IMAGE_MAX_SEGMENTS)
        return "the kernel has more segments than the 32 supported";

    while (at > 0 && s[at - 1].offset > ph->p_paddr)
        at--;
    if ((at > 0 && ph->p_paddr - s[at - 1].offset < s[at - 1].mem_size) ||
        (at < img->nr_segments && s[at].offset - ph->p_paddr < ph->p_memsz))
        return "the kernel is damaged: two of its segments overlap";
    for (unsigned i = img->nr_segments; i > at; i--)
        s[i] = s[i - 1];
    s[at] = (struct image_segment){.file_offset = ph->p_offset,
                                   .file_size = ph->p_filesz,
                                   .offset = ph->p_paddr,
                                   .mem_size = ph->p_memsz};
    img->nr_segments++;
    return NULL;
}

static const char *parse_segments(struct kernel_image *img, const struct elf64_header *eh)
{
    const struct image_segment *last;
    const char *why;

    for (unsigned i = 0; i < eh->e_phnum; i++) {
        struct elf64_phdr ph;

        memcpy(&ph, img->file + eh->e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type != PT_LOAD || !(ph.p_flags & (PF_R | PF_W | PF_X)))
            continue;
        why = add_segment(img, &ph);
        if (why)
            return why;
    }
    if (img->nr_segments == 0)
        return "the kernel's ELF file has nothing to load";
    last = &img->segments[img->nr_segments - 1];
    if (last->offset + last->mem_size - img->segments[0].offset > IMAGE_MAX_SPAN)
        return "the kernel spans more than 1 GiB of memory: it is damaged";
    return NULL;
}

static bool inside_kernel(const struct kernel_image *img, uint64_t va, uint64_t size)
{
    return va >= img->v_start && va < img->v_end && size <= img->v_end - va;
}

/* Turns physical offsets into addresses, once the notes have said how the two relate. */
static const char *place(struct kernel_image *img)
{
    const struct image_segment *last = &img->segments[img->nr_segments - 1];
    uint64_t first = img->segments[0].offset;
    uint64_t span = last->offset + last->mem_size - first;

    if (img->paddr_offset > first)
        return "the kernel starts below the place that its PADDR_OFFSET names";
    if (first - img->paddr_offset > IMAGE_MAX_SPAN)
        return "the kernel starts more than 1 GiB above its VIRT_BASE: it is damaged";
    if (img->virt_base & (PAGE_SIZE - 1))
        return "the kernel's VIRT_BASE is not the start of a page";
    img->v_start = img->virt_base + (first - img->paddr_offset);
    img->v_end = img->v_start + span;
    if (img->v_start < img->virt_base || img->v_end < img->v_start)
        return "the kernel ends behind the last virtual address: its VIRT_BASE is wrong";
    for (unsigned i = 0; i < img->nr_segments; i++)
        img->segments[i].offset -= img->paddr_offset;

    if (!inside_kernel(img, img->entry, 1))
        return SAY("the kernel's entry point %#llx is outside the kernel",
                   (unsigned long long)img->entry);
    if (img->flags & IMAGE_HAS_HYPERCALL_PAGE &&
        (img->hypercall_page & (PAGE_SIZE - 1) ||
         !inside_kernel(img, img->hypercall_page, PAGE_SIZE)))
        return SAY("the kernel's hypercall page %#llx is not a page of the kernel",
                   (unsigned long long)img->hypercall_page);
    if (img->flags & IMAGE_HAS_INIT_P2M && img->p2m_base & (PAGE_SIZE - 1))
        return "the kernel's INIT_P2M address is not the start of a page";
    return NULL;
}

const char *image_parse(struct kernel_image *img, const void *elf, uint64_t len)
{
    struct elf64_header eh;
    const char *why;

    memset(img, 0, sizeof(*img));
    sentence[0] = 0;
    img->file = elf;
    img->file_len = len;
    img->virt_base = IMAGE_UNSET;
    img->paddr_offset = IMAGE_UNSET;
    img->entry = IMAGE_UNSET;

    why = parse_header(img, &eh);
    if (!why)
        why = parse_segments(img, &eh);
    if (!why)
        why = image_parse_notes(img, &eh);
    if (!why)
        why = place(img);
    return why;
}

const char *image_check_dom0(const struct kernel_image *img)
{
    if (img->flags & IMAGE_HAS_SUPPORTED && !(img->features_supported & (1u << XENFEAT_dom0)))
        return "this kernel says that it cannot be the control domain (dom0): take one that is "
               "built with CONFIG_XEN_DOM0, such as Debian's linux-image-amd64";
    return NULL;
}

int image_load(const struct kernel_image *img, image_write_fn write, void *ctx)
{
    uint64_t at = (img->v_start - img->virt_base) & PAGE_MASK;
    uint64_t end = (img->v_end - img->virt_base + PAGE_SIZE - 1) & PAGE_MASK;
    int ret = 0;

    for (unsigned i = 0; i < img->nr_segments && ret == 0; i++) {
        const struct image_segment *s = &img->segments[i];

        if (s->offset > at)
            ret = write(ctx, at, NULL, s->offset - at);
        if (ret == 0 && s->file_size)
            ret = write(ctx, s->offset, img->file + s->file_offset, s->file_size);
        at = s->offset + s->file_size; /* the rest of the segment joins the hole behind it */
    }
    if (ret == 0 && end > at)
        ret = write(ctx, at, NULL, end - at);
    return ret;
}
