// SPDX-License-Identifier: GPL-2.0-only
/* pavis top: what domains do, again and again: on the screen, or with -b as lines or JSON. */
#include <curses.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/guest_config.h"
#include "pavis/json.h"
#include "pavis/rates.h"
#include "pavis/rows.h"
#include "pavis/verb.h"

#define DELAY_S       2
#define DELAY_MAX_S   3600
#define PAGES_PER_MIB 256

struct top {
    struct session *session;
    struct hypercalls *h;
    bool batch;
    json j; /* NULL: text */
    unsigned delay;
    uint64_t times; /* 0: until a person ends it */
    enum rates_order order;
    SCREEN *screen;
};

/* The orders that a person can choose: the key, the word of --sort, the order. */
static const struct {
    const char *word;
    int key;
    enum rates_order order;
} orders[] = {{"cpu", 'c', BY_CPU},
              {"memory", 'm', BY_MEMORY},
              {"disk", 'd', BY_DISK},
              {"network", 'n', BY_NETWORK},
              {"name", 'a', BY_NAME}};
#define NR_ORDERS (sizeof(orders) / sizeof(*orders))

/* ---- without a screen */

static void print_json(json j, const struct rates *all, unsigned nr)
{
    json_array(j, NULL);
    for (unsigned i = 0; i < nr; i++) {
        const struct rates *r = &all[i];

        json_object(j, NULL);
        json_number(j, "domid", r->domid);
        json_string(j, "name", r->domain->name);
        json_string(j, "state", state_word(&r->domain->info));
        json_seconds(j, "cpu_seconds", r->domain->info.cpu_ns);
        json_real(j, "cpu_percent", r->cpu);
        json_number(j, "memory_kib", r->domain->info.pages * 4);
        json_real(j, "memory_percent", r->memory);
        json_number(j, "vcpus", r->domain->info.online_vcpus);
        json_real(j, "reads_per_second", r->reads);
        json_real(j, "writes_per_second", r->writes);
        json_real(j, "read_bytes_per_second", r->read_bytes);
        json_real(j, "written_bytes_per_second", r->written_bytes);
        json_real(j, "request_milliseconds", r->wait_ms);
        json_real(j, "throttled_per_second", r->throttled);
        json_real(j, "sent_bytes_per_second", r->sent_bytes);
        json_real(j, "received_bytes_per_second", r->received_bytes);
        json_real(j, "sent_packets_per_second", r->sent_packets);
        json_real(j, "received_packets_per_second", r->received_packets);
        json_close_object(j);
    }
    json_close_array(j);
}

static void print_rows(const struct rates *all, unsigned nr)
{
    char row[RATES_ROW];

    puts(rates_title());
    for (unsigned i = 0; i < nr; i++)
        puts(rates_row(&all[i], row));
    fflush(stdout);
}

/* ---- the screen */

static void draw_head(const struct sample *now)
{
    char text[32];
    time_t t = time(NULL);
    struct tm tm;

    strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&t, &tm));
    mvprintw(0, 0, "pavis top  %s   %u domains, %u CPUs, %llu of %llu MiB free", text,
             now->nr_domains, now->nr_cpus,
             (unsigned long long)now->host.free_pages / PAGES_PER_MIB,
             (unsigned long long)now->host.total_pages / PAGES_PER_MIB);
    mvaddstr(1, 0, "order: c CPU  m memory  d disk  n network  a name;  q ends");
    attron(A_REVERSE);
    mvaddnstr(2, 0, rates_title(), COLS);
    attroff(A_REVERSE);
}

static void draw(const struct sample *now, const struct rates *all, unsigned nr)
{
    char row[RATES_ROW];

    erase();
    draw_head(now);
    for (unsigned i = 0; i < nr && (int)i + 3 < LINES; i++)
        mvaddnstr((int)i + 3, 0, rates_row(&all[i], row), COLS);
    refresh();
}

/* Until it is time for the next, or a key wants one at once: false for the end. */
static bool wait_keys(struct top *t)
{
    int key;

    timeout((int)t->delay * 1000);
    key = getch();
    for (size_t i = 0; i < NR_ORDERS; i++)
        if (key == orders[i].key)
            t->order = orders[i].order;
    return key != 'q' && key != 'Q' && key != 27 && key != 3;
}

