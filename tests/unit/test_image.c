/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: image.c finds the kernel in each wrapping, reads ELF notes and the __xen_guest string as
 * Xen does, writes each byte of the loaded kernel exactly once, refuses every file whose parts lie
 * outside it, and survives 200,000 damaged files without touching a byte outside them (ASan).
 */
// SOURCES: hypervisor/dom0/image.c hypervisor/dom0/image_notes.c
// SOURCES: hypervisor/lib/format.c hypervisor/lib/string.c
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/elfnote.h"
#include "abi/features.h"
#include "dom0/image_notes.h"

#define BASE 0xffffffff80000000ULL

/* A kernel file under construction; put() appends and tells where. */
static uint8_t file[65536];
static uint64_t file_len;

static uint64_t put(const void *bytes, uint64_t len)
{
    uint64_t at = file_len;

    assert_true(len <= sizeof(file) - file_len);
    memcpy(file + at, bytes, len);
    file_len += len;
    return at;
}

static struct elf64_header *header(void)
{
    return (struct elf64_header *)file;
}

static struct elf64_phdr *phdr(unsigned i)
{
    return (struct elf64_phdr *)(file + sizeof(struct elf64_header)) + i;
}

static void note(uint32_t type, const void *desc, uint32_t size)
{
    struct elf64_note n = {.n_namesz = 4, .n_descsz = size, .n_type = type};

    put(&n, sizeof(n));
    put("Xen", 4);
    put(desc, size);
    file_len = (file_len + 3) & ~3ULL;
}

static void note_u64(uint32_t type, uint64_t v)
{
    note(type, &v, sizeof(v));
}

static void note_string(uint32_t type, const char *s)
{
    note(type, s, (uint32_t)strlen(s) + 1);
}

/* An ELF file with three segments out of order (two with bss) and room for a note segment. */
static void new_elf(void)
{
    static const struct elf64_phdr load[] = {
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_X,
         .p_paddr = 0x1000000,
         .p_filesz = 0x800,
         .p_memsz = 0x800},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_W,
         .p_paddr = 0x1003000,
         .p_filesz = 0x10,
         .p_memsz = 0x2345},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_W,
         .p_paddr = 0x1001000,
         .p_filesz = 0x100,
         .p_memsz = 0x1800},
    };
    struct elf64_header eh = {.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                              .e_type = 2,
                              .e_machine = 62,
                              .e_entry = BASE + 0x1000040,
                              .e_phoff = sizeof(eh),
                              .e_phentsize = sizeof(struct elf64_phdr),
                              .e_phnum = 4};

    memset(file, 0, sizeof(file));
    file_len = 0;
    put(&eh, sizeof(eh));
    put(load, sizeof(load));
    put(&(struct elf64_phdr){.p_type = PT_NOTE}, sizeof(struct elf64_phdr));
    for (unsigned i = 0; i < 3; i++) {
        phdr(i)->p_offset = file_len;
        for (unsigned k = 0; k < load[i].p_filesz; k++)
            file[file_len++] = (uint8_t)(k * 7 + i + 1);
    }
}

static void begin_notes(void)
{
    phdr(3)->p_offset = file_len;
}

static void end_notes(void)
{
    phdr(3)->p_filesz = file_len - phdr(3)->p_offset;
}

