/* SPDX-License-Identifier: GPL-2.0-only */
/* pavis-init: the first process of a guest that `pavis run` makes, in parts.  It has no privilege
 * that matters to anybody but its guest.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "run/channel.h"
#include "run/job.h"

/* "pavis-init: ..." on the console, which the console daemon keeps in a log; with errno's text
 * where the format ends in a colon. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* store.c: a value below the guest's home. */
bool store_write(const char *path, const char *value);

/* machine.c: what a kernel and its programs want to find. */
void mount_first(void);
void load_modules(const struct job *job);
/* They come with their back ends, each in its time. */
void wait_for_disks(const struct job *job);
void set_up_network(const struct job *job);

/* root.c: mounts the disk at ROOT; false after having said why not. */
#define ROOT "/root-disk"
bool mount_root(const struct job *job);
void umount_root(void);
/* Makes the disk the root and runs its own init in place of this process.  Returns on failure. */
void boot_root(const struct job *job);

/* link.c: the shared pages and the event channel. */
struct link {
    int event; /* of /dev/xen/evtchn; readable when the other side has done something; -1: no link
                */
    uint32_t port;
    struct channel_pages *pages;
    struct pipe_end in, out;
};
bool link_open(struct link *l);
void link_notify(const struct link *l);
/* Takes the event, so that the next one shows. */
void link_attend(const struct link *l);
/* Until the other side has taken all, but not for ever. */
void link_drain(const struct link *l);

/* relay.c: runs the command; what it says goes to the link, if there is one.  Returns what
 * waitpid() said. */
int run_command(struct link *l, const struct job *job);

/* command.c */
struct streams {
    int to;               /* standard input of the command, or its terminal; -1: closed */
    int from, from_error; /* its output; -1: ended, or (from_error) there is none of its own */
    pid_t pid;
};
bool command_start(struct streams *s, const struct job *job);
