/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/build/kernel.c dom0-tools/build/cache.c dom0-tools/build/unpack.c dom0-tools/build/lz4.c dom0-tools/build/content.c dom0-tools/lib/problem.c
// SOURCES: hypervisor/dom0/unpack.c hypervisor/dom0/unpack_xz.c hypervisor/dom0/bcj_x86.c
// SOURCES: hypervisor/dom0/image.c hypervisor/dom0/image_notes.c hypervisor/dom0/plan.c hypervisor/lib/format.c
// LIBS: -Idom0-tools -D_GNU_SOURCE -llzma -lz -llz4 -lzstd -lbz2
/* The domain builder puts a kernel's segments, and nothing else of its file, where they belong,
 * whatever it is packed with and whether it can be unpacked in place or not; what it writes beside
 * the kernel is what the ABI promises a new domain; and no damaged file does more than be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "abi/elfnote.h"
#include "abi/xen.h"
#include "build/cache.h"
#include "build/content.h"
#include "build/kernel.h"
#include "build/unpack.h"
#include "build_world.h"
#include "dom0/image_notes.h"

#define BASE      0xffffffff80000000ULL
#define PAGES     1024
#define BIG       4096 /* the mapped region of a first layout is some 4 MiB larger than its content */
#define FILE_ROOM (1u << 20)

/* Two segments with a hole in the file and in memory, the second with bss; garbage wherever a file
 * has bytes that are nobody's. */
#define TEXT_PFN  0x100
#define TEXT_SIZE 0x5678
#define DATA_PFN  0x120
#define DATA_SIZE 0x2345
#define DATA_MEM  0x6000

static uint8_t elf[FILE_ROOM], file[2 * FILE_ROOM];
static uint64_t elf_len, file_len;
static struct world world;

static uint64_t add_note(uint64_t at, uint32_t type, const void *desc, uint32_t size)
{
    struct elf64_note n = {.n_namesz = 4, .n_descsz = size, .n_type = type};

    memcpy(elf + at, &n, sizeof(n));
    memcpy(elf + at + sizeof(n), "Xen", 4);
    memcpy(elf + at + sizeof(n) + 4, desc, size);
    return at + sizeof(n) + 4 + ((size + 3) & ~3u);
}

