/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/segment.c
// LIBS: -I.
/* A frame that is cut into segments by hand is, put together again, the frame; each segment's
 * lengths, numbers, flags and checksums are right, over IPv4 and IPv6, with and without a tag. What
 * has no such headers gives no segments, and nothing outside of it is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "netback/segment.h"

static unsigned seed = 3;
static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static uint8_t frame[70000];
static uint8_t out[70000];
static uint8_t whole[70000];

static uint32_t get16(const uint8_t *at)
{
    return at[0] * 256u + at[1];
}

static uint64_t add(const uint8_t *at, uint32_t len)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < len; i++)
        sum += i & 1 ? at[i] : at[i] * 256u;
    return sum;
}

static struct virtio_net_hdr make(bool v6, bool vlan, uint32_t size, uint16_t mss)
{
    unsigned l3 = vlan ? 18 : 14;
    unsigned l4 = l3 + (v6 ? 40 : 20);
    for (uint32_t i = 0; i < size; i++)
        frame[i] = (uint8_t)any(256);
    memcpy(frame + 12, "\x81\x00\x00\x05", 4);
    memcpy(frame + l3 - 2, v6 ? "\x86\xdd" : "\x08\x00", 2);
    frame[l3] = v6 ? 0x60 : 0x45;
    frame[l3 + (v6 ? 6 : 9)] = 6;
    frame[l4 + 12] = 0x80; /* 32 bytes */
    frame[l4 + 13] = 0x99; /* CWR, ACK, PSH, FIN */
    return (struct virtio_net_hdr){.csum_start = (uint16_t)l4, .csum_offset = 16, .gso_size = mss};
}

static void test_segments(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 400; n++) {
        bool v6 = n & 1;
        uint32_t size = 100 + any(n & 4 ? 65000 : 4000);
        struct virtio_net_hdr h =
            make(v6, n & 2, size, (uint16_t)(1 + any(n & 8 ? 9000 : 1448) + size / 100));
        unsigned l3 = n & 2 ? 18 : 14;
        unsigned l4 = h.csum_start;
        uint32_t first = get16(frame + l4 + 4) << 16 | get16(frame + l4 + 6);
        uint32_t done = l4 + 32;
        memcpy(whole, frame, done);
        for (unsigned i = 0; done < size; i++) {
            uint32_t len = segment_make(frame, size, &h, i, out);
            assert_in_range(len, l4 + 33, l4 + 32 + h.gso_size);
            bool last = done + len - l4 - 32 == size;
            assert_int_equal(get16(out + l4 + 4) << 16 | get16(out + l4 + 6),
                             (uint32_t)(first + done - l4 - 32));
            assert_int_equal(out[l4 + 13], 0x10 | (last ? 9 : 0) | (i == 0 ? 0x80 : 0));
            if (v6) {
                assert_int_equal(get16(out + l3 + 4), len - l3 - 40);
            } else {
                assert_int_equal(get16(out + l3 + 2), len - l3);
                assert_int_equal(get16(out + l3 + 4), (get16(frame + l3 + 4) + i) & 0xffff);
                assert_int_equal(add(out + l3, 20) % 65535, 0);
            }
            uint64_t sum = 6 + (len - l4) + add(out + l4, len - l4);
            sum += v6 ? add(out + l3 + 8, 32) : add(out + l3 + 12, 8);
            assert_int_equal(sum % 65535, 0);
            memcpy(whole + done, out + l4 + 32, len - l4 - 32);
            done += len - l4 - 32;
            assert_int_equal(segment_make(frame, size, &h, i + 1, out) == 0, done == size);
        }
        assert_memory_equal(whole, frame, size);
    }
}

static void test_checksum(void **state)
{
    struct virtio_net_hdr h = make(false, false, 101, 0);
    uint64_t pseudo = (6 + (101 - 34) + add(frame + 26, 8)) % 65535;
    (void)state;
    frame[50] = (uint8_t)(pseudo >> 8);
    frame[51] = (uint8_t)pseudo;
    assert_true(segment_checksum(frame, 101, &h));
    assert_int_equal((pseudo + add(frame + 34, 67)) % 65535, 0);
    assert_false(segment_checksum(frame, 51, &h));
    h.csum_start = 65535;
    assert_false(segment_checksum(frame, 101, &h));
}

static void test_nonsense(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 200000; n++) {
        uint32_t size = any(150);
        uint8_t *copy = malloc(size ? size : 1);
        uint8_t *to = malloc(size ? size : 1);
        struct virtio_net_hdr h = make(n & 1, n & 2, 150, (uint16_t)any(100));
        frame[h.csum_start + 12] = (uint8_t)any(256);
        if (any(3) == 0)
            h.csum_start = (uint16_t)any(160);
        memcpy(copy, frame, size);
        assert_true(segment_make(copy, size, &h, any(5), to) <= size);
        segment_checksum(copy, size, &h);
        free(copy);
        free(to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
