/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a domain writes before the store believes any of it: a ring with any indices is read and
 * written inside its two halves only and moves no more than there is; strings, paths and
 * permissions are taken from exactly the bytes that there are, what is accepted is canonical, and
 * printing it gives it back.
 */
// SHORT: 40000
// OPTIONS: -max_len=4200
// SOURCES: xenbus/wire.c xenbus/store/path.c xenbus/xenstored/ring.c
#include <cmocka.h>

#include "../../xenbus/store/path.h"
#include "../../xenbus/wire.h"
#include "../../xenbus/xenstored/ring.h"
#include "fuzz.h"

static void one_ring(struct fuzz_input *in)
{
    struct xenstore_domain_interface *ring = calloc(1, sizeof(*ring)), before;
    uint32_t cons = (uint32_t)fuzz_take(in, 4), prod = (uint32_t)fuzz_take(in, 4);
    size_t room = fuzz_take(in, 2) % 5000;
    char *buffer = malloc(room + 1);
    memset(buffer, 'b', room);
    for (unsigned i = 0; i < XENSTORE_RING_SIZE; i++)
        ring->req[i] = (char)i;
    /* Near what is there, or anywhere. */
    ring->req_prod = cons + (uint32_t)(fuzz_take(in, 1) & 1 ? fuzz_take(in, 4) : fuzz_take(in, 2));
    ring->rsp_cons = prod - (uint32_t)(fuzz_take(in, 1) & 1 ? fuzz_take(in, 4) : fuzz_take(in, 2));
    before = *ring;

    int n = ring_read(ring, cons, buffer, room);
    assert_int_equal(n<0, ring->req_prod - cons> XENSTORE_RING_SIZE);
    assert_true(n <= (int)room && n <= XENSTORE_RING_SIZE);
    for (int i = 0; i < n; i++)
        assert_int_equal(buffer[i], (char)MASK_XENSTORE_IDX(cons + (uint32_t)i));
    assert_memory_equal(&before, ring, sizeof(before)); /* reading publishes nothing */
    n = ring_write(ring, prod, buffer, room);
    assert_int_equal(n<0, prod - before.rsp_cons> XENSTORE_RING_SIZE);
    if (n >= 0)
        assert_true((uint32_t)n <= XENSTORE_RING_SIZE - (prod - before.rsp_cons));
    for (int i = 0; i < n; i++)
        assert_int_equal(buffer[i], ring->rsp[MASK_XENSTORE_IDX(prod + (uint32_t)i)]);
    assert_memory_equal(before.req, ring->req, sizeof(before.req));
    assert_memory_equal(&before.req_cons, &ring->req_cons,
                        sizeof(before) - offsetof(struct xenstore_domain_interface, req_cons));
    free(buffer);
    free(ring);
}

static void one_path(const char *text, unsigned base, size_t limit)
{
    struct path p, again;
    if (!path_canonical(&p, text, base, limit))
        return;
    assert_true(p.len > 0 && p.len < XENSTORE_ABS_PATH_MAX && p.len == strlen(p.text));
    assert_true(p.text[0] == '/' && !strstr(p.text, "//"));
    assert_true(p.len == 1 || p.text[p.len - 1] != '/');
    assert_true(p.base <= p.len && !strcmp(p.text + p.base, text));
    assert_true(path_canonical(&again, p.text, 0, limit) && again.base == 0);
    assert_string_equal(again.text, p.text);
}

static void strings(const char *payload, size_t len, unsigned base, size_t limit)
{
    const char *vec[3] = {NULL, NULL, NULL};
    unsigned nr = wire_strings(payload, len, vec, 3), bits, domid;
    size_t first = wire_string(payload, len);
    assert_int_equal(first != 0, nr != 0);
    for (unsigned i = 0; i < nr && i < 3; i++) {
        size_t n = strlen(vec[i]); /* inside: the sanitizer looks */
        assert_true(vec[i] >= payload && vec[i] + n < payload + len);
        one_path(vec[i], base, limit);
        if (wire_perm_parse(vec[i], &bits, &domid)) {
            char text[WIRE_PERM_TEXT];
            unsigned bits2, domid2;
            assert_true(bits <= (WIRE_PERM_READ | WIRE_PERM_WRITE));
            assert_true(wire_perm_print(text, bits, domid) < sizeof(text));
            assert_true(wire_perm_parse(text, &bits2, &domid2) && bits == bits2 && domid == domid2);
        }
        int error = wire_error_number(vec[i], n);
        assert_true(!error || strcmp(wire_error_name(error), vec[i]) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    unsigned base = (unsigned)fuzz_take(&in, 2);
    size_t limit = fuzz_take(&in, 2) % 4096;
    one_ring(&in);
    char *copy = fuzz_copy(in.at, in.left);
    strings(copy, in.left, base, limit);
    free(copy);
    return 0;
}
