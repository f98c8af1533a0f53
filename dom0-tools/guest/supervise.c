// SPDX-License-Identifier: GPL-2.0-only
/* Acts on the ends of guests: on_poweroff, on_reboot, on_crash.
 *
 * It keeps nothing in its memory that matters.  Each time something happens it compares the records
 * with the domains that there are, so it can be killed at any moment and started again by the next
 * command.  It sleeps until the store tells of a death or shutdown (@releaseDomain), or until a
 * record changes hands (inotify): a maker that is killed closes its record, and that wakes us too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "abi/sched.h"
#include "config/guest_config.h"
#include "guest/ended.h"
#include "guest/hotplug.h"
#include "guest/identity.h"
#include "guest/nodes.h"
#include "guest/record.h"
#include "guest/supervise.h"
#include "guest/unmake.h"

#define LOCK_FILE  RECORD_FOLDER "/supervisor"
#define MIN_LIFE_S 10   /* who crashes sooner would do it again at once, and for ever */
#define RETRY_MS   5000 /* after something failed that may work later */
#define SOON_MS    100  /* a file that is being closed has its lock for a moment yet */

struct supervisor {
    struct hypercalls *h;
    struct xs_handle *xs;
    bool retry, soon, begun;
};

/* ---- one of it */

int supervisor_lock(bool wait)
{
    int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 && errno == ENOENT) {
        mkdir(RECORD_FOLDER, 0700);
        fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    if (fd >= 0 && flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The child has the lock from its birth on, so that there are never two. */
int supervisor_start(struct problem *why)
{
    int lock = supervisor_lock(false);
    char text[12];
    pid_t child;

    if (lock < 0)
        return 0;
    snprintf(text, sizeof(text), "%d", lock);
    child = fork();
    if (child < 0) {
        close(lock);
        return problem_set(why, errno, NULL, "cannot start the supervisor");
    }
    if (child == 0) {
        if (setsid() < 0 || fork() != 0)
            _exit(0);
        fcntl(lock, F_SETFD, 0);
        execl("/proc/self/exe", "pavis", "supervise", "--lock", text, NULL);
        _exit(1);
    }
    close(lock);
    waitpid(child, NULL, 0);
    return 0;
}

/* ---- making a guest again */

/* By a process of its own, whose failures and memory are its own too.  The record says all. */
static void start_again(const uint8_t uuid[16])
{
    char text[UUID_TEXT];
    int status = -1;
    pid_t child;

    uuid_text(uuid, text);
    child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "pavis", "create", "--quiet", "--again", text, NULL);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    if (status != 0)
        syslog(LOG_ERR, "guest %s could not be made again (status %d)", text, status);
}

/* ---- the end of a guest */

static enum guest_action wanted(const struct guest_config *c, int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return c->on_poweroff;
    case SHUTDOWN_reboot: return c->on_reboot;
    case SHUTDOWN_watchdog: return c->on_watchdog;
    case SHUTDOWN_soft_reset: return ACTION_DESTROY;
    default: return c->on_crash;
    }
}

/* The name becomes free for the next one, as with xl. */
static void rename_guest(struct supervisor *s, unsigned domid, const char *name)
{
    char path[NODE_PATH], new_name[DOMAIN_NAME_MAX + 16];

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    snprintf(new_name, sizeof(new_name), "%s-%u", name, domid);
    if (!xs_write(s->xs, XBT_NULL, path, new_name, (unsigned)strlen(new_name)))
        syslog(LOG_ERR, "cannot rename domain %u: %m", domid);
}

static bool remove_guest(struct supervisor *s, struct record *r, enum record_state state)
{
    struct problem why;

    if (record_set_state(r, state, &why) == 0 &&
        guest_unmake(s->h, s->xs, r->domid, r->uuid, &why) == 0) {
        s->soon = true; /* the wait for its back ends may have taken events of other domains */
        return true;
    }
    syslog(LOG_ERR, "cannot remove domain %u: %s", r->domid, why.cause);
    s->retry = true;
    return false;
}

/* The old one stays as it is, under another name, and nobody looks after it; a new one with the
 * same configuration gets a new uuid. */
static void make_another(struct record *r, const char *text)
{
    char *new_text = NULL, uuid[UUID_TEXT];
    struct record new_record = {.fd = -1};
    uint8_t new_uuid[16];
    struct problem why;

    identity_make(new_uuid);
    uuid_text(new_uuid, uuid);
    if (asprintf(&new_text, "%s\nuuid=\"%s\"\n", text, uuid) < 0 ||
        record_make(&new_record, new_uuid, new_text, &why) != 0 ||
        record_set_state(&new_record, RECORD_AGAIN, &why) != 0)
        syslog(LOG_ERR, "a guest could not be made again");
    free(new_text);
    record_remove(r);
    if (new_record.fd < 0)
        return;
    record_close(&new_record);
    start_again(new_uuid);
}

