/* SPDX-License-Identifier: GPL-2.0-only */
/* Two processes that replace each other: see main.c. */
#pragma once

#include "keep.h"

/* Starts daemons, one after the other, until one ends of its own will; its status. */
int keeper_run(struct keep *k, const char *pid_file);

/* Called by a daemon whose keeper was perhaps killed: makes another one then. */
void keeper_replace(void);
