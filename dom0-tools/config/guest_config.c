// SPDX-License-Identifier: GPL-2.0-only
/* Makes a typed configuration of settings: each key by its row in keys.def or its function here.
 * All errors of a file are found in one go, so a mistake in one key does not hide the next.
 */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/guest_config.h"

/* What the functions of the keys share. */
struct maker {
    struct guest_config *config;
    struct config_syntax *syntax;
    struct config_report *report;
};

#define ERROR(m, s, ...) report_error((m)->report, &(s)->place, __VA_ARGS__)

bool number_parse(const char *text, uint64_t most, uint64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return !errno && !*end && *number <= most;
}

bool size_parse(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMGT";
    const char *suffix;
    unsigned shift = 0;
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *bytes = strtoull(text, &end, 10);
    suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
    if (suffix) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        end++;
    }
    if (errno || *end || *bytes > UINT64_MAX >> shift)
        return false;
    *bytes <<= shift;
    return true;
}

/* ---- values of each kind; each reports what is wrong */

static const char *get_text(struct maker *m, const struct config_setting *s)
{
    if (s->value->text)
        return s->value->text;
    ERROR(m, s, "%s is a list here; write one string: %s = \"...\"", s->name, s->name);
    return NULL;
}

static bool get_number(struct maker *m, const struct config_setting *s, uint64_t most, uint64_t *n)
{
    if (s->value->text && number_parse(s->value->text, most, n))
        return true;
    if (s->value->text && number_parse(s->value->text, UINT64_MAX, n))
        ERROR(m, s, "%s = %s is too much; at most %llu", s->name, s->value->text,
              (unsigned long long)most);
    else
        ERROR(m, s, "%s needs a number, as in %s = 1", s->name, s->name);
    return false;
}

static const char *const action_names[] = {
    [ACTION_UNSET] = "",
    [ACTION_DESTROY] = "destroy",
    [ACTION_RESTART] = "restart",
    [ACTION_RENAME_RESTART] = "rename-restart",
    [ACTION_PRESERVE] = "preserve",
    [ACTION_COREDUMP_DESTROY] = "coredump-destroy",
    [ACTION_COREDUMP_RESTART] = "coredump-restart",
    [ACTION_SOFT_RESET] = "soft-reset",
};

const char *action_name(enum guest_action action)
{
    return action_names[action];
}

static void get_action(struct maker *m, const struct config_setting *s, enum guest_action *action)
{
    const char *text = get_text(m, s);

    if (!text)
        return;
    for (unsigned i = ACTION_DESTROY; i <= ACTION_SOFT_RESET; i++)
        if (strcmp(text, action_names[i]) == 0) {
            *action = (enum guest_action)i;
            return;
        }
    ERROR(m, s,
          "%s = \"%s\": there are destroy, restart, rename-restart, preserve, "
          "coredump-destroy, coredump-restart",
          s->name, text);
}

/* ---- rows of keys.def */

enum how {
    HOW_TEXT,
    HOW_NUMBER,
    HOW_COUNT,

    HOW_ACTION,
    HOW_OTHER,
    HOW_HVM,
    HOW_NOTHING,
    HOW_NOT_BUILT
};

static const struct key {
    const char *name;
    enum how how;
    size_t offset;
    const char *remedy;
} keys[] = {
#define KEY_FIELD(name, how, field) {#name, HOW_##how, offsetof(struct guest_config, field), NULL},
#define KEY_OTHER(name)             {#name, HOW_OTHER, 0, NULL},
#define KEY_HVM(name)               {#name, HOW_HVM, 0, NULL},
#define KEY_NOTHING(name)           {#name, HOW_NOTHING, 0, NULL},
#define KEY_NOT_BUILT(name, remedy) {#name, HOW_NOT_BUILT, 0, remedy},
#include "config/keys.def"
};

#define NR_KEYS (sizeof(keys) / sizeof(*keys))

static bool says_nothing(const struct config_value *value)
{
    return value->text ? !*value->text || strcmp(value->text, "0") == 0 : !value->nr_items;
}

static void take_setting(struct maker *m, const struct config_setting *s, const struct key *key)
{
    void *to = (char *)m->config + key->offset;
    const char *text;
    uint64_t n;

    switch (key->how) {
    case HOW_TEXT:
        if ((text = get_text(m, s)))
            *(const char **)to = *text ? text : NULL;
        break;
    case HOW_NUMBER:
        if (get_number(m, s, UINT32_MAX, &n))
            *(uint64_t *)to = n;
        break;
    case HOW_COUNT:
        if (get_number(m, s, UINT16_MAX, &n))
            *(uint32_t *)to = (uint32_t)n;
        break;
    case HOW_ACTION: get_action(m, s, to); break;
    case HOW_OTHER: break;
    case HOW_HVM:
        report_warning(m->report, &s->place, "%s is for HVM guests and has no effect", s->name);
        break;
    case HOW_NOTHING: report_warning(m->report, &s->place, "%s has no effect here", s->name); break;
    case HOW_NOT_BUILT:
        if (!says_nothing(s->value))
            ERROR(m, s, "%s is not supported; %s", s->name, key->remedy);
        break;
    }
}

