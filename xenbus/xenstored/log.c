// SPDX-License-Identifier: GPL-2.0-only
/* The log: see log.h. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

bool log_requests, log_to_syslog;
static FILE *file;

static void stamp(FILE *f)
{
    char text[32];
    struct tm tm;
    time_t now = time(NULL);
    localtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y%m%d %H:%M:%S", &tm);
    fprintf(f, "%s ", text);
}

void log_say(const char *format, ...)
{
    va_list list;
    FILE *f = file ? file : stderr;
    if (!file && log_to_syslog) {
        va_start(list, format);
        vsyslog(LOG_DAEMON | LOG_WARNING, format, list);
        va_end(list);
        closelog(); /* its descriptor must not be one that the next daemon takes for its own */
        return;
    }
    if (file)
        stamp(f);
    else
        fputs("xenstored: ", f);
    va_start(list, format);
    vfprintf(f, format, list);
    va_end(list);
    fputc('\n', f);
    fflush(f);
}

/* A payload may hold anything; a line of the log does not. */
static void print_payload(FILE *f, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] >= ' ' && p[i] < 127 && p[i] != '\\')
            fputc(p[i], f);
        else if (p[i] == 0)
            fputc(' ', f);
        else
            fprintf(f, "\\x%02x", (unsigned char)p[i]);
    }
}

void log_request(const struct conn *c, const struct xsd_sockmsg *hdr, const char *payload)
{
    FILE *f = file ? file : stderr;
    stamp(f);
    fprintf(f, "%s %u dom %u tx %u %s ", c->ring ? "ring" : "socket", c->id, c->domain->id,
            hdr->tx_id, wire_type_name(hdr->type));
    print_payload(f, payload, hdr->len);
    fputc('\n', f);
    fflush(f);
}

int log_file(const char *name)
{
    FILE *f = fopen(name, "ae");
    if (!f)
        return -errno;
    if (file)
        fclose(file);
    file = f;
    return 0;
}

int log_descriptor(void)
{
    return file ? fileno(file) : -1;
}
