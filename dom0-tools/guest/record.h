// SPDX-License-Identifier: GPL-2.0-only
/* What has to be known of a guest even if whoever made it was killed: a file <uuid> below
 * /run/pavis, in making/ until the guest is whole and again while it is taken down, in guests/
 * while it lives, in again/ while it is taken down in order to be made again.
 *
 * Its first line, of fixed length, is the domain's number; behind it is the guest's configuration
 * as xl.cfg text, with all that was said on the command line, so that it can be made again.  Who
 * acts on a guest holds the file's lock.  A kill gives the lock back, and this is how a half-made
 * guest is known: it is in making/ and its lock is free.
 *
 * Who makes or unmakes a guest has its record open for writing, the supervisor never: so the close
 * of such a descriptor, which inotify tells of, means that he is done or dead.
 *
 * The uuid is the domain's handle too, so a domain is found even if its maker was killed before it
 * could write the number down, and a number that was given to another domain since confuses nobody.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/domains.h"

#ifndef RECORD_FOLDER /* a test's is another */
#define RECORD_FOLDER "/run/pavis"
#endif

enum record_state {
    RECORD_MAKING, /* or being unmade: what there is of it is to be removed */
    RECORD_LIVE,   /* the supervisor looks after it */
    RECORD_AGAIN,  /* likewise: what there is of it is to be removed, and then it is to be made */
};

struct record {
    int fd; /* of the file, open and locked; -1: none */
    enum record_state state;
    unsigned domid; /* 0: not known yet */
    uint8_t uuid[16];
};

/* Makes the record of a guest that is about to be made, in state making. -1 with EEXIST where there
 * is one. */
int record_make(struct record *r, const uint8_t uuid[16], const char *text, struct problem *why);

/* The state of the one that there is, whoever holds it; -1: there is none. */
int record_find(const uint8_t uuid[16]);

/* Opens and locks one that there is: 1; 0: there is none, or somebody else holds it; -1: failed. */
#define RECORD_WAIT 1 /* for who holds it */
#define RECORD_ACT  2 /* open for writing: the supervisor is told if this program is killed */
int record_open(struct record *r, const uint8_t uuid[16], unsigned how, struct problem *why);

/* Both are whole or not done at all, whenever a kill comes. */
int record_set_domain(struct record *r, unsigned domid, struct problem *why);
int record_set_state(struct record *r, enum record_state state, struct problem *why);

/* The configuration; NULL on failure, else for the caller to free(). */
char *record_text(const struct record *r, struct problem *why);

/* Replaces it. */
int record_set_text(struct record *r, const char *text, struct problem *why);

/* Removes the file, or only lets go of it. */
void record_remove(struct record *r);
void record_close(struct record *r);

/* Whether there is anything that the supervisor has to look after: guests, or what is left of one.
 */
bool records_any(void);

/* Whether a guest's configuration has this text; on an error true. */
bool records_mention(const char *text);

/* Makes the folders, where they are missing. */
void records_folders(void);

/* The uuids of all records in this state: their count, and *uuids for the caller to free(). */
int records_list(enum record_state state, uint8_t (**uuids)[16], struct problem *why);
