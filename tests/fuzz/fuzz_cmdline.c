/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: no text makes the parser step outside it, everything kept of it has an end, and
 * amounts of memory stay within what there is.
 */
// SHORT: 40000
// SOURCES: hypervisor/boot/cmdline.c hypervisor/dom0/dom0_mem.c hypervisor/lib/string.c
#include <cmocka.h>

#include "boot/cmdline.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t available[] = {0, 1, 4096, 131072, 1UL << 30};
    static struct boot_options o;
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    cmdline_parse(&o, text);
    for (unsigned i = 0; i < ARRAY_SIZE(available); i++) {
        uint64_t nr, most;

        dom0_mem_pages(&o.dom0_mem, available[i], &nr, &most);
        assert_true(most >= nr || nr <= available[i]);
    }
    assert_true(memchr(o.sched, 0, OPTION_WORD) && memchr(o.selftest, 0, OPTION_WORD));
    for (unsigned i = 0; i < OPTION_MAX_WRONG; i++)
        assert_true(memchr(o.wrong[i], 0, OPTION_WORD) && memchr(o.unknown[i], 0, OPTION_WORD));
    if (o.dom0_extra)
        assert_true(o.dom0_extra >= text && o.dom0_extra <= text + size);
    free(text);
    return 0;
}
