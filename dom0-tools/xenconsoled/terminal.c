// SPDX-License-Identifier: GPL-2.0-only
/* Pseudo terminals: see terminal.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "xenconsoled/terminal.h"

static bool set_up(struct terminal *terminal, int inotify)
{
    struct termios raw;
    if (grantpt(terminal->master) != 0 || unlockpt(terminal->master) != 0 ||
        ptsname_r(terminal->master, terminal->name, sizeof(terminal->name)) != 0 ||
        tcgetattr(terminal->master, &raw) != 0)
        return false;
    cfmakeraw(&raw); /* the guest's kernel does what is to be done with characters, echo too */
    if (tcsetattr(terminal->master, TCSANOW, &raw) != 0)
        return false;
    terminal->watch = inotify_add_watch(inotify, terminal->name, IN_OPEN | IN_CLOSE);
    return terminal->watch >= 0;
}

bool terminal_open(struct terminal *terminal, int inotify)
{
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (terminal->master < 0)
        return false;
    if (set_up(terminal, inotify))
        return true;
    int saved = errno;
    close(terminal->master);
    terminal->master = -1;
    errno = saved;
    return false;
}

void terminal_close(struct terminal *terminal, int inotify)
{
    if (terminal->master < 0)
        return;
    inotify_rm_watch(inotify, terminal->watch);
    close(terminal->master);
    terminal->master = -1;
}

bool terminal_attended(const struct terminal *terminal)
{
    struct pollfd p = {.fd = terminal->master};
    return terminal->master >= 0 && poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);
}
