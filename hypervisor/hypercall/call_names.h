/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hypercalls.def says of a number.  Pure.
 */
#pragma once

#include "lib/types.h"

/* Name of a hypercall number, or NULL */
const char *hypercall_name(unsigned nr);
/* How many arguments it has; 0 for an unknown number. */
unsigned hypercall_nr_args(unsigned nr);
/* Their names with blanks between them, each with * in front if it is an address; "" if unknown. */
const char *hypercall_arg_names(unsigned nr);
