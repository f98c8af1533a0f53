/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: bcj_x86_undo() gives back every byte that liblzma's own x86 filter was given, for
 * inputs crowded with opcode and sign bytes, where pending opcodes overlap in every way, at every
 * short length, and stays inside its buffer (ASan).
 */
// SOURCES: hypervisor/dom0/bcj_x86.c
// LIBS: -llzma
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lzma.h>

#include "dom0/bcj_x86.h"

#define LONGEST 20000

static uint64_t rng = 0x2545f4914f6cdd1dULL;

static uint64_t dice(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

/* What the filter makes of plain: packed with filter and LZMA2, unpacked with LZMA2 alone. */
static void filter(uint8_t *out, const uint8_t *plain, size_t size)
{
    static uint8_t space[2 * LONGEST + 1000];
    lzma_options_lzma options;
    lzma_filter chain[] = {
        {LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    size_t len = 0, pos = 0, got = 0;

    lzma_lzma_preset(&options, 0);
    options.dict_size = 32768;
    assert_int_equal(lzma_raw_buffer_encode(chain, NULL, plain, size, space, &len, sizeof(space)),
                     LZMA_OK);
    assert_int_equal(lzma_raw_buffer_decode(chain + 1, NULL, space, &pos, len, out, &got, size),
                     LZMA_OK);
    assert_int_equal(got, size);
}

static unsigned changed;

static void one(size_t size, unsigned crowd)
{
    static const uint8_t special[] = {0xe8, 0xe9, 0xe8, 0x00, 0xff, 0x00, 0xff, 0xe7, 0xea, 0x01};
    uint8_t *plain = malloc(size + 1), *buf = malloc(size ? size : 1);

    for (size_t i = 0; i < size; i++)
        plain[i] = (uint8_t)(dice(10) < crowd ? special[dice(sizeof(special))] : dice(256));
    filter(buf, plain, size);
    changed += memcmp(buf, plain, size) != 0;
    bcj_x86_undo(buf, size);
    assert_memory_equal(buf, plain, size);
    free(buf);
    free(plain);
}

static void undoes_the_filter(void **state)
{
    for (size_t size = 0; size < 64; size++)
        for (unsigned crowd = 0; crowd <= 10; crowd++)
            one(size, crowd);
    for (unsigned round = 0; round < 4000; round++)
        one(dice(dice(20) ? 1000 : LONGEST), (unsigned)dice(11));
    assert_true(changed > 3000); /* else the filter had nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(undoes_the_filter)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
