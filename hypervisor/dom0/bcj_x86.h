/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The inverse of XZ's x86 filter ("BCJ"), which the Linux build applies to kernels: the filter
 * turns the relative operand of what may be a CALL or JMP into an absolute one, so that calls of
 * one function look alike.  Pure.
 *
 * liblzma has it, but looks at one byte at a time and copies everything once more: a seventh of all
 * instructions of unpacking a kernel.  This one works in place on the whole output and skips eight
 * bytes at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Undoes the filter on all of [buf, buf + size), which is the whole of what was filtered. */
void bcj_x86_undo(uint8_t *buf, size_t size);
