/* SPDX-License-Identifier: GPL-2.0-only */
/* Which I/O dom0 may do: see permissions.c. */
#pragma once

struct boot_options;
struct domain;

void dom0_permissions(struct domain *d, const struct boot_options *opt);
