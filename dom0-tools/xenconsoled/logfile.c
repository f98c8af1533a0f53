// SPDX-License-Identifier: GPL-2.0-only
/* Log files of limited size: see logfile.h.  A disk that is full costs log lines, not consoles. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "xenconsoled/logfile.h"

#define ESCAPE    '\033'
#define TIME_TEXT 32

static void file_open(struct logfile *log)
{
    struct stat status;
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (log->fd < 0)
        syslog(LOG_ERR, "cannot open %s: %m", log->path);
    log->size = log->fd >= 0 && fstat(log->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void file_close(struct logfile *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

bool logfile_open(struct logfile *log, const char *dir, const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    char *path;
    log->fd = -1;
    if (asprintf(&path, "%s/%s.log", dir, name) < 0)
        return false;
    char *base = path + strlen(dir) + 1;
    for (char *c = base; *c; c++) {
        if (!strchr(allowed, *c))
            *c = '_';
    }
    log->path = path;
    file_open(log);
    return log->fd >= 0;
}

/* FILE becomes FILE.1. */
static void rotate(struct logfile *log)
{
    char *old;
    if (asprintf(&old, "%s.1", log->path) < 0)
        return;
    if (rename(log->path, old) != 0)
        syslog(LOG_ERR, "cannot rename %s: %m", log->path);
    free(old);
    logfile_reopen(log);
}

static void file_write(struct logfile *log, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t done = write(log->fd, text, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        log->size += (uint64_t)done;
        text += done;
        len -= (size_t)done;
    }
}

static void write_time(struct logfile *log)
{
    char text[TIME_TEXT];
    struct tm tm;
    time_t now = time(NULL);
    file_write(log, text,
               strftime(text, sizeof(text), "[%Y-%m-%d %H:%M:%S] ", localtime_r(&now, &tm)));
}

/* A piece without a newline but perhaps at its end. */
static void write_piece(struct logfile *log, const char *text, size_t len)
{
    if (log->times && !log->in_line)
        write_time(log);
    log->in_line = text[len - 1] != '\n';
    while (log->replace_escape && len > 0) {
        const char *escape = memchr(text, ESCAPE, len);
        if (!escape)
            break;
        file_write(log, text, (size_t)(escape - text));
        file_write(log, ".", 1);
        len -= (size_t)(escape - text) + 1;
        text = escape + 1;
    }
    file_write(log, text, len);
}

void logfile_write(struct logfile *log, const char *text, size_t len)
{
    if (!log->path || log->fd < 0)
        return;
    if (log->limit && log->size + len > log->limit)
        rotate(log);
    while (len > 0 && log->fd >= 0) {
        const char *newline = memchr(text, '\n', len);
        size_t piece = newline ? (size_t)(newline - text) + 1 : len;
        write_piece(log, text, piece);
        text += piece;
        len -= piece;
    }
}

void logfile_reopen(struct logfile *log)
{
    if (!log->path)
        return;
    file_close(log);
    file_open(log);
}

void logfile_close(struct logfile *log)
{
    file_close(log);
    free(log->path);
    log->path = NULL;
}
