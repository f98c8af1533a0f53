// SPDX-License-Identifier: GPL-2.0-only
/* What the verbs for devices have in common: see hotplug.h. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/supervise.h"
#include "pavis/clean_up.h"
#include "pavis/hotplug.h"
#include "pavis/json.h"

#define TIMEOUT_MAX_S 3600
#define FORCE_S       1 /* so long --force asks before it takes */

int hot_options(struct session *s, int argc, char **argv, const char *allowed, int least, int most,
                struct hot_options *o)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"timeout", required_argument, NULL, 't'},
                                            {0}};
    uint64_t seconds;
    int option;

    *o = (struct hot_options){.seconds = HOTPLUG_S};
    while ((option = getopt_long(argc, argv, "f", options, NULL)) != -1) {
        if (!strchr(allowed, option))
            return verb_usage(s, "unknown option, or its argument is missing");
        o->json |= option == 'j';
        o->force |= option == 'f';
        if (option == 't' && !number_parse(optarg, TIMEOUT_MAX_S, &seconds))
            return verb_usage(s, "--timeout takes seconds, at most %d", TIMEOUT_MAX_S);
        if (option == 't')
            o->seconds = (unsigned)seconds;
    }
    if (argc - optind < least)
        return verb_usage(s, "something is missing");
    if (argc - optind > most)
        return verb_usage(s, "\"%s\" is too much", argv[optind + most]);
    return 0;
}

int hot_guest(struct session *s, const char *name, struct hot_guest *g)
{
    struct problem why;
    int domid;

    clean_up(s);
    domid = session_domain(s, name);
    if (domid < 0 || !session_store(s))
        return -1;
    if (hot_open(g, s->hypercalls, s->store, (unsigned)domid, &why) != 0) {
        verb_failed(s, &why);
        return -1;
    }
    /* From now on until hot_close() nobody else changes them, so what is half done stays so. */
    if (g->record.fd >= 0 && devices_finish(g) > 0)
        fprintf(stderr, "pavis: removed a half-made device of domain %d\n", domid);
    return 0;
}

/* Several words are one description, with commas between, as xl has it. */
static char *join(char **words, int nr)
{
    char *all = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&all, &size);

    for (int i = 0; out && i < nr; i++)
        fprintf(out, "%s%s", i ? "," : "", words[i]);
    return out && fclose(out) == 0 ? all : NULL;
}

static int print_attached(const struct device_entry *e, bool taken)
{
    json j = json_begin();

    json_object(j, NULL);
    json_number(j, "device", e->number);
    json_string(j, "backend", e->backend);
    json_bool(j, "connected", taken);
    json_close_object(j);
    return json_end(j);
}

int hot_attach(struct session *s, int argc, char **argv, enum device_sort sort)
{
    bool disk = sort == SORT_DISK;
    struct hot_options o;
    struct hot_guest g;
    struct device_entry e;
    struct problem why;
    bool taken = false;
    char *words;
    int status = hot_options(s, argc, argv, "jt", disk ? 2 : 1, 64, &o);

    if (status)
        return status;
    words = join(argv + optind + 1, argc - optind - 1);
    if (!words || hot_guest(s, argv[optind], &g) != 0) {
        free(words);
        return 1;
    }
    status = device_attach(&g, sort, words, o.seconds, &e, &taken, &why);
    free(words);
    hot_close(&g);
    if (status != 0)
        return verb_failed(s, &why);
    if (!taken && o.seconds)
        fprintf(stderr, "pavis %s: the guest has not connected to it yet%s\n", s->verb->name,
                g.paused ? ", since it is paused" : "");
    return o.json ? print_attached(&e, taken) : 0;
}

/* The disk or card that the verb's second argument names; status 1 after having said why not. */
static int find(struct session *s, struct hot_guest *g, enum device_sort sort, const char *name,
                struct device_entry *e)
{
    struct problem why;

    return device_find(g->xs, g->domid, sort, name, e, &why) == 0 ? 0 : verb_failed(s, &why);
}

int hot_detach(struct session *s, int argc, char **argv, enum device_sort sort)
{
    struct hot_options o;
    struct hot_guest g;
    struct device_entry e;
    struct problem why;
    int status = hot_options(s, argc, argv, "ft", 2, 2, &o);

    if (status)
        return status;
    if (hot_guest(s, argv[optind], &g) != 0)
        return 1;
    status = find(s, &g, sort, argv[optind + 1], &e);
    if (status == 0 && device_detach(&g, &e, o.force ? FORCE_S : o.seconds, o.force, &why) != 0)
        status = verb_failed(s, &why);
    hot_close(&g);
    return status;
}

/* ---- listing */

void hot_json_node(json j, struct xs_handle *xs, const struct device_entry *e, const char *node)
{
    char *text = device_read(xs, e, node);

    json_string(j, node, text);
    free(text);
}

static void json_device(json j, struct xs_handle *xs, unsigned domid, const struct device_entry *e,
                        const struct hot_listing *listing)
{
    long state = device_number(xs, e->backend, "state");

    json_object(j, NULL);
    json_number(j, "domid", domid);
    json_number(j, "device", e->number);
    json_string(j, "served_by", e->kind ? e->kind->who : NULL);
    /* 0: there is none, xenbus' own word for unknown. */
    json_number(j, "state", state > 0 ? (uint64_t)state : 0);
    listing->json(j, xs, e);
    json_string(j, "backend", e->backend);
    json_close_object(j);
}

static int list_guest(struct session *s, const char *name, json j,
                      const struct hot_listing *listing)
{
    int domid = session_domain(s, name);
    struct device_entry *list;
    struct problem why;
    int nr;

    if (domid < 0 || !session_store(s))
        return 1;
    nr = devices_list(s->store, (unsigned)domid, listing->sort, &list, &why);
    if (nr < 0)
        return verb_failed(s, &why);
    for (int i = 0; i < nr; i++)
        if (j)
            json_device(j, s->store, (unsigned)domid, &list[i], listing);
        else
            listing->print(s->store, (unsigned)domid, &list[i]);
    free(list);
    return 0;
}

int hot_list(struct session *s, int argc, char **argv, const struct hot_listing *listing)
{
    struct hot_options o;
    int status = hot_options(s, argc, argv, "j", 1, 1000, &o);
    json j = NULL;

    if (status)
        return status;
    if (o.json) {
        j = json_begin();
        json_array(j, NULL);
    } else {
        listing->heading();
    }
    for (int i = optind; i < argc; i++)
        status |= list_guest(s, argv[i], j, listing);
    if (!j)
        return status;
    json_close_array(j);
    return json_end(j) | status;
}
