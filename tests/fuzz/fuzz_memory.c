/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames, page types, tables, pins, roots, foreign and granted mappings: rows of operations as in
 * tests/unit/test_memory_random.c, with its view of what processors may have cached, its walk of
 * all tables and the audit after them, and the death of all.
 *
 * The world has 12 MiB, in which some have lived already, and is the same at the beginning of each
 * input: all variables are copied back, and of memory only the pages that were written, which a
 * private mapping of a file knows.
 */
// OPTIONS: -len_control=0 -max_len=160
// SHORT: 500
// MODEL: tests/unit/test_memory_random.c
// FLAGS: -include tests/fuzz/sections.h
#define _GNU_SOURCE
#define LOW_FRAMES 3072u
#define main       unit_main
#include "../unit/test_memory_random.c"

#include <unistd.h>

#include "fuzz.h"

extern uint8_t __start_world_bss[], __stop_world_bss[], __start_world_data[], __stop_world_data[];

#define RECORDS_SIZE (3 * 512 * PAGE_SIZE) /* as fake_boot() maps them */
#define LOOK_EVERY   4
#define LIVED        600 /* operations before the first of an input: there are tables of all levels */

static uint8_t *kept; /* the variables as they were after the boot */

/* Also over the gaps that the sanitizer leaves between variables, which memcpy() would complain of.
 */
static void copy(void *to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* Makes [at, at + size) a private mapping of a file with its present contents. */
static void make_private(void *at, size_t size)
{
    int fd = memfd_create("world", 0);

    assert_true(fd >= 0 && write(fd, at, size) == (ssize_t)size);
    assert_true(mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == at);
    close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    size_t bss = (size_t)(__stop_world_bss - __start_world_bss);
    size_t data = (size_t)(__stop_world_data - __start_world_data);

    world_begins();
    for (unsigned i = 0; i < LIVED; i++)
        one_operation();
    look();
    audit_clean();
    while (heap_scrub_some()) /* now, rather than for each input */
        ;
    make_private(fake_low, LOW_FRAMES * PAGE_SIZE);
    make_private(host_frame_table, RECORDS_SIZE);
    kept = malloc(bss + data);
    copy(kept, __start_world_bss, bss);
    copy(kept + bss, __start_world_data, data);
    return 0;
}

static void world_again(void)
{
    size_t bss = (size_t)(__stop_world_bss - __start_world_bss);
    uint8_t *from = kept;

    copy(__start_world_bss, from, bss);
    copy(__start_world_data, from + bss, (size_t)(__stop_world_data - __start_world_data));
    madvise(fake_low, LOW_FRAMES * PAGE_SIZE, MADV_DONTNEED);
    madvise(host_frame_table, RECORDS_SIZE, MADV_DONTNEED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_again();
    for (size_t i = 0; i < size / GENE_SIZE; i++) {
        fake_seed = fuzz_gene(data, i) | 1;
        one_operation();
        if (i % LOOK_EVERY == LOOK_EVERY - 1) {
            look();
            audit_clean();
        }
    }
    everybody_dies();
    return 0;
}
