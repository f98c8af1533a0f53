/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real-mode start of the other processors: see ap.S.
 */
#pragma once

#include "lib/types.h"

/* Copies the trampoline to a page below 1 MiB and completes the boot's page tables for it. */
void ap_trampoline_install(mfn_t page);

/* Where the next processor goes on: stack pointer and function. */
void ap_trampoline_set(uint64_t stack, void (*entry)(void));

/* Takes the low mapping out of the tables again. */
void ap_trampoline_remove(void);
