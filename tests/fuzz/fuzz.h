/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every fuzzer has: libFuzzer's entry, and two ways to use an input.  A parser's input is the
 * file itself, in memory of exactly its size.  For a model of a unit test it is a row of genes of
 * four bytes, each the seed of all that one operation chooses by chance; so rows can be cut and
 * joined, and every input means something.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define GENE_SIZE 4

/* Gene i, with its bits mixed: generators of random numbers do not like neighbouring seeds. */
static inline uint64_t fuzz_gene(const uint8_t *data, size_t i)
{
    uint32_t gene;

    memcpy(&gene, data + i * GENE_SIZE, GENE_SIZE);
    return (gene + 1UL) * 0x9e3779b97f4a7c15UL;
}

/* A copy on the heap whose every neighbour the sanitizer watches; free() it. */
static inline void *fuzz_copy(const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);

    if (size)
        memcpy(copy, data, size);
    return copy;
}

/* The next n bytes of the input as a number, for a fuzzer that wants a few; 0 where it has ended.
 */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_take(struct fuzz_input *in, unsigned n)
{
    uint64_t v = 0;

    if (n > in->left)
        n = (unsigned)in->left;
    memcpy(&v, in->at, n);
    in->at += n;
    in->left -= n;
    return v;
}
