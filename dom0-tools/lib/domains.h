/* SPDX-License-Identifier: GPL-2.0-only */
/* Which domains there are, by number, name and uuid.
 *
 * The hypervisor knows numbers, uuids and states; names are the store's, at
 * /local/domain/<domid>/name.  A domain without a name there (half made, or of another toolstack)
 * has the name "(null)" for who prints it, as in xl.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/control.h"
#include "xs/xenstore.h"

#define DOMAIN_NAME_MAX 256

struct domain_info {
    unsigned domid;
    uint8_t handle[16]; /* the uuid */
    uint32_t flags;     /* XEN_DOMINF_* */
    uint64_t pages, max_pages, claimed_pages;
    uint64_t shared_info_mfn;
    uint64_t cpu_ns;
    unsigned online_vcpus, max_vcpu_id;
    unsigned cpupool;
};

static inline bool domain_is_dying(const struct domain_info *d)
{
    return d->flags & XEN_DOMINF_dying;
}

/* SHUTDOWN_* of abi/sched.h, or -1 where it runs on. */
static inline int domain_shutdown_reason(const struct domain_info *d)
{
    if (!(d->flags & XEN_DOMINF_shutdown))
        return -1;
    return (int)(d->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
}

/* All domains, by number: their count, and *list for the caller to free(). */
int domains_list(struct hypercalls *h, struct domain_info **list, struct problem *why);

/* One domain; -1 with ESRCH where there is none of that number. */
int domains_get(struct hypercalls *h, unsigned domid, struct domain_info *info,
                struct problem *why);

/* The name in @name, cut if longer than there is room; false where it has none. */
bool domains_name(struct xs_handle *store, unsigned domid, char *name, unsigned size);

/* Finds a domain by what a person typed: a number, a name or a uuid.  Returns the number. */
int domains_find(struct hypercalls *h, struct xs_handle *store, const char *text,
                 struct problem *why);

/* Text of a uuid: 36 characters and a NUL; and back, false for what is none. */
#define UUID_TEXT 37
void uuid_text(const uint8_t handle[16], char text[UUID_TEXT]);
bool uuid_parse(const char *text, uint8_t handle[16]);
