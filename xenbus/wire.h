/* SPDX-License-Identifier: MIT */
/* The words of the store's wire protocol that both ends speak: names of errors and requests,
 * strings in payloads, permissions as text.  The layout of a message is in abi/io/xs_wire.h.  Pure;
 * shared by the daemon and the client library.  A mistake here is one that no client of Xen's store
 * understands.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/io/xs_wire.h"

/* Bits of a permission, as libxenstore numbers them. */
#define WIRE_PERM_NONE  0u
#define WIRE_PERM_READ  1u
#define WIRE_PERM_WRITE 2u

/* A letter, ten digits and the NUL. */
#define WIRE_PERM_TEXT 12

/* The name that an XS_ERROR message carries; EINVAL's for a number that the protocol does not know.
 */
const char *wire_error_name(int error);

/* The number of a name of @len bytes, its NUL not among them; 0 if the protocol does not know it.
 */
int wire_error_number(const char *name, size_t len);

/* The name of a message type, for people ("WATCH_EVENT"); "?" if there is none. */
const char *wire_type_name(uint32_t type);

/* Length of the string at @p including its NUL, or 0 if none of the @len bytes is NUL. */
size_t wire_string(const char *p, size_t len);

/* Counts the NUL-terminated strings in @len bytes at @p and points vec[0..n-1] at the first @n of
 * them. Bytes after the last NUL are not counted.
 */
unsigned wire_strings(const char *p, size_t len, const char *vec[], unsigned n);

/* "r12" to permission bits and a domain id.  False if it is not a letter of "nrwb" and a decimal
 * number that fits in 32 bits.
 */
bool wire_perm_parse(const char *text, unsigned *perms, unsigned *domid);

/* The other way; the length without the NUL. */
size_t wire_perm_print(char text[WIRE_PERM_TEXT], unsigned perms, unsigned domid);