static void take_settings(struct maker *m)
{
    for (const struct config_setting *s = m->syntax->settings; s; s = s->next) {
        unsigned i = 0;

        while (i < NR_KEYS && strcmp(keys[i].name, s->name) != 0)
            i++;
        if (i < NR_KEYS)
            take_setting(m, s, &keys[i]);
        else
            report_warning(m->report, &s->place, "no key %s is known; is it misspelt?", s->name);
    }
}

/* ---- keys with a function */

/* 8-4-4-4-12 hexadecimal digits. */
static bool parse_uuid(const char *text, uint8_t uuid[UUID_BYTES])
{
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        char digits[3] = {0};

        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return false;
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            return false;
        memcpy(digits, text, 2);
        uuid[i] = (uint8_t)strtoul(digits, NULL, 16);
        text += 2;
    }
    return !*text;
}

static void take_name_and_type(struct maker *m)
{
    static const char wrong[] = "/ \t\n\"'";
    const struct config_setting *s;
    const char *text;

    if ((s = config_find(m->syntax, "type")) && (text = get_text(m, s)) && strcmp(text, "pv") != 0)
        ERROR(m, s, "type = \"%s\": only paravirtualized guests are supported; write type = \"pv\"",
              text);
    if ((s = config_find(m->syntax, "builder")) && (text = get_text(m, s)) &&
        strcmp(text, "generic") != 0 && strcmp(text, "linux") != 0)
        ERROR(m, s,
              "builder = \"%s\": only paravirtualized guests are supported; write "
              "type = \"pv\"",
              text);
    if ((s = config_find(m->syntax, "uuid")) && (text = get_text(m, s))) {
        static const uint8_t nobody[UUID_BYTES];

        m->config->has_uuid =
            parse_uuid(text, m->config->uuid) && memcmp(m->config->uuid, nobody, UUID_BYTES) != 0;
        if (!m->config->has_uuid)
            ERROR(m, s, "'%s' is no UUID; `uuidgen` prints one, and without uuid= one is made",
                  text);
    }
    s = config_find(m->syntax, "name");
    if (s && m->config->name && (strpbrk(m->config->name, wrong) || strlen(m->config->name) > 255))
        ERROR(m, s, "the name has a blank, a quote or a slash in it or is longer than 255 bytes");
    else if (s && m->config->name && !m->config->name[strspn(m->config->name, "0123456789")])
        ERROR(m, s, "the name is a number, so it could be mistaken for a domain's; add a letter");
}

static void take_vcpus(struct maker *m)
{
    const struct config_setting *now = config_find(m->syntax, "vcpus");
    const struct config_setting *most = config_find(m->syntax, "maxvcpus");
    uint64_t n = 1;

    if (now && !get_number(m, now, CONFIG_MAX_VCPUS, &n))
        return;
    m->config->vcpus = m->config->max_vcpus = (unsigned)n;
    if (n == 0)
        ERROR(m, now, "vcpus = 0: a guest has at least one");
    if (!most || !get_number(m, most, CONFIG_MAX_VCPUS, &n))
        return;
    m->config->max_vcpus = (unsigned)n;
    if (n < m->config->vcpus)
        ERROR(m, most, "maxvcpus = %llu is less than vcpus = %u", (unsigned long long)n,
              m->config->vcpus);
}

static void take_memory(struct maker *m)
{
    struct guest_config *c = m->config;
    const struct config_setting *s = config_find(m->syntax, "memory");
    const struct config_setting *most = config_find(m->syntax, "maxmem");

    if (s && s->value->text && strcmp(s->value->text, "0") == 0)
        ERROR(m, s, "memory = 0: a guest needs some; write MiB, as in memory = 256");
    if (!s)
        c->memory_mib = c->maxmem_mib ? c->maxmem_mib : 32; /* as little as with xl */
    if (!c->maxmem_mib)
        c->maxmem_mib = c->memory_mib;
    if (c->maxmem_mib < c->memory_mib)
        ERROR(m, most, "maxmem = %llu is less than memory = %llu",
              (unsigned long long)c->maxmem_mib, (unsigned long long)c->memory_mib);
}