static void linux_notes(void)
{
    begin_notes();
    note_string(XEN_ELFNOTE_GUEST_OS, "linux");
    note_string(XEN_ELFNOTE_GUEST_VERSION, "2.6");
    note_string(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    note_u64(XEN_ELFNOTE_VIRT_BASE, BASE);
    note_u64(XEN_ELFNOTE_INIT_P2M, 0x8000000000ULL);
    note_u64(XEN_ELFNOTE_ENTRY, BASE + 0x1000000);
    note(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb", 41);
    note(XEN_ELFNOTE_SUPPORTED_FEATURES, "\x01\x88\0\0", 4);
    note_string(XEN_ELFNOTE_PAE_MODE, "yes");
    note_string(XEN_ELFNOTE_LOADER, "generic");
    note(XEN_ELFNOTE_L1_MFN_VALID, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16);
    note(XEN_ELFNOTE_SUSPEND_CANCEL, "\1\0\0\0", 4);
    note(XEN_ELFNOTE_MOD_START_PFN, "\1\0\0\0", 4);
    note_u64(XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000ULL);
    note_u64(XEN_ELFNOTE_PADDR_OFFSET, 0);
    end_notes();
}

/* Puts a string into a section called `name` (and the section headers into the file). */
static void sections(const char *name, uint32_t type, uint64_t offset, uint64_t size)
{
    struct elf64_shdr sh[3] = {{0}};
    char names[64] = "\0.shstrtab";

    strcpy(names + 11, name);
    sh[1] = (struct elf64_shdr){.sh_name = 1, .sh_type = 3, .sh_size = 12 + strlen(name)};
    sh[1].sh_offset = put(names, sh[1].sh_size);
    sh[2] =
        (struct elf64_shdr){.sh_name = 11, .sh_type = type, .sh_offset = offset, .sh_size = size};
    file_len = (file_len + 7) & ~7ULL;
    header()->e_shoff = put(sh, sizeof(sh));
    header()->e_shentsize = sizeof(sh[0]);
    header()->e_shnum = 3;
    header()->e_shstrndx = 1;
}

/* Parses a copy of exactly the file's size, so that ASan sees every step outside it. */
static const char *parse_len(struct kernel_image *img, uint64_t len)
{
    static uint8_t *copy;

    free(copy);
    copy = malloc(len ? len : 1);
    memcpy(copy, file, len);
    return image_parse(img, copy, len);
}

static const char *parse(struct kernel_image *img)
{
    return parse_len(img, file_len);
}

static void assert_ok(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

static void assert_says(const char *why, const char *part)
{
    if (!why || !strstr(why, part))
        fail_msg("\"%s\" does not say \"%s\"", why ? why : "(success)", part);
}

static void wrapping(void **state)
{
    static uint8_t bz[4096];
    struct packed_image p;
    uint32_t offset = 100, len = 1000;

    assert_says(image_recognise(&p, bz, 0), "empty");
    assert_says(image_recognise(&p, "hello, world", 12), "not a kernel");
    assert_ok(image_recognise(&p, "\x1f\x8b xxx", 6));
    assert_int_equal(p.packing, IMAGE_GZIP);
    assert_ok(image_recognise(&p, "\177ELF....", 8));
    assert_int_equal(p.packing, IMAGE_PLAIN);
    assert_false(p.in_bzimage);
    assert_ok(image_recognise(&p, "BZh9....", 8));
    assert_int_equal(p.packing, IMAGE_BZIP2); /* for the tools: unpack.c refuses it by name */
    assert_says(image_recognise(&p, "\x89LZO....", 8), "LZO");

    memcpy(bz + 0x202, "HdrS\x0f\x02", 6);
    bz[0x1f1] = 2;
    memcpy(bz + 0x248, &offset, 4);
    memcpy(bz + 0x24c, &len, 4);
    memcpy(bz + 3 * 512 + 100,
           "\xfd"
           "7zXZ",
           6);
    assert_ok(image_recognise(&p, bz, sizeof(bz)));
    assert_int_equal(p.packing, IMAGE_XZ);
    assert_true(p.in_bzimage);
    assert_ptr_equal(p.data, bz + 1636);
    assert_int_equal(p.len, 1000);
    assert_ok(image_recognise(&p, bz, 2636));
    assert_string_equal(
        image_recognise(&p, bz, 2635),
        "the kernel is truncated: its payload ends 1 bytes behind the end of the file");
    memcpy(bz + 3 * 512 + 100, "\x28\xb5\x2f\xfd", 4);
    assert_ok(image_recognise(&p, bz, sizeof(bz)));
    assert_int_equal(p.packing, IMAGE_ZSTD);
    memcpy(bz + 3 * 512 + 100, "\x02\x21\x4c\x18", 4);
    assert_ok(image_recognise(&p, bz, sizeof(bz)));
    assert_int_equal(p.packing, IMAGE_LZ4);
    memset(bz + 3 * 512 + 100, 0, 6);
    assert_says(image_recognise(&p, bz, sizeof(bz)), "no known format");
    memcpy(bz + 0x206, "\x07\x02", 2);
    assert_says(image_recognise(&p, bz, sizeof(bz)), "older than");
    len = UINT32_MAX;
    memcpy(bz + 0x206, "\x0f\x02", 2);
    memcpy(bz + 0x24c, &len, 4);
    memcpy(bz + 0x248, &len, 4);
    assert_says(image_recognise(&p, bz, sizeof(bz)), "truncated");
}

static void check_linux(const struct kernel_image *img)
{
    assert_int_equal(img->virt_base, BASE);
    assert_int_equal(img->paddr_offset, 0);
    assert_int_equal(img->entry, BASE + 0x1000000);
    assert_int_equal(img->p2m_base, 0x8000000000ULL);
    assert_int_equal(img->v_start, BASE + 0x1000000);
    assert_int_equal(img->v_end, BASE + 0x1005345);
    assert_int_equal(img->flags, IMAGE_HAS_INIT_P2M | IMAGE_MOD_START_PFN | IMAGE_SUSPEND_CANCEL |
                                     IMAGE_HAS_SUPPORTED | IMAGE_FROM_NOTES);
    assert_int_equal(img->features_supported, 0x8811); /* the note's and the string's */
    assert_int_equal(img->features_required, 1u << XENFEAT_writable_page_tables);
    assert_int_equal(img->pae, IMAGE_PAE_YES);
    assert_int_equal(img->l1_mfn_mask, 1);
    assert_int_equal(img->l1_mfn_valid, 1);
    assert_int_equal(img->hv_start_low, 0xffff800000000000ULL);
    assert_string_equal(img->guest_os, "linux");
    assert_string_equal(img->guest_version, "2.6");
    assert_string_equal(img->xen_version, "xen-3.0");
    assert_string_equal(img->loader, "generic");
    assert_int_equal(img->nr_segments, 3);
    assert_true(img->segments[0].offset < img->segments[1].offset);
    assert_true(img->segments[1].offset < img->segments[2].offset);
}

static void notes_of_linux(void **state)
{
    struct kernel_image img;

    new_elf();
    linux_notes();
    assert_ok(parse(&img));
    check_linux(&img);
    assert_null(image_check_dom0(&img));

    /* The same notes found by section only. */
    sections(".notes", SHT_NOTE, phdr(3)->p_offset, phdr(3)->p_filesz);
    phdr(3)->p_type = 0;
    assert_ok(parse(&img));
    check_linux(&img);

    new_elf(); /* the cloud flavour: no dom0 bit */
    linux_notes();
    begin_notes();
    note_string(XEN_ELFNOTE_LOADER, "generic");
    note_string(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    note(XEN_ELFNOTE_SUPPORTED_FEATURES, "\x01\x80\0\0", 4);
    note_u64(XEN_ELFNOTE_VIRT_BASE, BASE);
    end_notes();
    assert_ok(parse(&img));
    assert_says(image_check_dom0(&img), "cannot be the control domain");
    assert_int_equal(img.entry, BASE + 0x1000040); /* the ELF header's, without an ENTRY note */
}

static void guest_string(void **state)
{
    static const char s[] =
        "GUEST_OS=linux,GUEST_VER=2.6,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,"
        "ELF_PADDR_OFFSET=0x0,VIRT_ENTRY=0xffffffff81000000,HYPERCALL_PAGE=0x1001,"
        "FEATURES=writable_page_tables|!auto_translated_physmap,PAE=yes[extended-cr3],"
        "LOADER=generic,BSD_SYMTAB";
    struct kernel_image img;
    char *at;

    new_elf();
    sections("__xen_guest", 1, put(s, sizeof(s)), sizeof(s));
    assert_ok(parse(&img));
    assert_int_equal(img.virt_base, BASE);
    assert_int_equal(img.entry, BASE + 0x1000000);
    assert_int_equal(img.hypercall_page, BASE + 0x1001000);
    assert_int_equal(img.flags, IMAGE_HAS_HYPERCALL_PAGE | IMAGE_BSD_SYMTAB);
    assert_int_equal(img.features_supported, 5);
    assert_int_equal(img.features_required, 4);
    assert_int_equal(img.pae, IMAGE_PAE_EXTENDED);
    assert_int_equal(img.v_start, BASE + 0x1000000);
    assert_null(image_check_dom0(&img));

    /* Without ELF_PADDR_OFFSET p_paddr means virtual addresses. */
    at = (char *)memmem(file, file_len, "ELF_PADDR", 9);
    at[0] = 'X';
    for (unsigned i = 0; i < 3; i++)
        phdr(i)->p_paddr += BASE;
    assert_ok(parse(&img));
    assert_int_equal(img.v_start, BASE + 0x1000000);
    assert_int_equal(img.segments[0].offset, 0x1000000);
}

static void refusals(void **state)
{
    struct kernel_image img;

#define EXPECT(change, words)                                                                      \
    do {                                                                                           \
        new_elf();                                                                                 \
        linux_notes();                                                                             \
        change;                                                                                    \
        assert_says(parse(&img), words);                                                           \
    } while (0)
    EXPECT(file[0] = 0, "not an ELF");
    EXPECT(file[4] = 1, "32-bit");
    EXPECT(header()->e_machine = 3, "32-bit");
    EXPECT(header()->e_type = 3, "fixed addresses");
    EXPECT(header()->e_phnum = 0, "no program headers");
    EXPECT(header()->e_phnum = 60000, "more program headers");
    EXPECT(header()->e_phoff = UINT64_MAX - 8, "program headers lie behind");
    EXPECT(phdr(0)->p_offset = UINT64_MAX, "segment lies behind");
    EXPECT(phdr(0)->p_filesz = 0x801, "more bytes than");
    EXPECT(phdr(1)->p_memsz = phdr(1)->p_filesz = 65536, "segment lies behind");
    EXPECT(phdr(1)->p_memsz = UINT64_MAX, "ends behind the last address");
    EXPECT(phdr(1)->p_memsz = 2ULL << 30, "spans more than 1 GiB");
    EXPECT(phdr(2)->p_memsz = 0x2001, "overlap");
    EXPECT(phdr(2)->p_paddr = 0x10007ff, "overlap");
    EXPECT(phdr(0)->p_type = phdr(1)->p_type = phdr(2)->p_type = 0, "nothing to load");
    EXPECT(phdr(3)->p_type = 0, "not built to run on Xen");
    EXPECT(phdr(3)->p_offset = file_len, "not built to run on Xen");
#define EXPECT_NOTE(more, words)                                                                   \
    EXPECT(file_len = phdr(3)->p_offset + phdr(3)->p_filesz; more; end_notes(), words)
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_ENTRY, BASE + 0x1005345), "entry point");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_ENTRY, BASE + 0xffffff), "entry point");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1000800), "hypercall page");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1005000), "hypercall page");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_VIRT_BASE, -4096), "behind the last virtual address");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_VIRT_BASE, BASE + 8), "start of a page");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_VIRT_BASE, UINT64_MAX), "no VIRT_BASE");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_PADDR_OFFSET, 0x1000001), "PADDR_OFFSET");
    EXPECT_NOTE(note_u64(XEN_ELFNOTE_INIT_P2M, 0x8000000001ULL), "INIT_P2M");
    EXPECT_NOTE(note_string(XEN_ELFNOTE_XEN_VERSION, "xen-2.0"), "another interface");
    EXPECT_NOTE(note_string(XEN_ELFNOTE_LOADER, "own");
                note_string(XEN_ELFNOTE_GUEST_OS, "BSD"), "loader");

    /* Section names that begin inside the name table and would end behind it and the file. */
    new_elf();
    sections("__xen_guest", 1, 0, 16);
    ((struct elf64_shdr *)(file + header()->e_shoff))[1].sh_offset = file_len - 4;
    ((struct elf64_shdr *)(file + header()->e_shoff))[1].sh_size = 4;
    ((struct elf64_shdr *)(file + header()->e_shoff))[2].sh_name = 2;
    assert_says(parse(&img), "not built to run on Xen");

    new_elf();
    linux_notes();
    for (uint64_t len = 0; len < file_len; len++)
        (void)parse_len(&img, len); /* cut anywhere: no crash, and without the notes no success */
    assert_non_null(parse_len(&img, phdr(3)->p_offset));
}

