/* SPDX-License-Identifier: GPL-2.0-only */
/* Event channels and grants through the kernel's devices.  Each event descriptor carries one port,
 * so that one guest's events wait without holding up another's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct event {
    int fd; /* readable when the event is pending; -1: none */
    uint32_t port;
};

/* Binds to the other end @port of domain @domid; or to a virtual interrupt of the hypervisor. False
 * with errno. */
bool event_bind(struct event *event, unsigned domid, unsigned port);
bool event_bind_virq(struct event *event, unsigned virq);
void event_close(struct event *event);

/* Is one pending?  It is taken then, and no other comes until event_enable(). */
bool event_take(const struct event *event);
void event_enable(const struct event *event);
void event_notify(const struct event *event);

/* Maps the page that domain @domid has granted as @ref; NULL with errno. */
void *page_map(unsigned domid, unsigned ref);
void page_unmap(void *page);

/* Reads the hypervisor's log from *index on into @text, at most @size bytes; how many, or -1 with
 * errno. */
int hypervisor_log(char *text, unsigned size, uint32_t *index);
