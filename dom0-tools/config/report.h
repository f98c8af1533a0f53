// SPDX-License-Identifier: GPL-2.0-only
/* What the parsers have to say about a configuration: where, what is wrong, what to write instead.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define REPORT_MAX_NOTES 24
#define REPORT_TEXT      320

/* A place in a file, or in the word of the command line that `source` names. */
struct config_place {
    const char *source;
    unsigned line, column; /* from 1; 0: the place is the whole file */
};

struct config_note {
    struct config_place place;
    bool is_error;
    char text[REPORT_TEXT];
};

/* Zeros to begin with.  More notes than fit are counted and not kept. */
struct config_report {
    struct config_note notes[REPORT_MAX_NOTES];
    unsigned nr_notes, nr_errors, nr_lost;
};

/* Both cut what is too long; bytes that a terminal would obey are shown as '?'. */
void report_error(struct config_report *report, const struct config_place *place,
                  const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_warning(struct config_report *report, const struct config_place *place,
                    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A line for each note: "guest.cfg:3:9: error: ...".  Warnings only if @warnings. */
void report_print(const struct config_report *report, FILE *out, bool warnings);
