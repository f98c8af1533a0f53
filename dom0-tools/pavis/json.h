/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON for --json: libyajl's generator, in calls that name a field and give its value.
 *
 * One document per program.  Memory that runs out ends the program: there is nothing else to do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <yajl/yajl_gen.h>

typedef yajl_gen json;

json json_begin(void);
/* Prints the document and frees it; the exit status. */
int json_end(json j);

/* @key is NULL inside an array and for the outermost value. */
void json_object(json j, const char *key);
void json_array(json j, const char *key);
void json_close_object(json j);
void json_close_array(json j);

/* A NULL value is null.  Bytes that are no UTF-8 become question marks. */
void json_string(json j, const char *key, const char *value);
void json_number(json j, const char *key, uint64_t value);
void json_seconds(json j, const char *key, uint64_t ns);
void json_real(json j, const char *key, double value);
void json_bool(json j, const char *key, bool value);