static int screen_begin(struct top *t)
{
    struct problem why;

    t->screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? newterm(NULL, stdout, stdin) : NULL;
    if (!t->screen) {
        problem_set(&why, 0, "Use -b for lines, or set TERM to what the terminal is",
                    "there is no terminal that it could draw on");
        return verb_failed(t->session, &why);
    }
    raw(); /* ^C is a key: the terminal is left as it was */
    noecho();
    curs_set(0);
    keypad(stdscr, true);
    return 0;
}

/* ---- the loop */

/* One round; false with *status: it is over. */
static bool show(struct top *t, struct sample *before, int *status)
{
    struct problem why;
    struct sample now;
    struct rates *all;

    *status = 1;
    if (sample_take(&now, t->h, t->session->store, &why) != 0) {
        if (t->screen)
            endwin();
        verb_failed(t->session, &why);
        return false;
    }
    all = rates_between(before, &now, t->order);
    if (all && t->screen)
        draw(&now, all, now.nr_domains);
    else if (all && t->j)
        print_json(t->j, all, now.nr_domains);
    else if (all)
        print_rows(all, now.nr_domains);
    sample_free(before);
    *before = now;
    *status = all ? 0 : 1;
    free(all);
    return *status == 0;
}

static int run(struct top *t)
{
    struct sample before;
    struct problem why;
    int status = 0;

    if (sample_take(&before, t->h, t->session->store, &why) != 0)
        return verb_failed(t->session, &why);
    if (!t->batch && screen_begin(t) != 0) {
        sample_free(&before);
        return 1;
    }
    if (t->screen)
        usleep(200000); /* so that the first screen has something to say, and soon */
    for (uint64_t i = 0; !t->times || i < t->times; i++) {
        if (t->batch)
            sleep(t->delay);
        if (!show(t, &before, &status) || (t->screen && !wait_keys(t)))
            break;
    }
    if (t->screen) {
        endwin();
        delscreen(t->screen);
    }
    sample_free(&before);
    return status;
}

static bool read_order(const char *word, enum rates_order *order)
{
    for (size_t i = 0; i < NR_ORDERS; i++)
        if (strcmp(word, orders[i].word) == 0) {
            *order = orders[i].order;
            return true;
        }
    return false;
}

int verb_top(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"batch", no_argument, NULL, 'b'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"iterations", required_argument, NULL, 'n'},
                                            {"delay", required_argument, NULL, 'd'},
                                            {"sort", required_argument, NULL, 's'},
                                            {0}};
    struct top t = {.session = s, .delay = DELAY_S};
    uint64_t number;
    int option, status;
    bool as_json = false;

    while ((option = getopt_long(argc, argv, "bn:d:", options, NULL)) != -1) {
        switch (option) {
        case 'b': t.batch = true; break;
        case 'j': as_json = t.batch = true; break;
        case 'n':
            if (!number_parse(optarg, UINT32_MAX, &t.times) || !t.times)
                return verb_usage(s, "-n takes a number");
            break;
        case 'd':
            if (!number_parse(optarg, DELAY_MAX_S, &number) || !number)
                return verb_usage(s, "-d takes seconds, at most %d", DELAY_MAX_S);
            t.delay = (unsigned)number;
            break;
        case 's':
            if (!read_order(optarg, &t.order))
                return verb_usage(s, "--sort takes cpu, memory, disk, network or name");
            break;
        default: return verb_usage(s, "unknown option, or its argument is missing");
        }
    }
    if (optind != argc)
        return verb_usage(s, "it takes no domain");
    t.h = session_hypercalls(s);
    if (!t.h)
        return 1;
    s->store = xs_open(0); /* without it there are no names */
    if (!as_json)
        return run(&t);
    t.times = t.times ? t.times : 1; /* an array has an end */
    t.j = json_begin();
    json_array(t.j, NULL);
    status = run(&t);
    json_close_array(t.j);
    return json_end(t.j) | status;
}
