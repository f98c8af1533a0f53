/* SPDX-License-Identifier: GPL-2.0-only */
/* A hypervisor that a store daemon can run on without one, for tests: a directory, $FAKE_XEN.
 *
 *   domains        a line "<domid> <alive|shutdown|dying>" for each domain that exists
 *   ring-<domid>   the page that the domain shares with the store; dom0's is ring-0
 *   port           dom0's port, a number
 *   daemon         a datagram socket of the daemon: who sends a port number to it raises that
 * event; port 1 is VIRQ_DOM_EXC, and 1000 + n is bound to port n of a domain driver         a
 * datagram socket of the test: events that the daemon sends arrive here
 *
 * The daemon under test gets it in place of libxenctrl and its sisters (peer.c) or of the file that
 * speaks to /dev/xen (fake_xen.c).
 */
#pragma once

#include <stddef.h>

#define FAKE_VIRQ_PORT  1
#define FAKE_FIRST_PORT 1000

enum fake_state { FAKE_ALIVE, FAKE_SHUTDOWN, FAKE_DYING };

/* Calls @each for every domain of the file in ascending order. */
void fake_domains(void (*each)(void *arg, unsigned domid, enum fake_state state), void *arg);
void *fake_ring(unsigned domid); /* NULL: there is none */
int fake_evtchn_open(void);      /* the daemon's socket */
int fake_evtchn_pending(int fd); /* the port, or -1 */
void fake_evtchn_notify(int fd, unsigned port);