/* @shift: by how much segments lie otherwise in their page in the file than in memory. */
static void make_elf(unsigned shift)
{
    const uint64_t text = 0x3000 + shift, data = 0xa000 + shift;
    const uint64_t base = BASE, entry = BASE + (TEXT_PFN << 12) + 0x40, p2m = 0x8000000000ULL;
    struct elf64_header eh = {.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                              .e_type = 2,
                              .e_machine = 62,
                              .e_entry = TEXT_PFN << 12,
                              .e_phoff = sizeof(eh),
                              .e_phentsize = sizeof(struct elf64_phdr),
                              .e_phnum = 3};
    struct elf64_phdr ph[3] = {{.p_type = PT_LOAD,
                                .p_flags = PF_R | PF_X,
                                .p_offset = text,
                                .p_paddr = TEXT_PFN << 12,
                                .p_filesz = TEXT_SIZE,
                                .p_memsz = TEXT_SIZE},
                               {.p_type = PT_LOAD,
                                .p_flags = PF_R | PF_W,
                                .p_offset = data,
                                .p_paddr = DATA_PFN << 12,
                                .p_filesz = DATA_SIZE,
                                .p_memsz = DATA_MEM},
                               {.p_type = PT_NOTE, .p_offset = text + 0x1000}};
    uint64_t at = ph[2].p_offset;

    elf_len = 0x11234;
    for (uint64_t i = 0; i < elf_len; i++)
        elf[i] = (uint8_t)(i * 7 + i / 256 + 1);
    memcpy(elf, &eh, sizeof(eh));
    at = add_note(at, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
    at = add_note(at, XEN_ELFNOTE_LOADER, "generic", 8);
    at = add_note(at, XEN_ELFNOTE_VIRT_BASE, &base, 8);
    at = add_note(at, XEN_ELFNOTE_ENTRY, &entry, 8);
    at = add_note(at, XEN_ELFNOTE_INIT_P2M, &p2m, 8);
    at = add_note(at, XEN_ELFNOTE_PADDR_OFFSET, "\0\0\0\0\0\0\0", 8);
    at = add_note(at, XEN_ELFNOTE_MOD_START_PFN, "\1\0\0\0", 4);
    ph[2].p_filesz = ph[2].p_memsz = at - ph[2].p_offset;
    memcpy(elf + sizeof(eh), ph, sizeof(ph));
}

static uint64_t pack(enum image_packing packing, uint8_t *to)
{
    unsigned len = FILE_ROOM;
    size_t out = 0;
    lzma_options_lzma options;

    lzma_lzma_preset(&options, 1);
    switch (packing) {
    case IMAGE_PLAIN: memcpy(to, elf, elf_len); return elf_len;
    case IMAGE_BZIP2:
        assert_int_equal(
            BZ2_bzBuffToBuffCompress((char *)to, &len, (char *)elf, (unsigned)elf_len, 9, 0, 0),
            BZ_OK);
        return len;
    case IMAGE_LZ4:
        memcpy(to, "\x02\x21\x4c\x18", 4);
        len = (unsigned)LZ4_compress_default((char *)elf, (char *)to + 8, (int)elf_len,
                                             FILE_ROOM - 8);
        memcpy(to + 4, &len, 4);
        return len + 8;
    case IMAGE_ZSTD: return ZSTD_compress(to, FILE_ROOM, elf, elf_len, 1);
    case IMAGE_XZ:
        assert_int_equal(
            lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, elf, elf_len, to, &out, FILE_ROOM),
            LZMA_OK);
        return out;
    case IMAGE_LZMA: {
        lzma_stream s = LZMA_STREAM_INIT;

        assert_int_equal(lzma_alone_encoder(&s, &options), LZMA_OK);
        s.next_in = elf;
        s.avail_in = elf_len;
        s.next_out = to;
        s.avail_out = FILE_ROOM;
        assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
        lzma_end(&s);
        return FILE_ROOM - s.avail_out;
    }
    case IMAGE_GZIP: {
        z_stream s = {
            .next_in = elf, .avail_in = (unsigned)elf_len, .next_out = to, .avail_out = FILE_ROOM};

        assert_int_equal(deflateInit2(&s, 1, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
        deflateEnd(&s);
        return s.total_out;
    }
    }
    return 0;
}

static void make_file(enum image_packing packing, bool bzimage)
{
    uint32_t offset = 64, len, size = (uint32_t)elf_len;

    memset(file, 0, sizeof(file));
    if (!bzimage) {
        file_len = pack(packing, file);
        return;
    }
    file[0x1f1] = 1;
    memcpy(file + 0x202, "HdrS\x0f\x02", 6);
    len = (uint32_t)pack(packing, file + 1024 + offset);
    if (packing != IMAGE_GZIP && packing != IMAGE_PLAIN) {
        memcpy(file + 1024 + offset + len, &size, 4);
        len += 4;
    }
    memcpy(file + 0x248, &offset, 4);
    memcpy(file + 0x24c, &len, 4);
    file_len = 1024 + offset + len;
}

static int load(struct kernel_image *img, struct problem *why)
{
    uint8_t *copy = malloc(file_len ? file_len : 1);
    struct kernel_source source = {.file = memcpy(copy, file, file_len), .len = file_len};
    int ret = kernel_load(img, &source, &world.memory, why);

    free(copy);
    return ret;
}

/* The first byte in [from, to) that is not zero, or to. */
static uint64_t first_set(uint64_t from, uint64_t to)
{
    static const char zeros[4096];

    while (from < to) {
        uint64_t n = to - from < sizeof(zeros) ? to - from : sizeof(zeros);

        if (memcmp(world.all + from, zeros, n) != 0) {
            while (!world.all[from])
                from++;
            return from;
        }
        from += n;
    }
    return to;
}

static void check_memory(unsigned shift)
{
    const uint64_t text = TEXT_PFN << 12, data = DATA_PFN << 12, end = (uint64_t)PAGES << 12;

    assert_memory_equal(world.all + text, elf + 0x3000 + shift, TEXT_SIZE);
    assert_memory_equal(world.all + data, elf + 0xa000 + shift, DATA_SIZE);
    assert_int_equal(first_set(0, text), text);
    assert_int_equal(first_set(text + TEXT_SIZE, data), data);
    assert_int_equal(first_set(data + DATA_SIZE, end), end);
}

/* Pages between the segments are nobody's: unpacked in place a kernel leaves them as they were. */
static void clear_holes(void)
{
    uint64_t start = ((uint64_t)TEXT_PFN << 12) + TEXT_SIZE + 0xfff;

    start &= ~0xfffULL;
    memset(world.all + start, 0, (DATA_PFN << 12) - start);
}

static void test_each_packing(void **state)
{
    struct kernel_image img;
    struct problem why;

    for (unsigned shift = 0; shift <= 0x10; shift += 0x10)
        for (unsigned packing = IMAGE_PLAIN; packing <= IMAGE_LZMA; packing++)
            for (int bzimage = 0; bzimage < 2; bzimage++) {
                if (!bzimage && (packing == IMAGE_LZ4 || packing >= IMAGE_BZIP2))
                    continue; /* these do not say their size */
                make_elf(shift);
                make_file(packing, bzimage);
                world_clear(&world);
                world.memory.zeroed = packing & 1 ? shift == 0 : shift != 0;
                if (!world.memory.zeroed)
                    memset(world.all + (TEXT_PFN << 12), 0xc2,
                           ((DATA_PFN - TEXT_PFN) << 12) + DATA_MEM); /* a debugging Xen's */
                if (load(&img, &why))
                    fail_msg("packing %u: %s", packing, why.cause);
                assert_int_equal(img.entry, BASE + (TEXT_PFN << 12) + 0x40);
                if (!world.memory.zeroed)
                    clear_holes();
                check_memory(shift);
                assert_int_equal(world_mapped(), 0);
            }
}

/* What is kept of a packed kernel loads as the kernel itself, and is shorter. */
static void keep_copy(void *ctx, const void *bytes, uint64_t len)
{
    assert_true(len < sizeof(file));
    memcpy(file, bytes, len);
    file_len = len;
}

static void test_kept(void **state)
{
    struct kernel_source source = {.file = file, .unpacked = keep_copy};
    struct kernel_image img;
    struct problem why;
    uint8_t *packed = malloc(sizeof(file));

    make_elf(0);
    memset(elf + 0xa000 + 0x1100, 0, DATA_SIZE - 0x1100); /* ends in zeros */
    make_file(IMAGE_LZ4, true);
    memcpy(packed, file, file_len);
    source.file = packed;
    source.len = file_len;
    world_clear(&world);
    assert_int_equal(kernel_load(&img, &source, &world.memory, &why), 0);
    check_memory(0);
    assert_int_equal(file_len, 0xa000 + DATA_SIZE - 0x1000);
    world_clear(&world);
    assert_int_equal(load(&img, &why), 0);
    check_memory(0);
    free(packed);
}

/* A kernel with much of nothing inside: where memory is zero already it is neither mapped nor
 * written, unpacked or copied, and the kept file says where it is. */
#define WIDE_SIZE 0xc0000
#define WIDE_END  0x123 /* bytes behind the zeros */

static struct kernel_cache cache;
static struct extent extents[8];

static void keep_on_disk(void *ctx, const void *bytes, uint64_t len)
{
    assert_false(cache_wanted(&cache)); /* the first use */
    assert_true(cache_wanted(&cache));
    cache_keep(&cache, bytes, len);
}

static void check_wide(void)
{
    assert_memory_equal(world.all + (TEXT_PFN << 12), elf + 0x3000, TEXT_SIZE);
    assert_memory_equal(world.all + (DATA_PFN << 12), elf + 0xa000, WIDE_SIZE);
    assert_int_equal(first_set(0, TEXT_PFN << 12), TEXT_PFN << 12);
    assert_int_equal(first_set((DATA_PFN << 12) + WIDE_SIZE, (uint64_t)PAGES << 12), PAGES << 12);
    assert_int_equal(world_mapped(), 0);
}

static void test_zeros(void **state)
{
    struct elf64_phdr *ph = (struct elf64_phdr *)(elf + sizeof(struct elf64_header));
    struct kernel_source source = {.file = file, .unpacked = keep_on_disk};
    char folder[] = "/tmp/test_build.XXXXXX", name[200];
    struct kernel_image img;
    struct problem why;
    struct stat st = {.st_ino = 1};
    uint64_t all = 0;
    int fd;

    assert_non_null(mkdtemp(folder));
    cache_open(&cache, folder, &st);
    make_elf(0);
    memset(elf + 0xa000 + 0x1000, 0, WIDE_SIZE - 0x1000 - WIDE_END);
    memset(elf + 0xa000 + WIDE_SIZE - WIDE_END, 0x5a, WIDE_END);
    ph[1].p_filesz = ph[1].p_memsz = WIDE_SIZE;
    elf_len = 0xa000 + WIDE_SIZE + 0x500;
    make_file(IMAGE_LZ4, true);
    source.len = file_len;
    for (unsigned zeroed = 0; zeroed < 2; zeroed++) {
        world_clear(&world);
        world.memory.zeroed = zeroed;
        world.nr_mapped = 0;
        source.unpacked = zeroed ? keep_on_disk : NULL;
        if (kernel_load(&img, &source, &world.memory, &why))
            fail_msg("%s", why.cause);
        if (!zeroed)
            memset(world.all + ((TEXT_PFN + 6) << 12), 0, (DATA_PFN - TEXT_PFN - 6) << 12);
        check_wide();
        if (zeroed)
            assert_true(world.nr_mapped + 64 < all);
        all = world.nr_mapped;
    }

    fd = cache_find(&cache);
    assert_true(fd >= 0);
    source = (struct kernel_source){.len = (uint64_t)lseek(fd, 0, SEEK_END), .data = extents};
    source.nr_data = cache_data(fd, extents, 8);
    source.file = mmap(NULL, source.len, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(source.file != MAP_FAILED);
    world_clear(&world);
    world.nr_mapped = 0;
    assert_int_equal(kernel_load(&img, &source, &world.memory, &why), 0);
    check_wide();
    if (source.nr_data > 1) /* else the file system keeps no holes */
        assert_true(world.nr_mapped < 40);
    source.nr_data = cache_data(fd, extents, 1); /* no room to say more than all of it */
    assert_int_equal(source.nr_data, 1);
    assert_true(extents[0].end == source.len);
    munmap((void *)(uintptr_t)source.file, source.len);
    close(fd);
    unlinkat(cache.dir, cache.name, 0);
    snprintf(name, sizeof(name), "%s.1", cache.name);
    unlinkat(cache.dir, name, 0);
    cache_close(&cache);
    assert_int_equal(rmdir(folder), 0);
    world.memory.zeroed = false;
}

/* A kernel whose frames are at the end or the start of the domain, and one that hardly fits. */
static void test_little_room(void **state)
{
    struct kernel_image img;
    struct problem why;
    uint64_t all = world.memory.nr_pages;

    make_elf(0);
    make_file(IMAGE_LZ4, true);
    for (uint64_t pages = DATA_PFN - 9; pages < DATA_PFN + 0x20; pages++) {
        bool fits = pages >= DATA_PFN + DATA_MEM / 4096;

        world_clear(&world);
        world.memory.nr_pages = pages;
        assert_int_equal(load(&img, &why), fits ? 0 : -1);
        world.memory.nr_pages = all;
        if (fits)
            check_memory(0);
    }
    for (unsigned n = 1; n < 12; n++) {
        world_clear(&world);
        world.fail_after = n;
        if (load(&img, &why) == 0) {
            check_memory(0);
            assert_true(n > 4);
        }
        world.fail_after = 0;
    }
}

static void test_refusals(void **state)
{
    struct kernel_image img;
    struct problem why;
    struct elf64_phdr *ph = (struct elf64_phdr *)(elf + sizeof(struct elf64_header));

#define REFUSED(change, words)                                                                     \
    do {                                                                                           \
        make_elf(0);                                                                               \
        change;                                                                                    \
        make_file(IMAGE_LZ4, true);                                                                \
        assert_int_equal(load(&img, &why), -1);                                                    \
        if (!strstr(why.cause, words))                                                             \
            fail_msg("\"%s\" does not say \"%s\"", why.cause, words);                              \
        assert_true(why.remedy[0]);                                                                \
        assert_int_equal(world_mapped(), 0);                                                       \
    } while (0)
    REFUSED(ph[0].p_filesz = elf_len, "");
    REFUSED(ph[1].p_memsz = 1ULL << 40, "spans more");
    REFUSED(ph[1].p_memsz = 64 << 20, "the guest has");
    REFUSED(ph[0].p_paddr = UINT64_MAX & ~4095ULL, "");
    REFUSED(ph[1].p_paddr = ph[0].p_paddr, "overlap");
    REFUSED(ph[1].p_offset = ph[0].p_offset; ph[2].p_type = 0, "not built to run on Xen");
    REFUSED(elf[0] = 0, "not an ELF");
    REFUSED(((struct elf64_header *)elf)->e_phnum = 65535, "more program headers");
    REFUSED(elf_len = 20, "");
}

/* Any byte may be anything: load or refuse, and leave no mapping. */
static void test_damage(void **state)
{
    static uint64_t rng = 88172645463325252ULL;
    unsigned loaded = 0;

    for (unsigned round = 0; round < 2000; round++) {
        unsigned packing = round % (IMAGE_LZMA + 1);
        struct kernel_image img;
        struct problem why = {0};

        make_elf(round & 64 ? 0 : 8);
        make_file(packing, packing == IMAGE_LZ4 || packing >= IMAGE_BZIP2 || round & 32);
        for (unsigned n = 1 + round % 3; n; n--) {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            file[rng % (n == 1           ? file_len
                        : file_len < 400 ? file_len
                                         : 400)] = (uint8_t)(rng >> 40);
        }
        if (round % 16 == 15)
            file_len = rng % file_len;
        if (load(&img, &why) == 0)
            loaded++;
        else
            assert_true(why.error && why.cause[0] && why.remedy[0]);
        assert_int_equal(world_mapped(), 0);
    }
    assert_true(loaded > 30);
    world_clear(&world);
}

/* ---- beside the kernel */

static uint64_t pfn_of(uint64_t mfn)
{
    uint64_t pfn = (mfn - 0x100000) ^ 5;

    assert_true(mfn >= 0x100000 && pfn < BIG);
    return pfn;
}

/* Follows the first page tables: the entry that maps va, or 0. */
static uint64_t walk(uint64_t l4_pfn, uint64_t va)
{
    uint64_t pfn = l4_pfn, entry = 0;

    for (unsigned level = 4; level; level--) {
        entry = ((uint64_t *)(world.all + (pfn << 12)))[va >> (3 + 9 * level) & 511];
        if (!(entry & 1))
            return 0;
        assert_true(entry & 4);
        pfn = pfn_of((entry & 0xffffffffff000ULL) >> 12);
    }
    return entry;
}

static void test_content(void **state)
{
    struct kernel_image img;
    struct dom0_plan plan;
    struct plan_request want = {BIG, 12345, true, true};
    struct problem why;
    static char ramdisk[12345];
    struct content c = {&img, &plan, ramdisk, sizeof(ramdisk), "root=/dev/xvda", 0x77, 3, 4};
    const struct start_info *si;

    world_clear(&world);
    world.memory.nr_pages = BIG;
    memset(ramdisk, 'r', sizeof(ramdisk));
    make_elf(0);
    make_file(IMAGE_LZ4, true);
    assert_int_equal(load(&img, &why), 0);
    assert_null(plan_dom0(&plan, &img, &want));
    for (uint64_t pfn = plan.start_info.pfn; pfn < plan.first_free; pfn++)
        memset(world.all + (pfn << 12), 0xc2, 4096); /* as a debugging Xen hands memory out */
    assert_int_equal(content_write(&c, &world.memory, &why), 0);
    assert_int_equal(world_mapped(), 0);

    si = (struct start_info *)(world.all + (plan.start_info.pfn << 12));
    assert_string_equal(si->magic, "xen-3.0-x86_64");
    assert_int_equal(si->nr_pages, BIG);
    assert_int_equal(si->shared_info, 0x77000);
    assert_int_equal(pfn_of(si->store_mfn), plan.store.pfn);
    assert_int_equal(si->store_evtchn, 3);
    assert_int_equal(pfn_of(si->console.domU.mfn), plan.console.pfn);
    assert_int_equal(si->console.domU.evtchn, 4);
    assert_string_equal((char *)si->cmd_line, "root=/dev/xvda");
    assert_int_equal(si->mod_len, sizeof(ramdisk));
    assert_true(si->flags & SIF_MOD_START_PFN && !(si->flags & SIF_PRIVILEGED));
    assert_memory_equal(world.all + (si->mod_start << 12), ramdisk, sizeof(ramdisk));
    assert_int_equal(world.all[(si->mod_start << 12) + sizeof(ramdisk)], 0);
    assert_int_equal(si->mfn_list, 0x8000000000ULL);
    for (uint64_t pfn = 0; pfn < BIG; pfn++) {
        uint64_t entry = walk(plan.pt.pfn, si->mfn_list + 8 * (pfn & ~511ULL));
        const uint64_t *list =
            (uint64_t *)(world.all + (pfn_of((entry & 0xffffffffff000ULL) >> 12) << 12));

        assert_int_equal(list[pfn % 512], world_mfn(&world.memory, pfn));
    }
    for (uint64_t va = plan.v_start; va < plan.v_end; va += 4096) {
        uint64_t entry = walk(plan.pt.pfn, va), pfn = (va - plan.v_start) >> 12;
        bool table = pfn - plan.pt.pfn < plan.pt.nr;

        assert_int_equal(pfn_of((entry & 0xffffffffff000ULL) >> 12), pfn);
        assert_int_equal(!(entry & 2), table); /* I1 */
    }
    assert_int_equal(walk(plan.pt.pfn, plan.v_end), 0);
    assert_int_equal(walk(plan.pt.pfn, 0), 0);
    for (uint64_t i = 0; i < 4096; i++)
        assert_int_equal(
            world.all[(plan.store.pfn << 12) + i] | world.all[(plan.console.pfn << 12) + i], 0);
    world.fail_after = 2;
    assert_int_equal(content_write(&c, &world.memory, &why), -1);
    world.fail_after = 0;
    assert_int_equal(world_mapped(), 0);
}

static int open_world(void **state)
{
    world_open(&world, BIG);
    world.memory.nr_pages = PAGES;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_packing), cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_content),      cmocka_unit_test(test_kept),
        cmocka_unit_test(test_zeros),
    };

    return cmocka_run_group_tests(tests, open_world, NULL);
}
