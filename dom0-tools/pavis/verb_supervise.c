// SPDX-License-Identifier: GPL-2.0-only
/* pavis supervise: the daemon that acts when guests end.  Commands start it themselves; a service
 * manager has it wait for its turn. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest/supervise.h"
#include "pavis/verb.h"

/* Nothing of the terminal that it was started from. */
static void leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (chdir("/") != 0 || null < 0)
        return;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    close(null);
}

int verb_supervise(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"lock", required_argument, NULL, 'l'}, {"wait", no_argument, NULL, 'w'}, {0}};
    struct problem why;
    int option, lock = -1;
    bool wait = false;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return verb_usage(s, "unknown option");
        if (option == 'l')
            lock = atoi(optarg);
        wait |= option == 'w';
    }
    if (lock >= 0) {
        fcntl(lock, F_SETFD, FD_CLOEXEC);
        leave_terminal();
        return supervisor_run(lock, false);
    }
    lock = supervisor_lock(wait);
    if (lock < 0) {
        problem_set(&why, EBUSY, NULL, "a supervisor is running already");
        return verb_failed(s, &why);
    }
    return supervisor_run(lock, true);
}
