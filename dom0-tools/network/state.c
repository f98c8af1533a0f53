// SPDX-License-Identifier: GPL-2.0-only
/* Networks as files: see state.h. */
#include "network/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/domains.h"

#define FILE_LIMIT (1u << 20)

static int failed(struct problem *why, const char *what)
{
    return problem_set(why, errno, "See that root can write to /run", "%s %s", what,
                       NETWORK_FOLDER);
}

int state_lock(struct problem *why)
{
    int fd;

    mkdir(NETWORK_FOLDER, 0755);
    fd = open(NETWORK_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(why, "cannot open");
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            failed(why, "cannot lock");
            close(fd);
            return -1;
        }
    return fd;
}

void state_path(char path[STATE_PATH], const char *name, const char *file)
{
    snprintf(path, STATE_PATH, NETWORK_FOLDER "/%s%s%s", name, *file ? "/" : "", file);
}

char *state_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file ? calloc(1, FILE_LIMIT) : NULL;
    char *less;

    if (text && fread(text, 1, FILE_LIMIT - 1, file) == 0 && ferror(file)) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    less = text ? realloc(text, strlen(text) + 1) : NULL;
    return less ? less : text;
}

int state_write(const char *path, void (*fill)(void *ctx, FILE *to), void *ctx, struct problem *why)
{
    char new[STATE_PATH + 8];
    FILE *file;
    int error;

    snprintf(new, sizeof(new), "%s.new", path);
    file = fopen(new, "we");
    if (!file)
        return failed(why, "cannot write to");
    fchmod(fileno(file), 0644); /* dnsmasq reads some of them, and is not root */
    fill(ctx, file);
    error = ferror(file) ? EIO : 0;
    if (fclose(file) != 0)
        error = errno;
    if (!error && rename(new, path) != 0)
        error = errno;
    errno = error;
    if (error)
        unlink(new);
    return error ? failed(why, "cannot write to") : 0;
}

/* ---- one network */

static bool parse_card(struct plan_card *card, const char *line)
{
    char uuid[UUID_TEXT + 1], host[PLAN_HOST_NAME];
    unsigned m[6], a[4];

    *card = (struct plan_card){0};
    if (sscanf(line, "%36s %2x:%2x:%2x:%2x:%2x:%2x %3u.%3u.%3u.%3u %63s", uuid, &m[0], &m[1], &m[2],
               &m[3], &m[4], &m[5], &a[0], &a[1], &a[2], &a[3], host) != 12 ||
        !uuid_parse(uuid, card->uuid))
        return false;
    for (unsigned i = 0; i < 6; i++)
        card->mac[i] = (uint8_t)m[i];
    for (unsigned i = 0; i < 4; i++)
        card->address[i] = (uint8_t)a[i];
    if (strcmp(host, ".") != 0)
        memcpy(card->host, host, sizeof(card->host));
    return true;
}

static int load_cards(struct network_state *state, char *text)
{
    char *line;

    while ((line = strsep(&text, "\n"))) {
        struct plan_card card, *more;

        if (!parse_card(&card, line))
            continue;
        more = realloc(state->cards, (state->nr + 1) * sizeof(card));
        if (!more)
            return -1;
        state->cards = more;
        more[state->nr++] = card;
    }
    return 0;
}

int state_load(struct network_state *state, const char *name, struct problem *why)
{
    char path[STATE_PATH];
    struct stat st;
    char *text;
    int status = 0;

    *state = (struct network_state){0};
    snprintf(state->name, sizeof(state->name), "%s", name);
    state_path(path, name, "");
    if (stat(path, &st) != 0)
        return errno == ENOENT ? 0 : failed(why, "cannot read");
    state_path(path, name, "network");
    text = state_read(path);
    if (!text || plan_read(&state->plan, text) != 0 || !plan_is_whole(&state->plan)) {
        free(text);
        state->plan = (struct network_plan){0};
        state_remove(name);
        return 0;
    }
    free(text);
    state_path(path, name, "cards");
    text = state_read(path);
    if (text)
        status = load_cards(state, text);
    free(text);
    if (status != 0) {
        state_free(state);
        return problem_set(why, ENOMEM, NULL, "cannot read the cards of the network %s", name);
    }
    return 1;
}

static void fill_plan(void *ctx, FILE *to)
{
    const struct network_state *state = ctx;

    plan_write(&state->plan, to);
}

static void fill_cards(void *ctx, FILE *to)
{
    const struct network_state *state = ctx;
    char uuid[UUID_TEXT];

    for (unsigned i = 0; i < state->nr; i++) {
        const struct plan_card *c = &state->cards[i];

        uuid_text(c->uuid, uuid);
        fprintf(to, "%s %02x:%02x:%02x:%02x:%02x:%02x %u.%u.%u.%u %s\n", uuid, c->mac[0], c->mac[1],
                c->mac[2], c->mac[3], c->mac[4], c->mac[5], c->address[0], c->address[1],
                c->address[2], c->address[3], c->host[0] ? c->host : ".");
    }
}

static void fill_hosts(void *ctx, FILE *to)
{
    const struct network_state *state = ctx;

    plan_hosts(state->cards, state->nr, to);
}

int state_save(const struct network_state *state, struct problem *why)
{
    static const struct {
        const char *file;
        void (*fill)(void *ctx, FILE *to);
    } files[] = {{"network", fill_plan}, {"cards", fill_cards}, {"hosts", fill_hosts}};
    char path[STATE_PATH];

    state_path(path, state->name, "");
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return failed(why, "cannot write to");
    for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++) {
        state_path(path, state->name, files[i].file);
        if (state_write(path, files[i].fill, (void *)state, why) != 0)
            return -1;
    }
    return 0;
}

void state_free(struct network_state *state)
{
    free(state->cards);
    state->cards = NULL;
    state->nr = 0;
}

void state_remove(const char *name)
{
    char path[STATE_PATH];
    const struct dirent *entry;
    DIR *folder;

    state_path(path, name, "");
    folder = opendir(path);
    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "network") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) {
        unlinkat(dirfd(folder), "network", 0); /* the last: see state_load() */
        closedir(folder);
    }
    rmdir(path);
}

int state_names(char (**names)[NETWORK_NAME], struct problem *why)
{
    DIR *folder = opendir(NETWORK_FOLDER);
    const struct dirent *entry;
    int nr = 0;

    *names = NULL;
    if (!folder)
        return errno == ENOENT ? 0 : failed(why, "cannot read");
    while ((entry = readdir(folder))) {
        char(*more)[NETWORK_NAME];

        if (!plan_name_ok(entry->d_name) || entry->d_type == DT_REG)
            continue;
        more = realloc(*names, (size_t)(nr + 1) * NETWORK_NAME);
        if (!more) {
            free(*names);
            *names = NULL;
            nr = problem_set(why, ENOMEM, NULL, "cannot list networks");
            break;
        }
        *names = more;
        memcpy(more[nr++], entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(folder);
    return nr;
}
