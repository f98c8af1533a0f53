// SPDX-License-Identifier: GPL-2.0-only
/* Networks come, are mended and go: see network.h.
 *
 * Every step may be done again, and each says in the files of state.h what it is about to do before
 * it does it.  So whoever comes after a killed one goes on with whatever there is: raise() makes
 * what is missing, take_down() removes what is there.
 */
#include "network/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/link.h"
#include "network/program.h"
#include "network/state.h"

#define FORWARDING "/proc/sys/net/ipv4/ip_forward"
/* There while forwarding is on because of us. */
#define WE_FORWARD NETWORK_FOLDER "/forwarding"
#define MAX_ROUTES 4096

/* ---- configuration */

/* A person's, of /etc; none is needed. */
static int read_config(const char *name, struct network_plan *plan, struct problem *why)
{
    char path[sizeof(NETWORK_CONFIG) + NETWORK_NAME + 8];
    char *text;
    int line;

    *plan = (struct network_plan){0};
    snprintf(path, sizeof(path), NETWORK_CONFIG "/%s.conf", name);
    text = state_read(path);
    if (!text)
        return errno == ENOENT ? 0 : problem_set(why, errno, NULL, "cannot read %s", path);
    line = plan_read(plan, text);
    free(text);
    plan->kept = false;
    if (line > 0)
        return problem_set(why, EINVAL, "A line is mode=, subnet= or bridge=; see pavis(1)",
                           "%s:%d", path, line);
    if (line < 0)
        return problem_set(why, EINVAL, "Name it with bridge=", "%s: mode=bridge, but no bridge",
                           path);
    return 1;
}

static int check_name(const char *name, struct problem *why)
{
    return plan_name_ok(name)
               ? 0
               : problem_set(why, EINVAL, "It has at most 12 small letters, digits and hyphens",
                             "\"%s\" is no name of a network", name);
}

/* What a network is to be that is not there: what was asked for, or else what is configured. */
static int choose(const char *name, const struct network_options *options, bool by_hand,
                  struct network_plan *plan, struct problem *why)
{
    int found = read_config(name, plan, why);

    if (found < 0)
        return -1;
    if (options)
        plan->options = *options;
    else if (!found && !by_hand && strcmp(name, NETWORK_DEFAULT) != 0)
        return problem_set(why, ENOENT,
                           "Make it with `pavis net-create`, or write " NETWORK_CONFIG "/NAME.conf",
                           "there is no network %s", name);
    return 0;
}

/* ---- its addresses */

struct routes {
    struct plan_prefix *list;
    unsigned nr;
};

static void see_route(void *ctx, const uint8_t prefix[4], unsigned bits, unsigned index)
{
    struct routes *r = ctx;

    (void)index;
    if (r->nr == MAX_ROUTES)
        return;
    memcpy(r->list[r->nr].address, prefix, 4);
    r->list[r->nr++].bits = bits;
}

static int find_subnet(const char *name, struct network_options *options, struct problem *why)
{
    struct routes routes = {.list = calloc(MAX_ROUTES, sizeof(*routes.list))};
    int status = routes.list ? link_each_route(see_route, &routes) : -ENOMEM;

    if (status != 0)
        problem_set(why, -status, NULL, "cannot read dom0's routes");
    else if (!plan_subnet(options, name, routes.list, routes.nr))
        status =
            problem_set(why, EADDRINUSE, "Name a free one with subnet=",
                        "no subnet for the network %s that dom0 has no route to already", name);
    free(routes.list);
    return status ? -1 : 0;
}

/* ---- forwarding */

static int write_forwarding(char digit)
{
    FILE *file = fopen(FORWARDING, "we");
    int status = file && fputc(digit, file) != EOF ? 0 : -1;

    if (file && fclose(file) != 0)
        status = -1;
    return status;
}

static bool forwards(void)
{
    FILE *file = fopen(FORWARDING, "re");
    int digit = file ? fgetc(file) : '0';

    if (file)
        fclose(file);
    return digit == '1';
}

static void nothing(void *ctx, FILE *to)
{
    (void)ctx;
    (void)to;
}

static int start_forwarding(struct problem *why)
{
    if (forwards())
        return 0;
    if (state_write(WE_FORWARD, nothing, NULL, why) != 0)
        return -1;
    return write_forwarding('1') == 0
               ? 0
               : problem_set(why, errno, NULL, "cannot write to " FORWARDING);
}

