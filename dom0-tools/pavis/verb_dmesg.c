// SPDX-License-Identifier: GPL-2.0-only
/* pavis dmesg: the hypervisor's log. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pavis/hvlog.h"
#include "pavis/json.h"
#include "pavis/verb.h"

static int print_lines(char *text)
{
    json j = json_begin();

    json_array(j, NULL);
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"))
        json_string(j, NULL, line);
    json_close_array(j);
    return json_end(j);
}

int verb_dmesg(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"clear", no_argument, NULL, 'c'}, {"json", no_argument, NULL, 'j'}, {0}};
    bool clear = false, as_json = false;
    struct hvlog log = {0};
    struct problem why;
    int option, status = 0;

    while ((option = getopt_long(argc, argv, "c", options, NULL)) != -1) {
        switch (option) {
        case 'c': clear = true; break;
        case 'j': as_json = true; break;
        default: return verb_usage(s, "unknown option");
        }
    }
    if (optind != argc)
        return verb_usage(s, "the log is the hypervisor's; it takes no domain");
    if (!session_hypercalls(s))
        return 1;
    if (hvlog_read(&log, s->hypercalls, clear, &why))
        status = verb_failed(s, &why);
    else if (as_json)
        status = print_lines(log.text);
    else
        fputs(log.text, stdout);
    free(log.text);
    return status;
}
