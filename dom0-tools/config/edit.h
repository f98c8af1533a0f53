// SPDX-License-Identifier: GPL-2.0-only
/* Changes to the devices in the text of a configuration, for guests that get or lose some while
 * they run and are to have the same after a restart.  Pure.
 */
#pragma once

#include <stdbool.h>

/* The words that configure disk @number (`disk=`) or network card @number (`vif=`), by @key; NULL:
 * there is none, or @text cannot be read.  For the caller to free(). */
char *config_device(const char *text, const char *key, unsigned number);

/* @text with these words for that device, in place of what it had, or without the device where
 * @words is NULL.  NULL: no memory, or @text cannot be read. */
char *config_with_device(const char *text, const char *key, unsigned number, const char *words);

/* A device's words with `name=value` in place of what they say of @name, or nothing where @value is
 * NULL.  NULL: no memory. */
char *device_words_with(const char *words, const char *name, const char *value);
