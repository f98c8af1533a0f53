/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of text as Xen's xl prints them, which people's scripts cut into columns: pure.
 *
 * Each returns @text.
 */
#pragma once

#include "lib/domains.h"

#define ROW_MAX (DOMAIN_NAME_MAX + 256)

/* "-b----": running, blocked, paused, shut down, crashed, dying. */
#define STATE_TEXT 7
const char *state_letters(const struct domain_info *d, char text[STATE_TEXT]);
/* The same in a word for programs. */
const char *state_word(const struct domain_info *d);

/* A line of `list`: name, number, MiB, vCPUs, state, seconds; without a newline. */
const char *list_row(const struct domain_info *d, const char *name, char text[ROW_MAX]);

/* Processors of the first @nr bits of a map: "all", "none" or "0-1,3". */
const char *cpu_ranges(const uint8_t *map, unsigned nr, char *text, size_t size);

/* A line of `vcpu-list` up to the affinity. */
const char *vcpu_row(const char *name, unsigned domid, const struct xen_domctl_getvcpuinfo *v,
                     char text[ROW_MAX]);

/* The capabilities of XEN_SYSCTL_PHYSCAP_*: " pv hvm". */
const char *virt_caps(uint32_t capabilities, char *text, size_t size);
