// SPDX-License-Identifier: GPL-2.0-only
/* The syntax of xl.cfg: settings `name = value`, where a value is a string, a number or a list of
 * values.  What the names mean is not known here (guest_config.h).
 */
#pragma once

#include "config/arena.h"
#include "config/report.h"

#define CONFIG_MAX_BYTES 1048576 /* of a file; real ones have a few hundred */
#define CONFIG_MAX_DEPTH 8       /* of lists in lists */
#define CONFIG_MAX_STATEMENTS                                                                      \
    4096                        /* so that what a text can cost does not grow with its square      \
                                 */
#define CONFIG_MAX_JOINED 16384 /* bytes of a string that += has made */

/* A string or number has `text`, a list has `items` instead. */
struct config_value {
    struct config_value *next; /* in the list that it is an item of */
    struct config_place place;
    const char *text;
    struct config_value *items;
    unsigned nr_items;
};

struct config_setting {
    struct config_setting *next;
    struct config_place place;
    const char *name;
    struct config_value *value;
};

/* In the order of their first assignment; each name once. */
struct config_syntax {
    struct arena arena;
    struct config_setting *settings;
    unsigned nr_statements;
};

/* Reads the @len bytes at @text (no NUL is needed behind them) and adds what they set; what was set
 * before is replaced, or with `+=` added to.  @source is what notes call the text.
 * False: there is an error in @report, and @syntax is good only for config_syntax_free().
 */
bool config_parse(struct config_syntax *syntax, const char *source, const char *text, size_t len,
                  struct config_report *report);

void config_syntax_free(struct config_syntax *syntax);

/* NULL: not set. */
const struct config_setting *config_find(const struct config_syntax *syntax, const char *name);
