/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: rows of operations of three domains against the model of
 * tests/unit/test_evtchn_random.c, then the death of all.
 */
// OPTIONS: -len_control=0 -max_len=1024
// SHORT: 12000
// MODEL: tests/unit/test_evtchn_random.c
#define main unit_main
#include "../unit/test_evtchn_random.c"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setup(NULL);
    model_reset();
    for (size_t i = 0; i < size / GENE_SIZE; i++) {
        seed = (unsigned)(fuzz_gene(data, i) >> 32);
        one_operation();
        if (i % 8 == 7)
            compare();
    }
    compare();
    teardown(NULL);
    return 0;
}
