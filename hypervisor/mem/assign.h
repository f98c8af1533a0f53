/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between mem/frame.c and mem/assign.c only.
 */
#pragma once

#include "mem/frame.h"

/* The last reference is gone; `ref` is the record's word, state FRAME_MOVING. */
void frame_last_put(struct frame *f, uint64_t ref);
