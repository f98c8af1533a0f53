/* SPDX-License-Identifier: GPL-2.0-only */
/* Which kernel modules must be loaded in which order so that the named ones work, from the text of
 * modules.dep(5).  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MODULES_MAX 96
#define MODULE_PATH 256

struct module_list {
    unsigned nr;
    char paths[MODULES_MAX][MODULE_PATH]; /* below the folder of modules.dep; load them in order */
};

/* Adds the module @name ("xen-blkfront" and "xen_blkfront" are the same) behind all that it needs
 * and that is not in the list yet.  False: modules.dep does not have it, or the list is full.
 */
bool modules_add(struct module_list *list, const char *dep, const char *name);

/* Whether the text of modules.builtin has it. */
bool modules_builtin(const char *builtin, const char *name);