/* cmdline as it is, or root= and extra= joined. */
static void take_cmdline(struct maker *m)
{
    const struct config_setting *whole = config_find(m->syntax, "cmdline");
    const struct config_setting *root = config_find(m->syntax, "root");
    const struct config_setting *extra = config_find(m->syntax, "extra");
    const char *r = root ? get_text(m, root) : NULL, *e = extra ? get_text(m, extra) : NULL;

    if (whole) {
        m->config->cmdline = get_text(m, whole);
        if (r || e)
            report_warning(m->report, &whole->place, "cmdline is used; root and extra are not");
    } else if (r && e) {
        m->config->cmdline = arena_format(&m->syntax->arena, "root=%s %s", r, e);
    } else if (r) {
        m->config->cmdline = arena_format(&m->syntax->arena, "root=%s", r);
    } else {
        m->config->cmdline = e;
    }
    if (!m->config->cmdline)
        m->config->cmdline = "";
}

/* There is one pool, by name or number. */
static void take_pool(struct maker *m)
{
    const struct config_setting *s = config_find(m->syntax, "pool");
    const char *text = s ? get_text(m, s) : NULL;

    if (text && *text && strcmp(text, "Pool-0") != 0 && strcmp(text, "0") != 0)
        ERROR(m, s,
              "pool = \"%s\": there is only Pool-0, with all processors; cpus= says which "
              "of them the guest may use",
              text);
}

static void take_tsc_and_grants(struct maker *m)
{
    /* In the order of libxl's numbers. */
    static const char *const modes[] = {"default", "always_emulate", "native", "native_paravirt"};
    const struct config_setting *s;
    const char *text;
    uint64_t n;

    if ((s = config_find(m->syntax, "max_grant_version")) && get_number(m, s, 2, &n) && n != 1)
        report_warning(m->report, &s->place, "max_grant_version = %llu: guests get version 1",
                       (unsigned long long)n);
    if (!(s = config_find(m->syntax, "tsc_mode")) || !(text = get_text(m, s)))
        return;
    for (n = 0; n < 4 && strcmp(text, modes[n]) != 0; n++)
        ;
    if (n == 4 && !number_parse(text, 3, &n))
        ERROR(m, s, "tsc_mode = \"%s\": there are default, always_emulate, native, native_paravirt",
              text);
    m->config->tsc_mode = (unsigned)n & 3;
}

/* A list of strings, or one string in its place; NULL: it is neither, and that was said. */
static const struct config_value *get_specs(struct maker *m, const char *name, unsigned most)
{
    const struct config_setting *s = config_find(m->syntax, name);
    const struct config_value *item;

    if (!s)
        return NULL;
    if (s->value->text) {
        ERROR(m, s, "%s is a list of strings; write %s = [ '...' ]", name, name);
        return NULL;
    }
    if (s->value->nr_items > most) {
        ERROR(m, s, "%s has %u items; at most %u are supported", name, s->value->nr_items, most);
        return NULL;
    }
    for (item = s->value->items; item; item = item->next)
        if (!item->text) {
            report_error(m->report, &item->place, "%s: an item is a list; write strings", name);
            return NULL;
        }
    return s->value->items;
}

static unsigned count_items(const struct config_value *item)
{
    unsigned n = 0;

    for (; item; item = item->next)
        n++;
    return n;
}

static void take_disks(struct maker *m)
{
    const struct config_value *item = get_specs(m, "disk", CONFIG_MAX_DISKS);
    struct guest_disk *disks = arena_alloc(&m->syntax->arena, count_items(item) * sizeof(*disks));
    unsigned n = 0;

    m->config->disks = disks;
    for (; disks && item; item = item->next, n++) {
        if (!disk_spec_parse(&disks[n], &m->syntax->arena, item->text, &item->place, m->report))
            continue;
        for (unsigned i = 0; i < n; i++)
            if (disks[i].vdev && disks[i].number == disks[n].number)
                report_error(m->report, &item->place, "disk: %s is there already, in line %u",
                             disks[n].vdev, disks[i].place.line);
    }
    m->config->nr_disks = n;
}

static void take_nics(struct maker *m)
{
    const struct config_value *item = get_specs(m, "vif", CONFIG_MAX_NICS);
    struct guest_nic *nics = arena_alloc(&m->syntax->arena, count_items(item) * sizeof(*nics));
    unsigned n = 0;

    m->config->nics = nics;
    for (; nics && item; item = item->next, n++) {
        nics[n].devid = n;
        if (!nic_spec_parse(&nics[n], &m->syntax->arena, item->text, &item->place, m->report))
            continue;
        for (unsigned i = 0; i < n; i++)
            if (nics[i].devid == nics[n].devid)
                report_error(m->report, &item->place, "vif: device %u is there already, in line %u",
                             nics[n].devid, nics[i].place.line);
    }
    m->config->nr_nics = n;
}