/* If it is on because of us, and no other network here needs it. */
static void stop_forwarding(const char *but)
{
    char(*names)[NETWORK_NAME];
    int nr;

    if (access(WE_FORWARD, F_OK) != 0)
        return;
    nr = state_names(&names, NULL);
    for (int i = 0; i < nr; i++) {
        struct network_state state;
        bool needs;

        if (strcmp(names[i], but) == 0 || state_load(&state, names[i], NULL) <= 0)
            continue;
        needs = state.plan.options.mode == NETWORK_NAT;
        state_free(&state);
        if (needs) {
            free(names);
            return;
        }
    }
    free(names);
    write_forwarding('0');
    unlink(WE_FORWARD);
}

/* ---- the whole */

static int raise_bridge(const struct network_state *state, struct problem *why)
{
    const struct network_options *o = &state->plan.options;
    uint8_t mac[6] = {0x02, 'p', 'v'}, gateway[4]; /* the first says: nobody's number */
    const struct link_change up = {.up = true, .quiet = true};
    int status;

    plan_gateway(o, gateway);
    memcpy(mac + 3, gateway, 3); /* the same whenever it is made anew: guests remember it */
    status = link_make_bridge(o->bridge, mac);
    if (status == -EEXIST)
        status = 0; /* ours: begin() has looked */
    else
        dnsmasq_stop(
            state->name); /* one that listened on an earlier bridge hears nothing any more */
    if (status == 0)
        status = link_set(o->bridge, &up);
    if (status == 0)
        status = link_add_address(o->bridge, gateway, o->bits);
    return status == 0 ? 0
                       : problem_set(why, -status,
                                     status == -EOPNOTSUPP ? "modprobe bridge"
                                                           : "See `ip link` and `dmesg`",
                                     "cannot make the bridge %s", o->bridge);
}

static int raise_rules(const struct network_state *state, struct problem *why)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    int status;

    if (!to)
        return problem_set(why, errno, NULL, "cannot write rules");
    plan_rules(state->name, &state->plan.options, to);
    fclose(to);
    status = nft_apply(text, why);
    free(text);
    return status;
}

static int raise(const struct network_state *state, struct problem *why)
{
    const struct network_options *o = &state->plan.options;
    struct link_info info;

    if (o->mode == NETWORK_BRIDGE) {
        if (link_look(o->bridge, &info) == 0 && info.is_bridge)
            return 0;
        return problem_set(why, ENODEV, "ip link add NAME type bridge",
                           "the network %s needs the bridge %s", state->name, o->bridge);
    }
    if (raise_bridge(state, why) != 0 || raise_rules(state, why) != 0 ||
        (o->mode == NETWORK_NAT && start_forwarding(why) != 0) || dnsmasq_start(state, why) != 0)
        return problem_in(why, "the network %s", state->name);
    return 0;
}

static void take_down(const struct network_state *state)
{
    char *text = NULL;
    size_t size;
    FILE *to;

    if (state->plan.options.mode != NETWORK_BRIDGE) {
        dnsmasq_stop(state->name);
        to = open_memstream(&text, &size);
        if (to) {
            plan_no_rules(state->name, to);
            fclose(to);
            nft_apply(text, NULL);
            free(text);
        }
        link_remove(state->plan.options.bridge);
        if (state->plan.options.mode == NETWORK_NAT)
            stop_forwarding(state->name);
    }
    state_remove(state->name);
}

/* A network that was not there gets its plan.  From here on it is in the files. */
static int begin(struct network_state *state, const struct network_options *options, bool kept,
                 struct problem *why)
{
    struct network_options *o = &state->plan.options;
    struct link_info info;

    if (choose(state->name, options, kept, &state->plan, why) != 0)
        return -1;
    state->plan.kept = kept;
    if (o->mode == NETWORK_BRIDGE)
        return state_save(state, why);
    if (!o->bridge[0])
        snprintf(o->bridge, sizeof(o->bridge), "pv-%s", state->name);
    if (programs_check(why) != 0)
        return -1;
    if (link_look(o->bridge, &info) == 0)
        return problem_set(why, EEXIST,
                           "Name another with bridge=, or use it as it is with mode=bridge",
                           "the network %s would make the interface %s", state->name, o->bridge);
    return find_subnet(state->name, o, why) == 0 ? state_save(state, why) : -1;
}

/* ---- cards */

static struct plan_card *find_card(const struct network_state *state,
                                   const struct network_user *user)
{
    for (unsigned i = 0; i < state->nr; i++)
        if (memcmp(state->cards[i].mac, user->mac, sizeof(user->mac)) == 0)
            return &state->cards[i];
    return NULL;
}

/* The card in the list: 1 if the list was changed by it. */
static int enter(struct network_state *state, const struct network_user *user,
                 struct plan_card **card, struct problem *why)
{
    struct plan_card new = {0}, *more;

