/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grants: rows of maps, unmaps, copies, loans and overwritten entries of three domains against the
 * model of tests/unit/test_grant_random.c, then the death of all.
 */
// OPTIONS: -len_control=0 -max_len=512
// SHORT: 4000
// MODEL: tests/unit/test_grant_random.c
#define main unit_main
#include "../unit/test_grant_random.c"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setup(NULL);
    nr_live = 0;
    for (size_t i = 0; i < size / GENE_SIZE; i++) {
        seed = (unsigned)(fuzz_gene(data, i) >> 32);
        one_operation();
        if (i % 8 == 7)
            check_all();
    }
    check_all();
    everybody_dies();
    teardown(NULL);
    return 0;
}