/* ---- processors */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static bool read_cpu(const char **at, unsigned *cpu)
{
    char *end;
    unsigned long n;

    if (!isdigit((unsigned char)**at))
        return false;
    n = strtoul(*at, &end, 10);
    if (n >= CONFIG_MAX_CPUS)
        return false;
    *cpu = (unsigned)n;
    *at = end;
    return true;
}

/* "3", "0-3", "^1" or "all" up to the comma. */
static bool read_range(const char **at, struct cpu_mask *mask)
{
    bool without = **at == '^';
    unsigned first = 0, last = CONFIG_MAX_CPUS - 1;

    *at = skip_blanks(*at + without);
    if (strncmp(*at, "all", 3) == 0) {
        *at += 3;
    } else {
        if (!read_cpu(at, &first))
            return false;
        last = first;
        *at = skip_blanks(*at);
        if (**at == '-') {
            *at = skip_blanks(*at + 1);
            if (!read_cpu(at, &last) || last < first)
                return false;
        }
    }
    for (unsigned cpu = first; cpu <= last; cpu++) {
        if (without)
            mask->bits[cpu / 8] &= (uint8_t) ~(1u << cpu % 8);
        else
            mask->bits[cpu / 8] |= (uint8_t)(1u << cpu % 8);
    }
    *at = skip_blanks(*at);
    return true;
}

bool cpu_mask_parse(struct cpu_mask *mask, const char *text, const struct config_place *place,
                    struct config_report *report)
{
    static const uint8_t none[sizeof(mask->bits)];
    const char *at = skip_blanks(text);

    *mask = (struct cpu_mask){.is_set = true};
    for (;;) {
        if (!read_range(&at, mask))
            break;
        if (!*at && memcmp(mask->bits, none, sizeof(none)) == 0) {
            report_error(report, place, "'%s' leaves no CPU to run on", text);
            return false;
        }
        if (!*at)
            return true;
        if (*at++ != ',')
            break;
        at = skip_blanks(at);
    }
    report_error(report, place, "'%s' does not name CPUs below %d; write \"0-3,5,^1\" or \"all\"",
                 text, CONFIG_MAX_CPUS);
    return false;
}

static void take_cpus(struct maker *m)
{
    struct guest_config *c = m->config;
    const struct config_setting *s = config_find(m->syntax, "cpus");
    const struct config_setting *soft = config_find(m->syntax, "cpus_soft");
    const char *text;

    if (soft && (text = get_text(m, soft)))
        cpu_mask_parse(&c->cpus_soft, text, &soft->place, m->report);
    if (!s)
        return;
    if (s->value->text) {
        cpu_mask_parse(&c->cpus, s->value->text, &s->place, m->report);
        return;
    }
    if (s->value->nr_items > CONFIG_MAX_VCPUS) {
        ERROR(m, s, "cpus has %u items; one for each of at most %d vCPUs", s->value->nr_items,
              CONFIG_MAX_VCPUS);
        return;
    }
    c->vcpu_cpus = arena_alloc(&m->syntax->arena, s->value->nr_items * sizeof(*c->vcpu_cpus));
    for (const struct config_value *v = s->value->items; v && c->vcpu_cpus; v = v->next) {
        if (!v->text)
            report_error(m->report, &v->place, "cpus: write a string for each vCPU");
        else
            cpu_mask_parse(&c->vcpu_cpus[c->nr_vcpu_cpus++], v->text, &v->place, m->report);
    }
}

static void check_whole(struct maker *m)
{
    struct config_place whole = {.source = "configuration"};

    if (m->syntax->settings)
        whole.source = m->syntax->settings->place.source;
    if (!m->config->name)
        report_error(m->report, &whole, "no name; add name = \"...\"");
    if (!m->config->kernel)
        report_error(m->report, &whole,
                     "no kernel; add kernel = \"/path/of/vmlinuz\" (in dom0), or PV-GRUB's image");
}

bool guest_config_make(struct guest_config *config, struct config_syntax *syntax,
                       struct config_report *report)
{
    struct maker m = {.config = config, .syntax = syntax, .report = report};

    *config = (struct guest_config){
        .on_poweroff = ACTION_DESTROY,
        .on_reboot = ACTION_RESTART,
        .on_crash = ACTION_DESTROY,
        .on_watchdog = ACTION_DESTROY,
        .on_soft_reset = ACTION_SOFT_RESET,
    };
    take_settings(&m);
    take_name_and_type(&m);
    take_vcpus(&m);
    take_memory(&m);
    take_cmdline(&m);
    take_pool(&m);
    take_tsc_and_grants(&m);
    take_disks(&m);
    take_nics(&m);
    take_cpus(&m);
    check_whole(&m);
    return report->nr_errors == 0;
}
