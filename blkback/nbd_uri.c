// SPDX-License-Identifier: GPL-2.0-only
/* Names of NBD disks: see nbd_uri.h. */
#include <string.h>

#include "blkback/nbd_uri.h"

#define DEFAULT_PORT "10809" /* IANA's for nbd */
#define MAX_PORT     65535u

static const char tcp[] = "nbd://";
static const char local[] = "nbd+unix://";

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool nbd_uri_is(const char *text)
{
    return begins(text, "nbd://") || begins(text, "nbds://") || begins(text, "nbd+") ||
           begins(text, "nbds+");
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 'a' - 'A';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @len characters of @from, with what is written as %XX; false: too long, or no text. */
static bool decode(char *to, size_t room, const char *from, size_t len)
{
    size_t nr = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)from[i];
        if (c == '%') {
            int high = i + 2 < len ? digit(from[i + 1]) : -1;
            int low = high >= 0 ? digit(from[i + 2]) : -1;
            if (low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        }
        if (c == 0 || nr + 1 >= room)
            return false;
        to[nr++] = (char)c;
    }
    to[nr] = '\0';
    return true;
}

static bool take_port(struct nbd_uri *uri, const char *from, size_t len)
{
    unsigned port = 0;
    for (size_t i = 0; i < len; i++) {
        if (from[i] < '0' || from[i] > '9' || i >= sizeof(uri->port) - 1)
            return false;
        port = port * 10 + (unsigned)(from[i] - '0');
    }
    memcpy(uri->port, from, len);
    uri->port[len] = '\0';
    return port > 0 && port <= MAX_PORT;
}

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT */
static bool take_host(struct nbd_uri *uri, const char *from, size_t len, const char **why)
{
    bool bracket = len > 0 && from[0] == '[';
    const char *stop = memchr(from, bracket ? ']' : ':', len);
    size_t host = stop ? (size_t)(stop - from) : len;
    const char *rest = from + host + (bracket && stop);
    *why = "there is no host; write nbd://HOST/EXPORT";
    if (host <= bracket || (bracket && !stop) || memchr(from, '@', len) ||
        !decode(uri->host, sizeof(uri->host), from + bracket, host - bracket))
        return false;
    *why = "the port is no number up to 65535";
    memcpy(uri->port, DEFAULT_PORT, sizeof(DEFAULT_PORT));
    if (rest == from + len)
        return true;
    return *rest == ':' && take_port(uri, rest + 1, (size_t)(from + len - rest - 1));
}

static bool take_query(struct nbd_uri *uri, const char *query, const char **why)
{
    static const char key[] = "socket=";
    *why = "write nbd+unix:///EXPORT?socket=/PATH";
    if (uri->host[0]) {
        *why = "nothing may be behind the export's name";
        return !query;
    }
    return query && begins(query + 1, key) && query[1 + strlen(key)] == '/' &&
           decode(uri->socket, sizeof(uri->socket), query + 1 + strlen(key),
                  strlen(query + 1 + strlen(key)));
}

bool nbd_uri_parse(struct nbd_uri *uri, const char *text, const char **why)
{
    bool is_local = begins(text, local);
    memset(uri, 0, sizeof(*uri));
    *why = "only nbd:// and nbd+unix:// are known; there is no TLS and no vsock";
    if (!is_local && !begins(text, tcp))
        return false;
    text += is_local ? strlen(local) : strlen(tcp);
    const char *query = strchr(text, '?');
    size_t len = query ? (size_t)(query - text) : strlen(text);
    const char *slash = memchr(text, '/', len);
    size_t host = slash ? (size_t)(slash - text) : len;
    if (is_local && host > 0) {
        *why = "a Unix socket has no host: write nbd+unix:///EXPORT?socket=/PATH";
        return false;
    }
    if (!is_local && !take_host(uri, text, host, why))
        return false;
    const char *name = slash ? slash + 1 : text + len;
    *why = "the export's name is longer than 255 characters, or has a bad %XX";
    if (!decode(uri->export, sizeof(uri->export), name, (size_t)(text + len - name)))
        return false;
    return take_query(uri, query, why);
}