static void make_again(struct supervisor *s, struct record *r)
{
    if (!remove_guest(s, r, RECORD_AGAIN) || record_set_domain(r, 0, NULL) != 0)
        return;
    record_close(r);
    start_again(r->uuid);
    s->retry = true; /* for the case that its maker was killed */
}

/* Whether the guest has lived for a while: its record was last written when it got its number. */
static bool too_young(const struct record *r)
{
    struct stat st;

    return fstat(r->fd, &st) == 0 && time(NULL) - st.st_mtime < MIN_LIFE_S;
}

static void act(struct supervisor *s, struct record *r, const char *text,
                const struct guest_config *c, int reason)
{
    enum guest_action action = wanted(c, reason);

    syslog(LOG_INFO, "guest %s (domain %u) ended, reason %d: %s", c->name, r->domid, reason,
           action_name(action));
    if (reason != SHUTDOWN_reboot && reason != SHUTDOWN_poweroff && action != ACTION_PRESERVE &&
        action != ACTION_DESTROY && too_young(r)) {
        syslog(LOG_ERR, "guest %s crashed within %d s of its start and is not made again", c->name,
               MIN_LIFE_S);
        action = ACTION_DESTROY;
    }
    switch (action) {
    case ACTION_PRESERVE: record_remove(r); break; /* `pavis destroy` ends it */
    case ACTION_RENAME_RESTART:
        rename_guest(s, r->domid, c->name);
        make_another(r, text);
        break;
    case ACTION_COREDUMP_RESTART:
        syslog(LOG_WARNING, "guest %s: no dump is written; `xl dump-core` can", c->name);
        make_again(s, r);
        break;
    case ACTION_RESTART: make_again(s, r); break;
    case ACTION_COREDUMP_DESTROY:
        syslog(LOG_WARNING, "guest %s: no dump is written; `xl dump-core` can", c->name);
        /* fallthrough */
    default:
        if (remove_guest(s, r, RECORD_MAKING))
            record_remove(r);
    }
}

/* A record whose domain has shut down.  The record is ours or closed afterwards. */
static void guest_ended(struct supervisor *s, struct record *r, int reason)
{
    struct config_syntax syntax = {0};
    struct config_report report = {0};
    struct guest_config config;
    struct problem why;
    char *text = record_text(r, &why);

    if (text && config_parse(&syntax, "record", text, strlen(text), &report) &&
        guest_config_make(&config, &syntax, &report)) {
        ended_note(s->xs, r->domid, config.name);
        act(s, r, text, &config, reason);
    } else {
        syslog(LOG_ERR, "the record of domain %u cannot be read; it is removed", r->domid);
        if (remove_guest(s, r, RECORD_MAKING))
            record_remove(r);
    }
    record_close(r);
    config_syntax_free(&syntax);
    free(text);
}

/* Whether the domain of a record is there; on an error true, so that nothing is removed. */
static bool is_there(struct supervisor *s, const struct record *r, struct domain_info *info)
{
    struct problem why = {0};

    if (domains_get(s->h, r->domid, info, &why) == 0)
        return memcmp(info->handle, r->uuid, sizeof(info->handle)) == 0 && !domain_is_dying(info);
    if (why.error == ESRCH)
        return false;
    *info = (struct domain_info){0};
    s->retry = true;
    return true;
}

/* Whoever changed its devices is done or dead. */
static void finish_devices(struct supervisor *s, struct record *r)
{
    struct hot_guest g = {.xs = s->xs, .domid = r->domid, .record = *r};
    int nr;

    memcpy(g.uuid, r->uuid, sizeof(g.uuid));
    nr = devices_finish(&g);
    *r = g.record;
    if (nr == 0)
        return;
    syslog(LOG_INFO, "removed %d half-made devices of domain %u", nr, r->domid);
    s->retry = true; /* the wait for them may have taken events of other domains */
}

/* False: somebody acts on it. */
static bool look_at(struct supervisor *s, const uint8_t uuid[16])
{
    struct domain_info info;
    struct record r;
    int reason;

    if (record_open(&r, uuid, 0, NULL) != 1)
        return false; /* and we are told when he is done */
    if (r.state == RECORD_AGAIN) {
        make_again(s, &r);
    } else if (r.state == RECORD_MAKING || !is_there(s, &r, &info)) {
        syslog(LOG_INFO, "removing what is left of domain %u", r.domid);
        if (remove_guest(s, &r, RECORD_MAKING))
            record_remove(&r);
    } else {
        reason = domain_shutdown_reason(&info);
        if (reason >= 0 && reason != SHUTDOWN_suspend) /* that is being saved */
            guest_ended(s, &r, reason);
        else if (reason < 0)
            finish_devices(s, &r);
    }
    record_close(&r);
    return true;
}