/* A loader that counts how often each byte is written. */
struct memory {
    uint8_t bytes[0x6000];
    uint8_t times[0x6000];
    uint64_t last_end;
    int fail_after;
};

static int write_piece(void *ctx, uint64_t offset, const void *src, size_t len)
{
    struct memory *m = ctx;

    if (m->fail_after-- == 0)
        return -5;
    assert_true(offset >= 0x1000000 && offset - 0x1000000 + len <= sizeof(m->bytes));
    assert_true(len > 0 && offset >= m->last_end);
    m->last_end = offset + len;
    for (size_t i = 0; i < len; i++) {
        m->bytes[offset - 0x1000000 + i] = src ? ((const uint8_t *)src)[i] : 0;
        m->times[offset - 0x1000000 + i]++;
    }
    return 0;
}

static void loading(void **state)
{
    static struct memory m;
    struct kernel_image img;

    new_elf();
    linux_notes();
    assert_ok(parse(&img));
    memset(m.bytes, 0xee, sizeof(m.bytes));
    m.fail_after = -1;
    assert_int_equal(image_load(&img, write_piece, &m), 0);
    for (unsigned i = 0; i < sizeof(m.bytes); i++) {
        uint8_t want = 0;

        if (i < 0x800)
            want = (uint8_t)(i * 7 + 1);
        else if (i >= 0x1000 && i < 0x1100)
            want = (uint8_t)((i - 0x1000) * 7 + 3);
        else if (i >= 0x3000 && i < 0x3010)
            want = (uint8_t)((i - 0x3000) * 7 + 2);
        assert_int_equal(m.times[i], 1);
        assert_int_equal(m.bytes[i], want);
    }
    for (int n = 0; n < 5; n++) {
        m = (struct memory){.fail_after = n};
        assert_int_equal(image_load(&img, write_piece, &m), -5);
    }
}

