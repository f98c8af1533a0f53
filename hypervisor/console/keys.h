/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug keys: single characters that make the hypervisor say something about itself, typed on the
 * console or sent by dom0 (xl debug-keys).  See keys.c.
 */
#pragma once

#include "lib/types.h"

typedef void (*key_fn)(char key);

/*
 * Registers what a key does, with one line of help.  `in_dump`: part of "*", which runs all such.
 * A key has one owner; taking one twice stops the machine.
 */
void keys_register(char key, key_fn fn, const char *help, bool in_dump);

/* Runs a key's function.  Any context; an unknown key gets a hint. */
void keys_handle(char key);

/* The keys of this layer: h (help), * (dump all), R (restart), ... */
void keys_init(void);
