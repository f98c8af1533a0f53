// SPDX-License-Identifier: GPL-2.0-only
/* Escapes of values, to and from.  See text.h. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/text.h"

/* Characters that have a letter, and the letters. */
static const char plain[] = "\t\n\r\\";
static const char letters[] = "tnr\\";

static char *escape_one(char *text, unsigned char c)
{
    const char *found = c ? strchr(plain, c) : NULL;
    if (found) {
        *text++ = '\\';
        *text++ = letters[found - plain];
        return text;
    }
    if (c >= ' ' && c < 0x7f) {
        *text++ = (char)c;
        return text;
    }
    return text + sprintf(text, c < 8 ? "\\%03o" : "\\x%02x", c);
}

size_t text_escape(char *text, const char *value, size_t len)
{
    char *end = text;
    for (size_t i = 0; i < len; i++)
        end = escape_one(end, (unsigned char)value[i]);
    *end = '\0';
    return (size_t)(end - text);
}

/* The number at *text, of at most @width digits; `or` and no step if there is none. */
static char number(const char **text, const char *format, char or)
{
    unsigned value;
    int used = 0;
    if (sscanf(*text, format, &value, &used) != 1)
        return or ;
    *text += used;
    return (char)value;
}

size_t text_unescape(char *value, const char *text)
{
    char *end = value;
    while (*text) {
        char c = *text++;
        if (c == '\\') {
            c = *text;
            const char *found = c ? strchr(letters, c) : NULL;
            if (c)
                text++;
            if (found)
                c = plain[found - letters];
            else if (c == 'x')
                c = number(&text, "%2x%n", c);
            else if (c >= '0' && c <= '7') {
                text--;
                c = number(&text, "%3o%n", c);
            }
        }
        *end++ = c;
    }
    *end = '\0';
    return (size_t)(end - value);
}
