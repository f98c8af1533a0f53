/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store beside the model of tests/unit/store_model.h: rows of changes, reads, watches and
 * transactions of dom0 and three domains; answers, events, trees and accounts are compared, and the
 * store goes through a snapshot now and then.
 */
// OPTIONS: -len_control=0 -max_len=512
// SHORT: 500
// MODEL: tests/unit/test_store.c
#define main unit_main
#include "../unit/test_store.c"

#include "fuzz.h"

/* A store is large and short-lived here: freed memory is used again sooner than by default. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin(1);
    for (size_t i = 0; i < size / GENE_SIZE; i++) {
        seed = fuzz_gene(data, i);
        one_operation();
        if (i % 16 == 15)
            through_snapshot();
        if (i % 4 == 3)
            check_state();
    }
    check_state();
    store_free(store);
    return 0;
}
