/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers above the 256 vectors for entries that have none; shared by start.S and trap.c. */
#pragma once

#define VECTOR_EVENT     0x100
#define VECTOR_FAILSAFE  0x101
#define VECTOR_SYSCALL   0x102
#define VECTOR_SYSCALL32 0x103
#define VECTOR_SYSENTER  0x104
#define VECTOR_NMI       0x105
