// SPDX-License-Identifier: GPL-2.0-only
/* The guest's orders and its report: see job.h. */
#include "run/job.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void say(FILE *out, char what, const char *text)
{
    fputc(what, out);
    fputs(text, out);
    fputc(0, out);
}

void job_write(const struct job *job, FILE *out)
{
    fprintf(out, "r%c%s%c", job->root, job->root_device ? job->root_device : "", 0);
    say(out, 'n', job->name);
    fprintf(out, "k%u%c", job->nr_disks, 0);
    if (job->terminal)
        fprintf(out, "t%u %u%c", job->rows, job->columns, 0);
    if (job->boot)
        say(out, 'b', "");
    if (job->console)
        say(out, 'c', "");
    if (job->dhcp)
        say(out, 'd', "");
    if (job->address)
        say(out, 'i', job->address);
    for (unsigned i = 0; i < job->nr_modules; i++)
        say(out, 'm', job->modules[i]);
    for (unsigned i = 0; i < job->nr_env; i++)
        say(out, 'e', job->env[i]);
    for (unsigned i = 0; i < job->nr_args; i++)
        say(out, 'a', job->args[i]);
}

bool job_read(struct job *job, const char *text, size_t len)
{
    unsigned nr = 0, rows = 0, columns = 0;

    for (size_t i = 0; i < len; i++)
        nr += !text[i];
    *job = (struct job){.root = ROOT_MEMORY,
                        .name = "guest",
                        .modules = calloc(nr + 1, sizeof(char *)),
                        .args = calloc(nr + 1, sizeof(char *)),
                        .env = calloc(nr + 1, sizeof(char *))};
    if (!job->modules || !job->args || !job->env)
        return false;
    for (const char *at = text; at < text + len; at += strlen(at) + 1) {
        switch (at[0]) {
        case 'r':
            job->root = (enum root_kind)at[1];
            job->root_device = at[1] ? at + 2 : NULL;
            break;
        case 'n': job->name = at + 1; break;
        case 't':
            job->terminal = true;
            if (sscanf(at + 1, "%u %u", &rows, &columns) == 2) {
                job->rows = (uint16_t)rows;
                job->columns = (uint16_t)columns;
            }
            break;
        case 'k': job->nr_disks = (unsigned)strtoul(at + 1, NULL, 10); break;
        case 'b': job->boot = true; break;
        case 'c': job->console = true; break;
        case 'd': job->dhcp = true; break;
        case 'i': job->address = at + 1; break;
        case 'm': job->modules[job->nr_modules++] = at + 1; break;
        case 'e': job->env[job->nr_env++] = at + 1; break;
        case 'a': job->args[job->nr_args++] = at + 1; break;
        default: break;
        }
    }
    return true;
}

void exit_text(char text[EXIT_LONGEST], int status)
{
    if (WIFSIGNALED(status))
        snprintf(text, EXIT_LONGEST, "signal %d", WTERMSIG(status) & 127);
    else
        snprintf(text, EXIT_LONGEST, "exit %d", WEXITSTATUS(status) & 255);
}

/* At most @most, of at most @len digits and nothing else. */
static bool digits(const char *text, size_t len, uint32_t most, uint32_t *number)
{
    uint64_t n = 0;

    if (len == 0 || len > 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text[i] - '0');
    }
    *number = (uint32_t)n;
    return n <= most;
}

int exit_parse(const char *text, size_t len)
{
    static const char exited[] = "exit ", killed[] = "signal ";
    const size_t nr_exited = sizeof(exited) - 1, nr_killed = sizeof(killed) - 1;
    uint32_t n;

    if (len > nr_exited && memcmp(text, exited, nr_exited) == 0 &&
        digits(text + nr_exited, len - nr_exited, 255, &n))
        return (int)n;
    if (len > nr_killed && memcmp(text, killed, nr_killed) == 0 &&
        digits(text + nr_killed, len - nr_killed, 64, &n) && n > 0)
        return EXIT_SIGNAL + (int)n;
    return -1;
}

bool channel_parse(const char *text, size_t len, uint32_t *port, uint32_t *refs, unsigned nr)
{
    const char *end = text + len;

    for (unsigned i = 0; i <= nr; i++) {
        const char *stop = memchr(text, ' ', (size_t)(end - text));

        stop = stop ? stop : end;
        if (!digits(text, (size_t)(stop - text), UINT32_MAX, i ? &refs[i - 1] : port))
            return false;
        text = stop < end ? stop + 1 : end;
    }
    return text == end;
}
