// SPDX-License-Identifier: GPL-2.0-only
/* The end of a guest, whatever of it there is. */
#pragma once

#include "lib/domains.h"

/* Where xl keeps a guest's configuration: domain, uuid. */
#define XL_USERDATA "/var/lib/xen/userdata-d.%u.%s.libxl-json"

/* Ends the domain with this handle, if it lives, and removes the devices and nodes of domain
 * @domid, if they are this guest's.  @domid 0: it is not known, but a live domain has the handle.
 * May be called again after having been killed at any moment.
 */
int guest_unmake(struct hypercalls *h, struct xs_handle *xs, unsigned domid, const uint8_t uuid[16],
                 struct problem *why);

/* Of one device: its back end's nodes, with the folder of the domain where it is the last; and the
 * loop device that xl's script made for a disk, which does not go by itself, as ours do. */
struct nodes;
void remove_backend(struct nodes *n, const char *backend);
void free_loop(struct xs_handle *xs, const char *backend);

/* Ends a domain that a person named, whoever made it, and removes its record. */
int guest_destroy(struct hypercalls *h, struct xs_handle *xs, unsigned domid, struct problem *why);

/* Removes what makers that were killed have left.  Returns how many guests that were.  Opens what
 * it needs only if there are any: @connect gives both handles, or false. */
int guests_clean_up(bool (*connect)(void *ctx, struct hypercalls **h, struct xs_handle **xs),
                    void *ctx);
