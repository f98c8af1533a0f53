// SPDX-License-Identifier: GPL-2.0-only
/* The connector: see nbd.h.  It believes no more of a server than what this file reads: a size, and
 * flags.  It is root, since Unix sockets may be root's; it ends with its broker.
 */
#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "backend/wire.h"
#include "blkback/nbd.h"
#include "blkback/request.h"

#define TALK_S     5     /* a server that says nothing for so long is none */
#define END_MS     10000 /* so long an old connection may take to its end */
#define PAUSE_MS   200   /* between two tries */
#define KEEP_S     10    /* of silence; then three questions, 5 s each, and it is lost */
#define MAX_OPTION 4096u /* bytes of an option's reply; who says more is not believed */

#define GREETING        0x4e42444d41474943ull /* "NBDMAGIC" */
#define OPTION_MAGIC    0x49484156454f5054ull /* "IHAVEOPT" */
#define REPLY_MAGIC     0x0003e889045565a9ull
#define FIXED_NEWSTYLE  1u /* as the server's flag and as the client's */
#define NO_ZEROES       2u
#define OPTION_GO       7u
#define INFO_EXPORT     0u
#define INFO_BLOCK_SIZE 3u
#define REPLY_ACK       1u
#define REPLY_INFO      3u
#define REPLY_ERROR     (1u << 31)

struct __attribute__((packed)) greeting {
    uint64_t magic;
    uint64_t option_magic;
    uint16_t flags;
};

struct __attribute__((packed)) option {
    uint64_t magic;
    uint32_t option;
    uint32_t len;
};

struct __attribute__((packed)) option_reply {
    uint64_t magic;
    uint32_t option;
    uint32_t type;
    uint32_t len;
};

/* ---- a conversation with a server that has time */

static bool get(int fd, void *to, size_t len)
{
    ssize_t got = len > 0 ? recv(fd, to, len, MSG_WAITALL) : 0; /* nothing would be waited for */
    if (got >= 0 && (size_t)got < len)
        errno = ECONNRESET;
    return got == (ssize_t)len;
}

