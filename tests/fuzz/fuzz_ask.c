/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a broker takes from a worker that its guest has taken over: whatever the bytes, what is
 * accepted is within its bounds, says the same again, and a text is one printable line.
 */
// SOURCES: xenbus/backend/ask.c xenbus/backend/wire.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
// SHORT: 100000
#include <stdlib.h>

#include "backend/ask.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ask ask;
    struct ask again;
    void *copy = fuzz_copy(data, size);
    bool good = ask_check(copy, size, &ask);
    free(copy);
    if (!good)
        return 0;
    if (ask_size(&ask) != size || !ask_check(&ask, ask_size(&ask), &again) ||
        memcmp(&ask, &again, sizeof(ask)) != 0)
        abort();
    switch (ask.kind) {
    case ASK_MAP:
        if (ask.nr > ASK_REFS)
            abort();
        break;
    case ASK_BIND:
        if (ask.nr >= ASK_PORTS)
            abort();
        break;
    case ASK_COPY:
        for (unsigned i = 0; i < ask.nr; i++) {
            if (i >= ASK_PIECES || ask.pieces[i].offset + ask.pieces[i].len > 4096)
                abort();
        }
        break;
    default:
        if (strnlen(ask.text, sizeof(ask.text)) != ask.nr)
            abort();
    }
    return 0;
}
