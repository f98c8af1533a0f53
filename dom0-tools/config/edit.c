// SPDX-License-Identifier: GPL-2.0-only
/* The last word on devices in a configuration's text are two lines that end with a mark; the rest
 * of the text stays as its author wrote it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/edit.h"
#include "config/guest_config.h"

static const char mark[] = " # as attached and detached";

/* One list of a text that was read. */
struct devices {
    struct config_syntax syntax;
    struct config_report report;
    const struct config_value *items[2]; /* of disk=, of vif= */
};
static const char *const keys[] = {"disk", "vif"};

static bool is_disk(const char *key)
{
    return strcmp(key, keys[0]) == 0;
}

static bool read_text(struct devices *d, const char *text)
{
    *d = (struct devices){0};
    if (!config_parse(&d->syntax, "record", text, strlen(text), &d->report))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const struct config_setting *s = config_find(&d->syntax, keys[i]);

        d->items[i] = s ? s->value->items : NULL;
    }
    return true;
}

/* The number of the device that an item configures, the item being the @index-th of its list; -1:
 * its words mean nothing. */
static long item_number(struct devices *d, const char *key, const struct config_value *item,
                        unsigned index)
{
    struct guest_disk disk;
    struct guest_nic nic = {.devid = index};

    if (!item->text)
        return -1;
    if (is_disk(key))
        return disk_spec_parse(&disk, &d->syntax.arena, item->text, &item->place, &d->report)
                   ? (long)disk.number
                   : -1;
    return nic_spec_parse(&nic, &d->syntax.arena, item->text, &item->place, &d->report)
               ? (long)nic.devid
               : -1;
}

char *config_device(const char *text, const char *key, unsigned number)
{
    struct devices d;
    const struct config_value *item;
    char *words = NULL;
    unsigned index = 0;

    if (read_text(&d, text))
        for (item = d.items[!is_disk(key)]; item && !words; item = item->next)
            if (item_number(&d, key, item, index++) == (long)number)
                words = strdup(item->text);
    config_syntax_free(&d.syntax);
    return words;
}

/* ---- writing */

/* In double quotes, so that it is read again as it is. */
static void put_words(FILE *out, const char *words)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)words; *c; c++)
        if (*c < ' ' || *c == '"' || *c == '\\' || *c >= 0x7f)
            fprintf(out, "\\x%02x", *c);
        else
            fputc(*c, out);
    fputs("\", ", out);
}

/* A card that has its number by its place in the list only is told it, since places change. */
static void put_item(FILE *out, const char *key, const char *words, unsigned number)
{
    char text[16];
    char *numbered;

    snprintf(text, sizeof(text), "%u", number);
    numbered = is_disk(key) ? strdup(words) : device_words_with(words, "devid", text);
    if (numbered)
        put_words(out, numbered);
    free(numbered);
}

static void put_list(FILE *out, struct devices *d, const char *list, const char *key,
                     unsigned number, const char *words)
{
    bool here = strcmp(list, key) == 0, done = !words;
    unsigned index = 0;

    fprintf(out, "%s = [ ", list);
    for (const struct config_value *item = d->items[!is_disk(list)]; item; item = item->next) {
        long is = item_number(d, list, item, index++);

        if (is < 0)
            continue; /* which no guest was made with */
        if (!here || is != (long)number) {
            put_item(out, list, item->text, (unsigned)is);
        } else if (!done) {
            put_item(out, list, words, number);
            done = true;
        }
    }
    if (here && !done)
        put_item(out, list, words, number);
    fprintf(out, "]%s\n", mark);
}

/* All lines but those that this file wrote. */
static void put_rest(FILE *out, const char *text)
{
    const size_t mark_len = strlen(mark);

    while (*text) {
        size_t len = strcspn(text, "\n");

        if (len < mark_len || strncmp(text + len - mark_len, mark, mark_len) != 0)
            fprintf(out, "%.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

char *config_with_device(const char *text, const char *key, unsigned number, const char *words)
{
    struct devices d;
    char *result = NULL;
    size_t size = 0;
    FILE *out = read_text(&d, text) ? open_memstream(&result, &size) : NULL;

    if (out) {
        put_rest(out, text);
        for (unsigned i = 0; i < 2; i++)
            put_list(out, &d, keys[i], key, number, words);
        if (fclose(out) != 0) {
            free(result);
            result = NULL;
        }
    }
    config_syntax_free(&d.syntax);
    return result;
}

char *device_words_with(const char *words, const char *name, const char *value)
{
    size_t name_len = strlen(name), size = 0;
    const char *at = words, *between = "";
    char *result = NULL;
    FILE *out = open_memstream(&result, &size);

    if (!out)
        return NULL;
    while (*at) {
        const char *field = at + strspn(at, " \t");
        size_t len = strcspn(field, ",");

        if (strncmp(field, "target=", 7) == 0)
            break; /* it goes to the end, commas and all */
        if (strncmp(field, name, name_len) != 0 || field[name_len] != '=') {
            fprintf(out, "%s%.*s", between, (int)len, field);
            between = ",";
        }
        at = field + len + (field[len] == ',');
    }
    if (value) {
        fprintf(out, "%s%s=%s", between, name, value);
        between = ",";
    }
    if (*at)
        fprintf(out, "%s%s", between, at);
    return fclose(out) == 0 ? result : (free(result), NULL);
}
