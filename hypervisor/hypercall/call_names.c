/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names and arguments of hypercalls by number, from the table.  Pure: the trace's decoder outside
 * of the hypervisor compiles it too.
 */
#include "hypercall/call_names.h"

#include "cpu/cpu_info.h"

static const struct {
    const char *name, *args;
    unsigned nr_args;
} call_table[NR_HYPERCALLS] = {
#define HYPERCALL(nr, name, nr_args, who, restart, args, doc) [nr] = {#name, args, nr_args},
#include "hypercall/hypercalls.def"
#undef HYPERCALL
};

const char *hypercall_name(unsigned nr)
{
    return nr < NR_HYPERCALLS ? call_table[nr].name : NULL;
}

unsigned hypercall_nr_args(unsigned nr)
{
    return nr < NR_HYPERCALLS ? call_table[nr].nr_args : 0;
}

const char *hypercall_arg_names(unsigned nr)
{
    return nr < NR_HYPERCALLS && call_table[nr].args ? call_table[nr].args : "";
}
