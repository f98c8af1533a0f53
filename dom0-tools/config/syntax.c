// SPDX-License-Identifier: GPL-2.0-only
/* Reads xl.cfg's syntax, which looks like Python and is much less:
 *
 *     name = "text"        # also 'text'; \n, \t, \\, \x41, \101... mean what they do in C
 *     memory = 256 ; vcpus = 2
 *     disk = [ 'phy:/dev/vg/guest,xvda,w',
 *              'file:/srv/more.img,xvdb,r', ]
 *     extra += " quiet"
 *
 * A text comes from a person or from a program, and perhaps from somebody who means harm: it is
 * bounded in size and lists in depth, and each byte is looked at once.  What Xen's parser takes is
 * taken, and nothing else (tests/unit/test_config_peer.c).
 */
#include <string.h>

#include "config/syntax.h"

struct reader {
    struct config_syntax *syntax;
    struct config_report *report;
    const char *at, *end, *line_start;
    struct config_place place; /* of the line that is being read */
};

static struct config_place here(const struct reader *r)
{
    struct config_place place = r->place;

    place.column = (unsigned)(r->at - r->line_start) + 1;
    return place;
}

#define REFUSE(r, ...)                                                                             \
    ({                                                                                             \
        struct config_place place_ = here(r);                                                      \
        report_error((r)->report, &place_, __VA_ARGS__);                                           \
        NULL;                                                                                      \
    })

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The next byte; 0 at the end, which no text contains (config_parse). */
static char look(const struct reader *r)
{
    return r->at < r->end ? *r->at : 0;
}

static void new_line(struct reader *r)
{
    r->at++;
    r->place.line++;
    r->line_start = r->at;
}

/* Over what separates words; over ends of lines too if @lines. */
static void skip(struct reader *r, bool lines)
{
    for (;;) {
        char c = look(r);

        if (c == ' ' || c == '\t') {
            r->at++;
        } else if (c == '#') {
            while (r->at < r->end && *r->at != '\n')
                r->at++;
        } else if (c == '\n' && lines) {
            new_line(r);
        } else {
            return;
        }
    }
}

