/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of the hypervisor that are allowed to fault, and where to go on if they do: a table
 * of pairs of offsets, each relative to its own place so that it needs no relocation.  cpu/fault.c
 * searches it.
 */
#pragma once

#ifdef __ASSEMBLY__

// clang-format off
.macro ex_table from, to
        .pushsection .ex_table, "a"
        .balign 4
        .long   \from - ., \to - .
        .popsection
.endm
// clang-format on

#else

#include <stdint.h>

/* For inline assembly; `from` and `to` are label references as strings: EX_TABLE("1b", "2b"). */
#define EX_TABLE(from, to)                                                                         \
    ".pushsection .ex_table, \"a\"\n"                                                              \
    ".balign 4\n"                                                                                  \
    ".long " from " - ., " to " - .\n"                                                             \
    ".popsection\n"

struct ex_entry {
    int32_t from;
    int32_t to;
};

#endif
