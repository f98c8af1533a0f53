// SPDX-License-Identifier: GPL-2.0-only
/* JSON: see json.h. */
#include "pavis/json.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

static void done(yajl_gen_status status)
{
    if (status != yajl_gen_status_ok)
        errx(1, "cannot make JSON (%d)", (int)status);
}

json json_begin(void)
{
    json j = yajl_gen_alloc(NULL);

    if (!j)
        errx(1, "no memory");
    yajl_gen_config(j, yajl_gen_beautify, 1);
    yajl_gen_config(j, yajl_gen_indent_string, "    ");
    yajl_gen_config(j, yajl_gen_validate_utf8, 1);
    return j;
}

int json_end(json j)
{
    const unsigned char *text;
    size_t len;

    done(yajl_gen_get_buf(j, &text, &len));
    fwrite(text, 1, len, stdout);
    yajl_gen_free(j);
    return fflush(stdout) ? 1 : 0;
}

static void string(json j, const char *text)
{
    yajl_gen_status status = yajl_gen_string(j, (const unsigned char *)text, strlen(text));
    char *ascii;

    if (status != yajl_gen_invalid_string) {
        done(status);
        return;
    }
    ascii = strdup(text);
    if (!ascii)
        errx(1, "no memory");
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    done(yajl_gen_string(j, (const unsigned char *)ascii, strlen(ascii)));
    free(ascii);
}

static void name(json j, const char *key)
{
    if (key)
        string(j, key);
}

void json_object(json j, const char *key)
{
    name(j, key);
    done(yajl_gen_map_open(j));
}

void json_array(json j, const char *key)
{
    name(j, key);
    done(yajl_gen_array_open(j));
}

void json_close_object(json j)
{
    done(yajl_gen_map_close(j));
}

void json_close_array(json j)
{
    done(yajl_gen_array_close(j));
}

void json_string(json j, const char *key, const char *value)
{
    name(j, key);
    if (value)
        string(j, value);
    else
        done(yajl_gen_null(j));
}

void json_number(json j, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    name(j, key);
    done(yajl_gen_number(j, text, strlen(text)));
}

void json_seconds(json j, const char *key, uint64_t ns)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu.%03llu", (unsigned long long)(ns / 1000000000),
             (unsigned long long)(ns / NS_PER_MS % 1000));
    name(j, key);
    done(yajl_gen_number(j, text, strlen(text)));
}

void json_real(json j, const char *key, double value)
{
    char text[32];

    snprintf(text, sizeof(text), "%.3f", value);
    name(j, key);
    done(yajl_gen_number(j, text, strlen(text)));
}

void json_bool(json j, const char *key, bool value)
{
    name(j, key);
    done(yajl_gen_bool(j, value));
}
