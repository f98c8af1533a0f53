/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xen_version's one setting.
 */
#pragma once

/* Boot: the options as given, for XENVER_commandline. */
void version_set_commandline(const char *text);