static uint64_t rng = 0x9e3779b97f4a7c15ULL;

static uint64_t dice(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static int touch(void *ctx, uint64_t offset, const void *src, size_t len)
{
    uint64_t *sum = ctx;

    /* first and last byte: the rest lies between, and the file's copy is one block */
    if (src)
        *sum += ((const uint8_t *)src)[0] + ((const uint8_t *)src)[len - 1];
    *sum += len;
    return 0;
}

static void damaged_files(void **state)
{
    static const uint64_t odd[] = {
        0,          1,         0xfff,      0x7fffffff,         0xffffffff,
        1ULL << 32, INT64_MAX, UINT64_MAX, UINT64_MAX - 0xfff, BASE};
    unsigned survived = 0;
    uint64_t sum = 0;

    for (unsigned round = 0; round < 200000; round++) {
        struct kernel_image img;

        new_elf();
        if (round & 1)
            linux_notes();
        else
            sections("__xen_guest", 1, put("LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0", 43), 43);
        for (uint64_t n = 1 + dice(3); n; n--) {
            uint64_t field = dice(2) ? dice(file_len) : dice(sizeof(struct elf64_header) + 224);
            uint64_t v = dice(2) ? odd[dice(sizeof(odd) / sizeof(odd[0]))] : dice(1ULL << 40);
            uint64_t size = 1ULL << dice(4);

            field &= ~(size - 1);
            if (field + size <= file_len)
                memcpy(file + field, &v, size);
        }
        if (dice(8) == 0)
            file_len = dice(file_len + 1);
        if (parse(&img))
            continue;
        survived++;
        assert_true(img.v_start >= img.virt_base && img.v_end > img.v_start);
        assert_true(img.entry >= img.v_start && img.entry < img.v_end);
        sum = 0;
        assert_int_equal(image_load(&img, touch, &sum), 0);
        assert_true(sum >= img.v_end - img.v_start);
    }
    assert_true(survived > 1000); /* else nothing behind the checks was exercised */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapping),     cmocka_unit_test(notes_of_linux),
        cmocka_unit_test(guest_string), cmocka_unit_test(refusals),
        cmocka_unit_test(loading),      cmocka_unit_test(damaged_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
