/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxenstore: a program's way to the store.
 *
 * A handle is one connection and may be used by several threads at once.  Calls are answered in
 * turn. What a call fails for is in errno, either the daemon's reason or one of these: E2BIG (a
 * request is longer than XENSTORE_PAYLOAD_MAX), ENOMEM, EPIPE or EBADF (the connection is gone;
 * every call on the handle fails from then on).  Memory that a call returns is one block: give it
 * to free().
 *
 * A transaction is a number from xs_transaction_start(); XBT_NULL stands for none.
 */
#pragma once

#include "xenstore_lib.h"

struct xs_handle;
typedef uint32_t xs_transaction_t;
#define XBT_NULL 0

/* Flags of xs_open.  The first two mean nothing any more.  With the third no event of a watch is
 * delivered once xs_unwatch() has returned; that takes events for the same token below the same
 * path for the watch's own, so do not use one token for a path and for another below it.
 */
#define XS_OPEN_READONLY   (1UL << 0)
#define XS_OPEN_SOCKETONLY (1UL << 1)
#define XS_UNWATCH_FILTER  (1UL << 2)

#ifdef __cplusplus
extern "C" {
#endif

/* Connects to the daemon's socket or, where there is none, to the kernel's device.  After fork()
 * the handle belongs to the parent; the child gives its copy to xs_daemon_destroy_postfork() and
 * opens one of its own.  NULL on failure.
 */
struct xs_handle *xs_open(unsigned long flags);
void xs_close(struct xs_handle *h /* may be NULL */);
void xs_daemon_destroy_postfork(struct xs_handle *h);

/* Older names of xs_open(0) and xs_close(). */
struct xs_handle *xs_daemon_open(void);
struct xs_handle *xs_domain_open(void);
struct xs_handle *xs_daemon_open_readonly(void);
void xs_daemon_close(struct xs_handle *h);

/* The names of a node's children, @num of them; NULL on failure. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);

/* A node's value, which may hold any bytes; a NUL that @len (may be NULL) does not count follows
 * it. */
void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len);

/* Sets a node's value and makes the node, and those above it, where they do not exist. */
bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int len);

/* Makes an empty node; true also where it exists. */
bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path);

/* Removes a node and all below it. */
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path);

/* Always false: a connection cannot give up its rights any more. */
bool xs_restrict(struct xs_handle *h, unsigned domid);

/* A node's permissions; see struct xs_permissions.  Domain 0 may do everything in any case. */
struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                                          unsigned int *num);
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                        struct xs_permissions *perms, unsigned int num_perms);

/* Asks for an event whenever @path or a node below it changes, and for one at once.  Events carry
 * @token.  The first call starts a thread that reads for this handle from then on.
 */
bool xs_watch(struct xs_handle *h, const char *path, const char *token);
bool xs_unwatch(struct xs_handle *h, const char *path, const char *token);

/* A descriptor that polls readable while an event waits.  It is the handle's: do not read it. */
int xs_fileno(struct xs_handle *h);

/* The next event: element XS_WATCH_PATH is the node's path, XS_WATCH_TOKEN the token.  One returns
 * NULL with EAGAIN where no event waits; the other waits for one and also says how many elements
 * there are. NULL with EINVAL: no event is left and the connection is gone.
 */
char **xs_check_watch(struct xs_handle *h);
char **xs_read_watch(struct xs_handle *h, unsigned int *num);

/* Requests with the number that this returns see the store as it is now and are seen by nobody else
 * before the end.  The end fails with EAGAIN if others have changed what was read: begin again.
 */
xs_transaction_t xs_transaction_start(struct xs_handle *h);
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort);

/* For those who build domains: a domain's ring page and event channel, that it is gone, that its
 * shutdown was not the end (it has been resumed), and which domain it may act for.
 */
bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn,
                         unsigned int eventchn);
bool xs_release_domain(struct xs_handle *h, unsigned int domid);
bool xs_resume_domain(struct xs_handle *h, unsigned int domid);
bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target);
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid);

/* "/local/domain/<domid>". */
char *xs_get_domain_path(struct xs_handle *h, unsigned int domid);

/* Is @child the path @parent or one below it?  By the letters alone. */
bool xs_path_is_subpath(const char *parent, const char *child);

/* Gives the daemon itself a command, and its answer as text. */
char *xs_control_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len);
char *xs_debug_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len);

/* The event channel on which a guest wants to hear of a suspend, by a connection of its own; -1 if
 * none.
 */
int xs_suspend_evtchn_port(int domid);

#ifdef __cplusplus
}
#endif
