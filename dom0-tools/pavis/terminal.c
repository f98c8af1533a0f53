// SPDX-License-Identifier: GPL-2.0-only
/* The person's terminal: see terminal.h. */
#include "pavis/terminal.h"

#include <ctype.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define CONTROL(c) ((c)&0x1f)

static struct termios before;
static volatile sig_atomic_t raw_fd = -1;

void terminal_restore(void)
{
    int fd = raw_fd;

    raw_fd = -1;
    if (fd >= 0)
        tcsetattr(fd, TCSANOW, &before); /* safe in a signal's handler */
}

static void on_signal(int number)
{
    terminal_restore();
    /* Its usual effect, now that the terminal is usable: the handler was for once. */
    raise(number);
}

bool terminal_raw(int fd)
{
    static const int ending[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                 SIGSEGV, SIGABRT, SIGBUS,  SIGPIPE};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct termios raw;

    if (!isatty(fd))
        return true;
    if (tcgetattr(fd, &before) != 0)
        return false;
    raw = before;
    cfmakeraw(&raw);
    raw_fd = fd;
    atexit(terminal_restore);
    for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++)
        sigaction(ending[i], &action, NULL);
    return tcsetattr(fd, TCSANOW, &raw) == 0;
}

int escape_byte(const char *text)
{
    if (text[0] == '^' && text[1] && !text[2]) {
        int c = toupper((unsigned char)text[1]);

        return c >= '@' && c <= '_' ? CONTROL(c) : -1;
    }
    return text[0] && !text[1] ? (unsigned char)text[0] : -1;
}