    memcpy(new.uuid, user->uuid, sizeof(new.uuid));
    memcpy(new.mac, user->mac, sizeof(new.mac));
    plan_host(new.host, user->host);
    *card = find_card(state, user);
    if (*card && memcmp((*card)->uuid, new.uuid, sizeof(new.uuid)) != 0)
        return problem_set(why, EEXIST, "Leave mac= out, or give another one",
                           "another guest has a card with this address in the network %s",
                           state->name);
    if (*card) {
        int changed = strcmp((*card)->host, new.host) != 0;

        memcpy(new.address, (*card)->address, sizeof(new.address));
        **card = new;
        return changed;
    }
    if (state->plan.options.mode != NETWORK_BRIDGE &&
        !plan_address(&state->plan.options, &new, state->cards, state->nr))
        return problem_set(why, ENOSPC,
                           "Take a larger subnet=", "all addresses of the network %s are in use",
                           state->name);
    more = realloc(state->cards, (state->nr + 1) * sizeof(new));
    if (!more)
        return problem_set(why, ENOMEM, NULL, "cannot enter a card");
    state->cards = more;
    more[state->nr] = new;
    *card = &more[state->nr++];
    return 1;
}

static void describe(const struct network_state *state, const struct plan_card *card,
                     struct network_card *out)
{
    const struct network_options *o = &state->plan.options;
    uint8_t gateway[4];

    *out = (struct network_card){.bits = o->bits};
    memcpy(out->bridge, o->bridge, sizeof(out->bridge));
    if (o->mode == NETWORK_BRIDGE)
        return;
    plan_gateway(o, gateway);
    snprintf(out->ip, sizeof(out->ip), "%u.%u.%u.%u", card->address[0], card->address[1],
             card->address[2], card->address[3]);
    snprintf(out->gateway, sizeof(out->gateway), "%u.%u.%u.%u", gateway[0], gateway[1], gateway[2],
             gateway[3]);
}

static int ensure(struct network_state *state, const struct network_user *user,
                  struct network_card *out, struct problem *why)
{
    struct plan_card *card;
    int changed = enter(state, user, &card, why);

    if (changed < 0 || (changed && state_save(state, why) != 0) || raise(state, why) != 0)
        return -1;
    describe(state, card, out);
    return 0;
}

int network_ensure(const char *name, const struct network_user *user, struct network_card *card,
                   struct problem *why)
{
    struct network_state state;
    int lock, found, status = -1;

    *card = (struct network_card){0};
    if (check_name(name, why) != 0 || (lock = state_lock(why)) < 0)
        return -1;
    found = state_load(&state, name, why);
    if (found > 0 || (found == 0 && begin(&state, NULL, false, why) == 0)) {
        status = ensure(&state, user, card, why);
        if (status != 0 && found == 0)
            take_down(&state);
    }
    state_free(&state);
    close(lock);
    return status;
}

int network_check(const char *name, struct problem *why)
{
    struct network_state state;
    int lock, found;

    if (check_name(name, why) != 0 || (lock = state_lock(why)) < 0)
        return -1;
    found = state_load(&state, name, why);
    if (found == 0 && choose(name, NULL, false, &state.plan, why) != 0)
        found = -1;
    if (found >= 0 && state.plan.options.mode == NETWORK_BRIDGE)
        found = raise(&state, why); /* only looks */
    else if (found >= 0)
        found = programs_check(why);
    state_free(&state);
    close(lock);
    return found < 0 ? -1 : 0;
}

/* ---- the end */

struct leaving {
    bool (*goes)(void *ctx, const struct plan_card *card);
    void *ctx;
};

/* Takes those out that go.  1: the network is gone with the last of them; 0: it stays. */
static int leave(struct network_state *state, const struct leaving *l, struct problem *why)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < state->nr; i++)
        if (!l->goes(l->ctx, &state->cards[i]))
            state->cards[nr++] = state->cards[i];
    if (nr == 0 && !state->plan.kept) {
        take_down(state);
        return 1;
    }
    if (nr == state->nr)
        return 0;
    state->nr = nr;
    if (state_save(state, why) != 0)
        return -1;
    return dnsmasq_runs(state->name) ? dnsmasq_start(state, why) : 0;
}

static int leave_all(const struct leaving *l, struct problem *why)
{
    char(*names)[NETWORK_NAME];
    int gone = 0, nr, lock;

    if (access(NETWORK_FOLDER, F_OK) != 0) /* what most commands find */
        return 0;
    lock = state_lock(why);
    if (lock < 0)
        return -1;
    nr = state_names(&names, why);
    for (int i = 0; i < nr; i++) {
        struct network_state state;
        int status = state_load(&state, names[i], why);

        if (status > 0)
            status = leave(&state, l, why);
        state_free(&state);
        gone = status < 0 || gone < 0 ? -1 : gone + status;
    }
    free(names);
    close(lock);
    return nr < 0 ? -1 : gone;
}