static bool lives(const uint8_t uuid[16], const struct domain_info *list, int nr)
{
    for (int i = 0; i < nr; i++)
        if (memcmp(list[i].handle, uuid, sizeof(list[i].handle)) == 0)
            return !domain_is_dying(&list[i]) && domain_shutdown_reason(&list[i]) < 0;
    return false;
}

/* Most of the guests run, and their records are not even opened after the first time. */
static void look_at_all(struct supervisor *s)
{
    struct domain_info *list = NULL;
    int nr_domains = domains_list(s->h, &list, NULL);

    if (nr_domains < 0)
        s->retry = true;
    for (unsigned state = RECORD_MAKING; nr_domains >= 0 && state <= RECORD_AGAIN; state++) {
        uint8_t(*uuids)[16];
        int nr = records_list((enum record_state)state, &uuids, NULL);

        for (int i = 0; i < nr; i++)
            if ((state != RECORD_LIVE || !s->begun || !lives(uuids[i], list, nr_domains)) &&
                !look_at(s, uuids[i]))
                /* Who only looks at a record has it for a moment, and we are not told of that. */
                s->retry |= state == RECORD_LIVE;
        free(uuids);
    }
    s->begun |= nr_domains >= 0;
    free(list);
}

/* ---- the loop */

static int watch_records(void)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    records_folders();
    if (fd >= 0 && inotify_add_watch(fd, RECORD_FOLDER "/making", IN_CLOSE_WRITE) >= 0 &&
        inotify_add_watch(fd, RECORD_FOLDER "/guests", IN_CLOSE_WRITE) >= 0 &&
        inotify_add_watch(fd, RECORD_FOLDER "/again", IN_CLOSE_WRITE) >= 0)
        return fd;
    syslog(LOG_ERR, "cannot watch " RECORD_FOLDER ": %m");
    return -1;
}

/* Looks at each record that has changed hands. */
static void read_inotify(struct supervisor *s, int inotify)
{
    char events[4096] __attribute__((aligned(8)));
    ssize_t len;

    while ((len = read(inotify, events, sizeof(events))) > 0)
        for (char *at = events; at < events + len;) {
            const struct inotify_event *e = (const void *)at;
            uint8_t uuid[16];

            if (e->len && uuid_parse(e->name, uuid))
                s->soon |= !look_at(s, uuid);
            else
                s->retry = true; /* the queue was too long for all */
            at += sizeof(*e) + e->len;
        }
}

/* True if a domain has ended; *alive: the connection. */
static bool read_store(struct supervisor *s, bool *alive)
{
    char **event;
    bool any = false;

    while ((event = xs_check_watch(s->xs))) {
        free(event);
        any = true;
    }
    *alive = errno == EAGAIN;
    return any;
}

static void loop(struct supervisor *s, int inotify)
{
    bool all = true, alive = true;

    while (alive) {
        struct pollfd fds[] = {{.fd = xs_fileno(s->xs), .events = POLLIN},
                               {.fd = inotify, .events = POLLIN}};

        s->retry = s->soon = false;
        if (all)
            look_at_all(s);
        read_inotify(s, inotify);
        all = poll(fds, 2, s->soon ? SOON_MS : s->retry ? RETRY_MS : -1) == 0;
        s->begun &= !s->soon;
        all |= read_store(s, &alive);
    }
    syslog(LOG_ERR, "the store is gone");
}

int supervisor_run(int lock, bool verbose)
{
    struct supervisor s = {0};
    struct problem why;
    int inotify;

    (void)lock; /* held until the end of the process */
    openlog("pavis", LOG_PID | (verbose ? LOG_PERROR : 0), LOG_DAEMON);
    s.h = hypercalls_open(&why);
    s.xs = xs_open(0);
    inotify = watch_records();
    if (!s.h || !s.xs || inotify < 0)
        syslog(LOG_ERR, "cannot begin: %s", s.h ? "the store does not answer" : why.cause);
    else if (!xs_watch(s.xs, "@releaseDomain", "end"))
        syslog(LOG_ERR, "cannot watch for the ends of domains: %m");
    else
        loop(&s, inotify);
    if (inotify >= 0)
        close(inotify);
    xs_close(s.xs);
    hypercalls_close(s.h);
    return 1;
}