/* ---- strings */

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that an escape stands for, its backslash already passed; -1 if there is none such. */
static int escape(struct reader *r)
{
    static const char letters[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    char c = look(r);
    const char *letter = c ? strchr(letters, c) : NULL;
    int value = 0, digits = 0;

    r->at++;
    if (c == '\\' || c == '\'' || c == '"')
        return c;
    if (letter)
        return bytes[letter - letters];
    if (c == 'x') {
        while (digits < 2 && hex_digit(look(r)) >= 0) {
            value = value * 16 + hex_digit(*r->at++);
            digits++;
        }
    } else if (c >= '0' && c <= '7') {
        value = c - '0';
        for (digits = 1; digits < 3 && look(r) >= '0' && look(r) <= '7'; digits++)
            value = value * 8 + (*r->at++ - '0');
    }
    return digits && value > 0 && value < 256 ? value : -1;
}

static const char *read_string(struct reader *r)
{
    const char quote = look(r);
    const char *close = r->at + 1;
    char *text, *to;

    while (close < r->end && *close != quote && *close != '\n')
        close += *close == '\\' && close + 1 < r->end && close[1] != '\n' ? 2 : 1;
    if (close >= r->end || *close != quote)
        return REFUSE(r,
                      "this string has no end on its line; close it with %c, and write a line "
                      "end within it as \\n",
                      quote);
    to = text = arena_alloc(&r->syntax->arena, (size_t)(close - r->at));
    if (!text)
        return REFUSE(r, "out of memory");
    for (r->at++; r->at < close;) {
        int c = *r->at == '\\' ? (r->at++, escape(r)) : *r->at++;

        if (c == -1)
            return REFUSE(r, "no such escape; write \\\\ for a backslash itself");
        *to++ = (char)c;
    }
    r->at = close + 1;
    return text;
}

/* ---- values */

static const char *read_number(struct reader *r)
{
    const char *start = r->at;

    while (is_digit(look(r)) || (look(r) >= 'a' && look(r) <= 'f') || look(r) == 'x')
        r->at++;
    return arena_text(&r->syntax->arena, start, (size_t)(r->at - start));
}

static struct config_value *refuse_value(struct reader *r)
{
    char c = look(r);

    if (is_lower(c) || is_upper(c) || c == '/')
        return REFUSE(r, "a value is a number, a string in quotes or a list in [ ]; put this word "
                         "in quotes");
    if (c == '-')
        return REFUSE(r, "numbers have no sign here; a negative one goes in quotes");
    if (c == '(' || c == '{')
        return REFUSE(r, "this is not Python; a list is written in [ ]");
    return REFUSE(r, "a value is missing: a number, a string in quotes or a list in [ ]");
}

static struct config_value *read_value(struct reader *r, unsigned depth);

/* From behind the '[' over the ']'. */
static bool read_items(struct reader *r, struct config_value *list, unsigned depth)
{
    struct config_value **tail = &list->items;

    if (depth == CONFIG_MAX_DEPTH)
        return REFUSE(r, "lists within lists, more than %d deep", CONFIG_MAX_DEPTH);
    for (;;) {
        skip(r, true);
        if (look(r) == ']')
            break;
        *tail = read_value(r, depth + 1);
        if (!*tail)
            return false;
        tail = &(*tail)->next;
        list->nr_items++;
        skip(r, true);
        if (look(r) == ']')
            break;
        if (look(r) != ',')
            return REFUSE(r, "a comma or ] is missing here: the list began in line %u",
                          list->place.line);
        r->at++;
    }
    r->at++;
    return true;
}

static struct config_value *read_value(struct reader *r, unsigned depth)
{
    struct config_value *value = arena_alloc(&r->syntax->arena, sizeof(*value));
    char c = look(r);

    if (!value)
        return REFUSE(r, "out of memory");
    value->place = here(r);
    if (c == '[') {
        r->at++;
        return read_items(r, value, depth) ? value : NULL;
    }
    if (c == '"' || c == '\'')
        value->text = read_string(r);
    else if (is_digit(c))
        value->text = read_number(r);
    else
        return refuse_value(r);
    return value->text ? value : NULL;
}

/* ---- settings */

static struct config_setting *find(const struct config_syntax *syntax, const char *name, size_t len)
{
    struct config_setting *s = syntax->settings;

    while (s && (strncmp(s->name, name, len) != 0 || s->name[len]))
        s = s->next;
    return s;
}

/* A name's setting, a new one at the end where there is none. */
static struct config_setting *make(struct config_syntax *syntax, const char *name, size_t len)
{
    struct config_setting **tail = &syntax->settings;
    struct config_setting *s = find(syntax, name, len);

    if (s)
        return s;
    s = arena_alloc(&syntax->arena, sizeof(*s));
    if (!s || !(s->name = arena_text(&syntax->arena, name, len)))
        return NULL;
    while (*tail)
        tail = &(*tail)->next;
    return *tail = s;
}

/* `name += value`: strings are joined, lists too. */
static bool add_to(struct reader *r, struct config_value *old, struct config_value *more)
{
    struct config_value **tail = &old->items;

    if (!old->text != !more->text)
        return REFUSE(r, "+= joins two strings or two lists; one side is a list and one is not");
    if (old->text) {
        if (strlen(old->text) + strlen(more->text) > CONFIG_MAX_JOINED)
            return REFUSE(r, "more than %d bytes of text in one setting", CONFIG_MAX_JOINED);
        old->text = arena_format(&r->syntax->arena, "%s%s", old->text, more->text);
        return old->text || REFUSE(r, "out of memory");
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = more->items;
    old->nr_items += more->nr_items;
    return true;
}

static bool read_setting(struct reader *r)
{
    const char *name = r->at;
    struct config_place place = here(r);
    struct config_setting *setting;
    struct config_value *value;
    bool add;
    size_t len;

    while (is_lower(look(r)) || is_digit(look(r)) || look(r) == '_' || look(r) == '.')
        r->at++;
    len = (size_t)(r->at - name);
    if (is_upper(look(r)))
        return REFUSE(r, "names have no capital letters");
    skip(r, false);
    add = look(r) == '+' && r->at + 1 < r->end && r->at[1] == '=';
    r->at += add;
    if (look(r) != '=')
        return REFUSE(r, "%.*s: = is missing; a setting is written name = value", (int)len, name);
    r->at++;
    skip(r, false);
    if (!(value = read_value(r, 0)))
        return false;
    if (!(setting = make(r->syntax, name, len)))
        return REFUSE(r, "out of memory");
    if (add && setting->value)
        return add_to(r, setting->value, value);
    setting->place = place;
    setting->value = value;
    return true;
}

static bool read_statement(struct reader *r)
{
    char c = look(r);

    if (r->syntax->nr_statements++ == CONFIG_MAX_STATEMENTS)
        return REFUSE(r, "more than %d settings; is this a configuration?", CONFIG_MAX_STATEMENTS);
    if (!is_lower(c)) {
        if (c == '\r')
            return REFUSE(r,
                          "the file has line ends of Windows; remove them with sed -i 's/\\r//'");
        if (is_upper(c))
            return REFUSE(r, "names have no capital letters");
        return REFUSE(r, "a setting begins with a name in small letters, as in memory = 256");
    }
    if (!read_setting(r))
        return false;
    skip(r, false);
    c = look(r);
    if (c == '\r')
        return REFUSE(r, "the file has line ends of Windows; remove them with sed -i 's/\\r//'");
    if (r->at < r->end && c != '\n' && c != ';')
        return REFUSE(r, "something follows the value; one setting per line, or ; between them");
    return true;
}

bool config_parse(struct config_syntax *syntax, const char *source, const char *text, size_t len,
                  struct config_report *report)
{
    struct reader r = {.syntax = syntax, .report = report, .at = text, .end = text + len};

    r.line_start = text;
    r.place = (struct config_place){.source = source, .line = 1};
    if (len > CONFIG_MAX_BYTES)
        return REFUSE(&r, "more than %d bytes; is this a configuration?", CONFIG_MAX_BYTES);
    if (memchr(text, 0, len))
        return REFUSE(&r, "a NUL byte in it; is this a configuration?");
    for (;;) {
        skip(&r, true);
        if (r.at == r.end)
            return true;
        if (look(&r) == ';')
            r.at++;
        else if (!read_statement(&r))
            return false;
    }
}

void config_syntax_free(struct config_syntax *syntax)
{
    arena_free(&syntax->arena);
    syntax->settings = NULL;
}

const struct config_setting *config_find(const struct config_syntax *syntax, const char *name)
{
    return find(syntax, name, strlen(name));
}
