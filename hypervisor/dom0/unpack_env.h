/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The door between the hypervisor and the decompression libraries, which are user-space objects:
 * they use SSE registers and the red zone and look for a stack canary at %fs:0x28.  These two
 * functions do what unpack.h says of their namesakes, inside a prepared environment.
 *
 * Rules for the caller: boot CPU, before any domain runs (XMM registers are clobbered, not saved),
 * IDT loaded and exceptions fatal, NMI, #MC and #DF on stacks of their own (red zone), 8 KiB of
 * stack left (measured: 2 KiB).  Interrupts are off inside, for as long as it takes: seconds under
 * emulation.  All of it is boot-only and is freed with the other .boot.* sections.
 */
#pragma once
#include "dom0/unpack.h"

const char *unpack_env_size(const struct packed_image *p, uint64_t *out_size, uint64_t *arena_size);
const char *unpack_env_unpack(const struct packed_image *p, void *dst, size_t dst_size,
                              struct unpack_arena *arena);
