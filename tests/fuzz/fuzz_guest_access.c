/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest pointers: the range checks agree with arithmetic in 128 bits, and a copy that they allow
 * touches the guest's bytes that were named and no others.
 */
// SHORT: 80000
// SOURCES: hypervisor/mem/guest_access.c
#include <cmocka.h>

#include "fuzz.h"
#include "lib/errno.h"
#include "mem/guest_access.h"

#define PAGE_AT 0x400000UL
#define SIZE    4096U

static uint8_t page[SIZE], model[SIZE];

uint8_t *host_guest_pointer(uint64_t gva, uint64_t n);
uint8_t *host_guest_pointer(uint64_t gva, uint64_t n)
{
    if (gva < PAGE_AT || gva - PAGE_AT > SIZE || n > SIZE - (gva - PAGE_AT))
        return NULL;
    return page + (gva - PAGE_AT);
}

static bool allowed(uint64_t at, unsigned __int128 n)
{
    unsigned __int128 end = at + n;

    return n == 0 || end <= GUEST_LOW_END || (at >= GUEST_HOLE_END && end >> 64 == 0) ||
           (at >= GUEST_HOLE_END && end == (unsigned __int128)1 << 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t edges[] = {0, GUEST_LOW_END, GUEST_HOLE_START, GUEST_HOLE_END};
    struct fuzz_input in = {data, size};

    memset(page, 0xaa, sizeof(page));
    memset(model, 0xaa, sizeof(model));
    while (in.left) {
        unsigned op = (unsigned)fuzz_take(&in, 1);
        uint64_t at = op & 0x80   ? fuzz_take(&in, 8)
                      : op & 0x10 ? edges[op % 4] + (uint64_t)(int8_t)fuzz_take(&in, 1)
                                  : PAGE_AT + fuzz_take(&in, 2) % (SIZE + 64);
        uint64_t n = op & 0x40 ? fuzz_take(&in, 8) : fuzz_take(&in, 1);
        uint64_t each = op & 0x20 ? fuzz_take(&in, 8) : fuzz_take(&in, 1);
        unsigned __int128 bytes = (unsigned __int128)n * each;
        uint8_t *buffer;
        bool there;

        assert_int_equal(guest_range_okay(at, n), allowed(at, n));
        assert_int_equal(guest_array_okay(at, n, each), bytes >> 64 == 0 && allowed(at, bytes));
        if (n > SIZE)
            continue;
        there = n == 0 ? at >= PAGE_AT && at <= PAGE_AT + SIZE : host_guest_pointer(at, n) != NULL;
        buffer = malloc(n ? n : 1);
        memset(buffer, (int)op, n);
        switch (op % 3) {
        case 0:
            assert_int_equal(copy_from_guest(buffer, at, n) == 0, there || n == 0);
            if (there)
                assert_memory_equal(buffer, model + (at - PAGE_AT), n);
            break;
        case 1:
            assert_int_equal(copy_to_guest(at, buffer, n) == 0, there || n == 0);
            if (there)
                memset(model + (at - PAGE_AT), (int)op, n);
            break;
        default:
            if (clear_guest(at, n) == 0 && n)
                memset(model + (at - PAGE_AT), 0, n);
            else if (n) /* part may have been done */
                memcpy(model, page, SIZE);
        }
        free(buffer);
        assert_memory_equal(page, model, SIZE);
    }
    return 0;
}
