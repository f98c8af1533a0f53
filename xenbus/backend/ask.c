// SPDX-License-Identifier: GPL-2.0-only
/* The messages of a worker: see ask.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/ask.h"
#include "backend/wire.h"

/* Of how much a message of each kind may be at most; there is none of nothing. */
static const uint32_t most[] = {[ASK_MAP] = ASK_REFS,
                                [ASK_BIND] = ASK_PORTS - 1,
                                [ASK_COPY] = ASK_PIECES,
                                [ASK_LOG] = ASK_TEXT - 1,
                                [ASK_ERROR] = ASK_TEXT - 1};

size_t ask_size(const struct ask *ask)
{
    size_t head = offsetof(struct ask, refs);
    switch (ask->kind) {
    case ASK_MAP: return head + ask->nr * sizeof(ask->refs[0]);
    case ASK_COPY: return head + ask->nr * sizeof(ask->pieces[0]);
    case ASK_BIND: return head;
    default: return head + ask->nr;
    }
}

static bool pieces_good(const struct ask *ask)
{
    for (unsigned i = 0; i < ask->nr; i++) {
        const struct ask_piece *p = &ask->pieces[i];
        if (p->len == 0 || p->offset + p->len > (int)GATE_PAGE)
            return false;
    }
    return ask->about <= 1;
}

/* A log and a node are read by people and programs that expect lines. */
static void make_printable(struct ask *ask)
{
    for (unsigned i = 0; i < ask->nr; i++) {
        if (ask->text[i] < ' ' || ask->text[i] > '~')
            ask->text[i] = '?';
    }
}

bool ask_check(const void *message, size_t size, struct ask *ask)
{
    memset(ask, 0, sizeof(*ask));
    if (size < offsetof(struct ask, refs) || size > sizeof(*ask))
        return false;
    memcpy(ask, message, size);
    if (ask->kind < ASK_MAP || ask->kind > ASK_ERROR || ask->nr == 0 || ask->nr > most[ask->kind] ||
        size != ask_size(ask))
        return false;
    if (ask->kind == ASK_COPY)
        return pieces_good(ask);
    if (ask->kind >= ASK_LOG)
        make_printable(ask);
    return ask->kind != ASK_LOG || ask->about <= LOG_DEBUG;
}

/* ---- the worker's side */

static int broker = -1;
static uint8_t *window;

void ask_over(int socket)
{
    broker = socket;
}

bool ask_is_needed(void)
{
    return broker >= 0;
}

bool ask_for(const struct ask *ask, uint64_t *value, int *fd)
{
    struct ask_answer answer;
    int fds[WIRE_FDS];
    unsigned nr = 0;
    if (ask->nr == 0 ||
        ask->nr > most[ask->kind]) { /* a guest's number, and our end if it is sent */
        errno = EINVAL;
        return false;
    }
    if (!wire_send(broker, ask, ask_size(ask), NULL, 0) ||
        wire_receive(broker, &answer, sizeof(answer), fds, &nr) != sizeof(answer))
        _exit(1); /* a successor goes on */
    if (value)
        *value = answer.value;
    if (fd)
        *fd = nr > 0 ? fds[0] : -1;
    errno = answer.error;
    return answer.error == 0;
}

void ask_for_copies(void *shared)
{
    window = shared;
}

bool ask_copies(void)
{
    return window;
}

bool ask_copy(unsigned domid, const struct grant_piece *pieces, unsigned nr, bool to_guest)
{
    struct ask ask = {.kind = ASK_COPY, .about = to_guest, .guest = domid};
    bool good = true;
    while (good && nr > 0) {
        ask.nr = nr < ASK_PIECES ? nr : ASK_PIECES;
        for (unsigned i = 0; i < ask.nr; i++) {
            ask.pieces[i] = (struct ask_piece){pieces[i].ref, pieces[i].offset, pieces[i].len};
            if (to_guest)
                memcpy(window + (size_t)i * GATE_PAGE, pieces[i].local, pieces[i].len);
        }
        good = ask_for(&ask, NULL, NULL);
        for (unsigned i = 0; good && !to_guest && i < ask.nr; i++)
            memcpy(pieces[i].local, window + (size_t)i * GATE_PAGE, pieces[i].len);
        pieces += ask.nr;
        nr -= ask.nr;
    }
    return good;
}

void ask_tell(enum ask_kind kind, unsigned guest, uint32_t about, const char *text)
{
    struct ask ask = {.kind = kind, .about = about, .guest = guest};
    ask.nr = (uint32_t)snprintf(ask.text, sizeof(ask.text), "%s", text);
    if (ask.nr >= ASK_TEXT)
        ask.nr = ASK_TEXT - 1;
    if (ask.nr > 0 && send(broker, &ask, ask_size(&ask), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
}