struct guest_cards {
    const uint8_t *uuid, *mac;
};

static bool is_guests(void *ctx, const struct plan_card *card)
{
    const struct guest_cards *g = ctx;

    return memcmp(card->uuid, g->uuid, sizeof(card->uuid)) == 0 &&
           (!g->mac || memcmp(card->mac, g->mac, sizeof(card->mac)) == 0);
}

int network_release(const uint8_t uuid[16], const uint8_t *mac, struct problem *why)
{
    struct guest_cards g = {uuid, mac};

    return leave_all(&(struct leaving){is_guests, &g}, why) < 0 ? -1 : 0;
}

struct census {
    bool (*lives)(void *ctx, const uint8_t uuid[16]);
    void *ctx;
};

static bool is_dead(void *ctx, const struct plan_card *card)
{
    const struct census *c = ctx;

    return !c->lives(c->ctx, card->uuid);
}

int networks_clean_up(bool (*lives)(void *ctx, const uint8_t uuid[16]), void *ctx,
                      struct problem *why)
{
    struct census c = {lives, ctx};

    return leave_all(&(struct leaving){is_dead, &c}, why);
}

/* ---- by hand */

/* Whether a network that there is has what is asked for; what is not said is as it is. */
static bool fits(const struct network_options *is, const struct network_options *asked)
{
    return is->mode == asked->mode && (!asked->bits || asked->bits == is->bits) &&
           (!asked->subnet[0] || memcmp(asked->subnet, is->subnet, sizeof(is->subnet)) == 0) &&
           (!asked->bridge[0] || strcmp(asked->bridge, is->bridge) == 0);
}

int network_create(const char *name, const struct network_options *options, struct problem *why)
{
    struct network_state state;
    int lock, found, status = -1;

    if (check_name(name, why) != 0 || (lock = state_lock(why)) < 0)
        return -1;
    found = state_load(&state, name, why);
    if (found > 0 && options && !fits(&state.plan.options, options)) {
        problem_set(why, EEXIST, "pavis net-destroy first",
                    "the network %s is there with other settings", name);
    } else if (found > 0) {
        state.plan.kept = true;
        status = state_save(&state, why) == 0 ? raise(&state, why) : -1;
    } else if (found == 0 && begin(&state, options, true, why) == 0) {
        status = raise(&state, why);
        if (status != 0)
            take_down(&state);
    }
    state_free(&state);
    close(lock);
    return status;
}

int network_destroy(const char *name, bool force, struct problem *why)
{
    struct network_state state;
    int lock, status = -1;

    if (check_name(name, why) != 0 || (lock = state_lock(why)) < 0)
        return -1;
    switch (state_load(&state, name, why)) {
    case 0:
        problem_set(why, ENOENT, "`pavis net-list` shows those that there are",
                    "there is no network %s", name);
        break;
    case 1:
        if (state.nr && !force) {
            problem_set(why, EBUSY, "End its guests first, or use --force",
                        "guests have %u card%s in the network %s", state.nr,
                        state.nr == 1 ? "" : "s", name);
            break;
        }
        take_down(&state);
        status = 0;
        break;
    default: break;
    }
    state_free(&state);
    close(lock);
    return status;
}

static void inform(const struct network_state *state, struct network_info *info)
{
    const struct network_options *o = &state->plan.options;
    struct link_info link;
    bool bridge = link_look(o->bridge, &link) == 0 && link.is_bridge;

    *info = (struct network_info){
        .mode = o->mode, .kept = state->plan.kept, .bits = o->bits, .cards = state->nr};
    memcpy(info->name, state->name, sizeof(info->name));
    memcpy(info->bridge, o->bridge, sizeof(info->bridge));
    if (o->bits)
        plan_gateway(o, info->address);
    info->whole = bridge && (o->mode == NETWORK_BRIDGE ||
                             (link.is_up && dnsmasq_runs(state->name) && nft_has(state->name) &&
                              (o->mode != NETWORK_NAT || forwards())));
}

int networks_list(struct network_info **list, struct problem *why)
{
    char(*names)[NETWORK_NAME];
    int nr, lock, known = 0;

    *list = NULL;
    if (access(NETWORK_FOLDER, F_OK) != 0)
        return 0;
    lock = state_lock(why);
    if (lock < 0)
        return -1;
    nr = state_names(&names, why);
    if (nr > 0)
        *list = calloc((size_t)nr, sizeof(**list));
    for (int i = 0; *list && i < nr; i++) {
        struct network_state state;

        if (state_load(&state, names[i], why) > 0)
            inform(&state, &(*list)[known++]);
        state_free(&state);
    }
    free(names);
    close(lock);
    return nr < 0 || (nr > 0 && !*list) ? -1 : known;
}