static bool put(int fd, const void *from, size_t len)
{
    return send(fd, from, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool fails(const char **why, int error, const char *what)
{
    *why = what;
    errno = error;
    return false;
}

static bool send_go(int fd, const char *name)
{
    struct __attribute__((packed)) {
        struct option option;
        uint32_t name_len;
        char text[sizeof(((struct nbd_uri *)NULL)->export) + 4];
    } go;
    size_t len = strlen(name);
    const uint16_t infos[2] = {htobe16(1), htobe16(INFO_BLOCK_SIZE)};
    memcpy(go.text, name, len);
    memcpy(go.text + len, infos, sizeof(infos));
    go.option = (struct option){htobe64(OPTION_MAGIC), htobe32(OPTION_GO),
                                htobe32((uint32_t)(4 + len + sizeof(infos)))};
    go.name_len = htobe32((uint32_t)len);
    return put(fd, &go, sizeof(go.option) + 4 + len + sizeof(infos));
}

static bool refusal(uint32_t type, const char **why)
{
    switch (type & ~REPLY_ERROR) {
    case 2: return fails(why, EACCES, "use, since the server's policy is against it,");
    case 5: return fails(why, EPROTONOSUPPORT, "use, since the server wants TLS,");
    case 6: return fails(why, ENOENT, "use, since the server has no such export,");
    case 7: return fails(why, ESHUTDOWN, "use, since the server is about to end,");
    default: return fails(why, EPROTONOSUPPORT, "use, since the server refuses it,");
    }
}

static bool take_info(const uint8_t *data, uint32_t len, struct nbd_export *export,
                      const char **why)
{
    uint16_t type;
    uint16_t flags;
    uint32_t sizes[3];
    memcpy(&type, data, sizeof(type));
    if (be16toh(type) == INFO_EXPORT && len == 12) {
        memcpy(&export->bytes, data + 2, 8);
        memcpy(&flags, data + 10, 2);
        export->bytes = be64toh(export->bytes);
        export->flags = be16toh(flags);
    } else if (be16toh(type) == INFO_BLOCK_SIZE && len == 14) {
        memcpy(sizes, data + 2, sizeof(sizes));
        export->preferred = be32toh(sizes[1]);
        if (be32toh(sizes[0]) > SECTOR)
            return fails(why, EINVAL, "use, since the server takes no requests of 512 bytes,");
    }
    return true;
}

static bool agree(int fd, const char *name, struct nbd_export *export, const char **why)
{
    struct greeting greeting;
    struct option_reply reply;
    uint8_t data[MAX_OPTION];
    bool known = false;
    *why = "speak with the server of";
    if (!get(fd, &greeting, sizeof(greeting)))
        return false;
    if (be64toh(greeting.magic) != GREETING || be64toh(greeting.option_magic) != OPTION_MAGIC ||
        !(be16toh(greeting.flags) & FIXED_NEWSTYLE))
        return fails(why, EPROTO, "use, since what answers there is no NBD server of today,");
    uint32_t flags = htobe32(FIXED_NEWSTYLE | (be16toh(greeting.flags) & NO_ZEROES));
    if (!put(fd, &flags, sizeof(flags)) || !send_go(fd, name))
        return false;
    for (;;) {
        if (!get(fd, &reply, sizeof(reply)))
            return false;
        uint32_t type = be32toh(reply.type);
        uint32_t len = be32toh(reply.len);
        if (be64toh(reply.magic) != REPLY_MAGIC || be32toh(reply.option) != OPTION_GO ||
            len > sizeof(data))
            return fails(why, EPROTO, "understand the server of");
        if (!get(fd, data, len))
            return false;
        if (type & REPLY_ERROR)
            return refusal(type, why);
        if (type == REPLY_ACK && !known)
            return fails(why, EPROTO, "learn the size of");
        if (type == REPLY_ACK)
            return true;
        if (type == REPLY_INFO && len >= 2) {
            uint16_t info;
            memcpy(&info, data, sizeof(info));
            known |= be16toh(info) == INFO_EXPORT;
            if (!take_info(data, len, export, why))
                return false;
        }
    }
}

/* ---- connections */

static void set_times(int fd, bool talking)
{
    struct timeval t = {.tv_sec = talking ? TALK_S : 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static int reach_address(const struct addrinfo *a)
{
    static const struct {
        int level, option, value;
    } wanted[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},       {IPPROTO_TCP, TCP_NODELAY, 1},
                  {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_S}, {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_S / 2},
                  {IPPROTO_TCP, TCP_KEEPCNT, 3},       {IPPROTO_TCP, TCP_USER_TIMEOUT, 25000}};
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    for (size_t i = 0; a->ai_family != AF_UNIX && i < sizeof(wanted) / sizeof(wanted[0]); i++)
        setsockopt(fd, wanted[i].level, wanted[i].option, &wanted[i].value, sizeof(int));
    set_times(fd, true);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int saved = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    errno = saved;
    return -1;
}

static int reach(const struct nbd_uri *uri, const char **why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct addrinfo local = {.ai_family = AF_UNIX,
                             .ai_socktype = SOCK_STREAM,
                             .ai_addr = (struct sockaddr *)&un,
                             .ai_addrlen = sizeof(un)};
    struct addrinfo *list = NULL;
    int fd = -1;
    *why = "connect to";
    if (!uri->host[0]) {
        memcpy(un.sun_path, uri->socket, sizeof(un.sun_path));
        return reach_address(&local);
    }
    int status = getaddrinfo(uri->host, uri->port, &hints, &list);
    if (status != 0) {
        *why = "find the host of";
        errno = status == EAI_SYSTEM ? errno : status == EAI_AGAIN ? EAGAIN : EHOSTUNREACH;
        return -1;
    }
    for (const struct addrinfo *a = list; fd < 0 && a; a = a->ai_next)
        fd = reach_address(a);
    int saved = errno;
    freeaddrinfo(list);
    errno = saved;
    return fd;
}

static int connect_once(const struct nbd_uri *uri, struct nbd_answer *answer)
{
    const char *why;
    int fd = reach(uri, &why);
    if (fd >= 0 && !agree(fd, uri->export, &answer->export, &why)) {
        int saved = errno == EAGAIN ? ETIMEDOUT : errno;
        close(fd);
        fd = -1;
        errno = saved;
    }
    answer->error = fd < 0 ? errno : 0;
    if (fd < 0)
        snprintf(answer->why, sizeof(answer->why), "%s", why);
    else
        set_times(fd, false);
    return fd;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Nothing more goes to the server, and what it says is dropped until it closes. */
static void see_to_its_end(int fd)
{
    char bytes[65536];
    uint64_t end = now_ms() + END_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    while (now_ms() < end && poll(&p, 1, (int)(end - now_ms())) > 0) {
        if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0 && errno != EAGAIN)
            break;
    }
    shutdown(fd, SHUT_RDWR); /* who still waits on it is told */
    close(fd);
}

/* ---- the process */

static void take_question(int link, struct nbd_question *question)
{
    if (wire_receive(link, question, sizeof(*question), NULL, NULL) != sizeof(*question))
        _exit(0); /* broker and worker are gone */
}

static void serve(int link, const struct nbd_uri *uri)
{
    struct nbd_question question;
    struct pollfd p = {.fd = link, .events = POLLIN};
    int fd = -1;
    for (;;) {
        struct nbd_answer answer = {0};
        take_question(link, &question);
        see_to_its_end(fd);
        while ((fd = connect_once(uri, &answer)) < 0 && !question.once) {
            if (poll(&p, 1, PAUSE_MS) > 0) /* its successor, or the end */
                take_question(link, &question);
        }
        answer.number = question.number;
        if (!wire_send(link, &answer, sizeof(answer), &fd, fd >= 0))
            _exit(0);
    }
}

int nbd_connector(const struct nbd_uri *uri, pid_t *child)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    pid_t parent = getpid();
    *child = fork();
    if (*child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(0);
        /* The broker's other descriptors are none of its business. */
        if (dup2(ends[1], STDERR_FILENO + 1) < 0 || close_range(STDERR_FILENO + 2, ~0u, 0) != 0)
            _exit(1);
        serve(STDERR_FILENO + 1, uri);
    }
    close(ends[1]);
    if (*child < 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}
