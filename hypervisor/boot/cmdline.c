/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The option table and the few kinds of values that options have; see the header for the syntax.
 *
 * A value that cannot be understood leaves the option as it was and is reported by the boot: a
 * typing error must neither stop the machine nor pass silently.
 */
#include "boot/cmdline.h"

#include "console/log.h"
#include "cpu/nmi.h"
#include "lib/string.h"

#define MAX_WORD             256 /* of the command line; longer ones are cut, and reported as wrong */
#define UART_CLOCK           1843200u /* the PC's 16550 */
#define UART_FACTOR          16u      /* input clock per bit; "/CLOCK" states the rate without it */
#define MAX_BAUD             4000000u
#define WATCHDOG_TIMEOUT_MAX 3600u
#define IRQ_LIMIT            10000u /* per 10 ms, as Xen's: at that rate a CPU does nothing else */

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(value, *words) == 0)
            return true;
    return false;
}

static bool parse_bool(const char *value, bool *out)
{
    static const char *const yes[] = {"yes", "on", "true", "enable", "1", "", NULL};
    static const char *const no[] = {"no", "off", "false", "disable", "0", NULL};

    *out = is_one_of(value, yes);
    return *out || is_one_of(value, no);
}

static bool parse_u32(const char *s, const char **end, uint32_t *out)
{
    uint64_t n = str_to_u64(s, end);

    *out = (uint32_t)n;
    return *end != s && n <= UINT32_MAX;
}

static void *field_of(struct boot_options *o, uint16_t field)
{
    return (uint8_t *)o + field;
}

static bool take_bool(struct boot_options *o, uint16_t field, const char *value)
{
    bool on;

    if (!parse_bool(value, &on))
        return false;
    *(bool *)field_of(o, field) = on;
    return true;
}

static bool take_u32(struct boot_options *o, uint16_t field, const char *value)
{
    uint32_t n;

    if (!parse_u32(value, &value, &n) || *value)
        return false;
    *(uint32_t *)field_of(o, field) = n;
    return true;
}

static bool take_size(struct boot_options *o, uint16_t field, const char *value)
{
    uint64_t n;

    if (!size_parse(value, &value, &n) || *value)
        return false;
    *(uint64_t *)field_of(o, field) = n;
    return true;
}

static bool take_text(struct boot_options *o, uint16_t field, const char *value)
{
    if (*value == 0 || strlen(value) >= OPTION_WORD)
        return false;
    str_copy(field_of(o, field), value, OPTION_WORD);
    return true;
}

static bool take_dom0_mem(struct boot_options *o, uint16_t field, const char *value)
{
    return dom0_mem_parse(&o->dom0_mem, value);
}

/* N, MIN-, -MAX or MIN-MAX. */
static bool take_dom0_vcpus(struct boot_options *o, uint16_t field, const char *value)
{
    uint32_t least = 0, most = 0;
    bool range;

    if (*value != '-' && !parse_u32(value, &value, &least))
        return false;
    range = *value == '-';
    if (range && *++value && !parse_u32(value, &value, &most))
        return false;
    if (*value || (range && most && most < least) || (!range && !least))
        return false;
    o->dom0_vcpus_min = least;
    o->dom0_vcpus_max = range ? most : least;
    return true;
}

/* Cuts the part up to the next comma off *list into part; false at the end or if it is too long. */
static bool next_part(const char **list, char *part)
{
    size_t n = 0;

    if (!*list)
        return false;
    while ((*list)[n] && (*list)[n] != ',') {
        if (n == OPTION_WORD - 1)
            return false;
        part[n] = (*list)[n];
        n++;
    }
    part[n] = 0;
    *list = (*list)[n] ? *list + n + 1 : NULL;
    return true;
}

static bool take_console(struct boot_options *o, uint16_t field, const char *value)
{
    uint32_t set = 0;
    char part[OPTION_WORD];

    while (next_part(&value, part)) {
        if (strcmp(part, "com1") == 0)
            set |= CONSOLE_COM1;
        else if (strcmp(part, "com2") == 0)
            set |= CONSOLE_COM2;
        else if (strcmp(part, "vga") == 0)
            set |= CONSOLE_VGA;
        else if (strcmp(part, "none") != 0)
            return false;
    }
    if (value)
        return false;
    o->console = set;
    return true;
}

static bool parse_baud(struct uart_options *u, const char *part)
{
    uint32_t clock;

    if (strncmp(part, "auto", 4) == 0) {
        u->baud = 0;
        part += 4;
    } else if (!parse_u32(part, &part, &u->baud) || u->baud == 0 || u->baud > MAX_BAUD) {
        return false;
    }
    if (*part == '/') {
        if (!parse_u32(part + 1, &part, &clock) || clock == 0 || clock > MAX_BAUD)
            return false;
        u->clock_hz = clock * UART_FACTOR;
    }
    return *part == 0;
}

static bool parse_frame(struct uart_options *u, const char *part)
{
    char parity = part[0] ? part[1] : 0;

    if (part[0] < '5' || part[0] > '8' || (part[2] != '1' && part[2] != '2') || part[3])
        return false;
    if (parity != 'n' && parity != 'o' && parity != 'e' && parity != 'm' && parity != 's')
        return false;
    u->data_bits = (uint8_t)(part[0] - '0');
    u->parity = parity;
    u->stop_bits = (uint8_t)(part[2] - '0');
    return true;
}

static bool take_com(struct boot_options *o, uint16_t field, const char *value)
{
    struct uart_options *target = field_of(o, field), u = *target;
    char part[OPTION_WORD];
    uint32_t n;

    for (unsigned i = 0; next_part(&value, part); i++) {
        const char *end = part;
        bool ok = true;

        if (*part == 0) /* an empty part keeps its default */
            continue;
        switch (i) {
        case 0: ok = parse_baud(&u, part); break;
        case 1: ok = strlen(part) == 3 && parse_frame(&u, part); break;
        case 2:
            ok = parse_u32(part, &end, &n) && *end == 0 && n <= UINT16_MAX;
            u.io_base = (uint16_t)n;
            break;
        case 3:
            ok = parse_u32(part, &end, &n) && *end == 0 && n <= UINT8_MAX;
            u.irq = (uint8_t)n;
            break;
        default: ok = false;
        }
        if (!ok)
            return false;
    }
    if (value)
        return false;
    u.given = true;
    *target = u;
    return true;
}

/* LEVEL or LEVEL/LEVEL; the second is rate-limited and at least as high as the first. */
static bool take_level(struct boot_options *o, uint16_t field, const char *value)
{
    static const char *const names[] = {"none", "error", "warning", "info", "all", "debug"};
    struct log_options *log = field_of(o, field);
    uint8_t level[2], n = 0;

    for (;;) {
        size_t len = 0, i = 0;

        while (value[len] && value[len] != '/')
            len++;
        while (i < ARRAY_SIZE(names) &&
               (strlen(names[i]) != len || strncmp(value, names[i], len) != 0))
            i++;
        if (i == ARRAY_SIZE(names) || n == 2)
            return false;
        level[n++] = (uint8_t)(i > 4 ? 4 : i); /* debug and all are the same */
        if (value[len] == 0)
            break;
        value += len + 1;
    }
    log->always = level[0];
    log->limited = n == 2 && level[1] > level[0] ? level[1] : level[0];
    return true;
}

static bool take_reboot(struct boot_options *o, uint16_t field, const char *value)
{
    enum reboot_way way = o->reboot;
    bool warm = o->reboot_warm;
    char part[OPTION_WORD];

    while (next_part(&value, part)) /* only the first letter counts, as in Xen */
        switch (part[0]) {
        case 'n':
        case 't':
        case 'k':
        case 'a':
        case 'p':
        case 'P':
        case 'e': way = (enum reboot_way)part[0]; break;
        case 'b': way = REBOOT_KEYBOARD; break; /* through the BIOS: not offered in long mode */
        case 'w': warm = true; break;
        case 'c': warm = false; break;
        default: return false;
        }
    if (value)
        return false;
    o->reboot = way;
    o->reboot_warm = warm;
    return true;
}

/* A yes or no for all, or a list of dom0=, domu= (each with a yes or no) and "default". */
static bool take_per_domain(struct boot_options *o, uint16_t field, const char *value)
{
    enum choice *target = field_of(o, field), dom0 = target[0], domu = target[1];
    char part[OPTION_WORD] = {0};
    bool on;

    while (next_part(&value, part)) {
        if (strcmp(part, "default") == 0) {
            dom0 = domu = CHOICE_AUTO;
        } else if (parse_bool(part, &on)) {
            dom0 = domu = on ? CHOICE_YES : CHOICE_NO;
        } else if (strncmp(part, "dom0", 4) == 0 && parse_bool(part + 4 + (part[4] == '='), &on)) {
            dom0 = on ? CHOICE_YES : CHOICE_NO;
        } else if (strncmp(part, "domu", 4) == 0 && parse_bool(part + 4 + (part[4] == '='), &on)) {
            domu = on ? CHOICE_YES : CHOICE_NO;
        } else {
            return false;
        }
    }
    if (value)
        return false;
    target[0] = dom0;
    target[1] = domu;
    return true;
}

/* Xen's "force" is for processors that it does not know; here every source is tried first. */
static bool take_watchdog(struct boot_options *o, uint16_t field, const char *value)
{
    if (strcmp(value, "force") == 0)
        return o->watchdog = true;
    return parse_bool(value, &o->watchdog);
}

/* Seconds; a beat each second must fit in well.  0 is off, as in Xen. */
static bool take_watchdog_timeout(struct boot_options *o, uint16_t field, const char *value)
{
    uint32_t n;

    if (!parse_u32(value, &value, &n) || *value || n == 1 || n > WATCHDOG_TIMEOUT_MAX)
        return false;
    o->watchdog = n != 0;
    o->watchdog_timeout = n ? n : o->watchdog_timeout;
    return true;
}

/* Sets the field to the number that belongs to a word. */
static bool take_choice(struct boot_options *o, uint16_t field, const char *value,
                        const char *const words[], unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        if (strcmp(words[i], value) == 0) {
            *(uint32_t *)field_of(o, field) = i;
            return true;
        }
    }
    return false;
}

static bool take_nmi(struct boot_options *o, uint16_t field, const char *value)
{
    static const char *const words[] = {
        [NMI_TO_DOM0] = "dom0", [NMI_IGNORE] = "ignore", [NMI_FATAL] = "fatal"};

    return take_choice(o, field, value, words, ARRAY_SIZE(words));
}

static bool take_stamps(struct boot_options *o, uint16_t field, const char *value)
{
    static const char *const words[] = {
        [STAMPS_NONE] = "none", [STAMPS_BOOT] = "boot", [STAMPS_RAW] = "raw"};

    bool on;

    /* The date is not known to the log; Xen too falls back on the time since the start. */
    if (strcmp(value, "date") == 0 || strcmp(value, "datems") == 0)
        value = "boot";
    else if (parse_bool(value, &on))
        value = on ? "boot" : "none";
    return take_choice(o, field, value, words, ARRAY_SIZE(words));
}

static bool take_vga(struct boot_options *o, uint16_t field, const char *value)
{
    char part[OPTION_WORD];

    while (next_part(&value, part)) {
        if (strcmp(part, "keep") == 0)
            o->vga_keep = true;
        else if (strcmp(part, "text-80x25") != 0 && strcmp(part, "current") != 0)
            o->vga_other_mode = true;
    }
    return !value;
}

#define FIELD(name) offsetof(struct boot_options, name)

static const struct boot_option table[] = {
    {"clocksource", "pit|hpet|acpi|tsc", "the best", "what time is taken from", take_text,
     FIELD(clocksource)},
    {"com1", "BAUD|auto[/CLOCK][,DPS[,PORT[,IRQ]]]", "auto,8n1,0x3f8,4", "first serial port",
     take_com, FIELD(com[0])},
    {"com2", "BAUD|auto[/CLOCK][,DPS[,PORT[,IRQ]]]", "auto,8n1,0x2f8,3", "second serial port",
     take_com, FIELD(com[1])},
    {"conring_size", "SIZE", "16K", "size of the log ring that dom0 can read", take_size,
     FIELD(conring_size)},
    {"console", "com1|com2|vga|none,...", "com1,vga", "where the log goes", take_console, 0},
    {"console_timestamps", "none|boot|raw", "none", "time in front of log lines", take_stamps,
     FIELD(console_timestamps)},
    {"cpuidle", "BOOL", "yes", "whether idle CPUs may sleep deeper than HLT", take_bool,
     FIELD(cpuidle)},
    {"dom0_max_vcpus", "N|MIN-MAX", "all CPUs", "number of dom0's virtual CPUs", take_dom0_vcpus,
     0},
    {"dom0_mem", "[min:|max:]SIZE,...", "all but 1/16, at most 128M, of it",
     "dom0's memory; SIZE may be N%, or negative: all but that", take_dom0_mem, 0},
    {"dom0_vcpus_pin", "BOOL", "no", "tie each of dom0's virtual CPUs to one CPU", take_bool,
     FIELD(dom0_vcpus_pin)},
    {"edd", "WORD", "", "accepted, without effect: BIOS disk data is not collected", NULL, 0},
    {"guest_loglvl", "LEVEL[/LEVEL]", "none/warning", "as loglvl, for messages that guests cause",
     take_level, FIELD(guest_log)},
    {"hpet", "BOOL", "yes", "whether to use the HPET", take_bool, FIELD(hpet)},
    {"hypercall_latency", "BOOL", "no", "measure how long hypercalls take, from the start",
     take_bool, FIELD(hypercall_latency)},
    {"irq_ratelimit", "N", "10000",
     "hold a device's interrupt back that comes N times in 10 ms; 0: never", take_u32,
     FIELD(irq_ratelimit)},
    {"loglvl", "LEVEL[/LEVEL]", "warning/info",
     "print none, error, warning, info or all; up to the second level rate-limited", take_level,
     FIELD(log)},
    {"maxcpus", "N", "all", "use only so many CPUs", take_u32, FIELD(maxcpus)},
    {"nmi", "dom0|ignore|fatal", "dom0", "what an NMI from the board does", take_nmi, FIELD(nmi)},
    {"no-real-mode", "", "", "accepted, without effect: real mode is never used", NULL, 0},
    {"noreboot", "BOOL", "no", "after a panic stop, do not reboot", take_bool, FIELD(noreboot)},
    {"nosmp", "BOOL", "no", "use only the boot CPU", take_bool, FIELD(nosmp)},
    {"numa", "BOOL", "yes", "whether the firmware's word on near and far memory is heard",
     take_bool, FIELD(numa)},
    {"placeholder", "", "", "accepted, without effect: GRUB's scripts put it in front", NULL, 0},
    {"pv-l1tf", "BOOL|dom0=BOOL|domu=BOOL|default", "domU, by CPU",
     "refuse page-table entries that L1TF could use", take_per_domain, FIELD(l1tf)},
    {"reboot", "a|k|t|p|P|e|n[,w|c]", "the best",
     "by ACPI, keyboard, triple fault, PCI, power cycle, EFI, or not; warm or cold", take_reboot,
     0},
    {"sched", "NAME", "credit2", "scheduling policy", take_text, FIELD(sched)},
    {"selftest", "hang|hang0|lock|console|nested|ap|nmi", "",
     "for tests only: break in this way, a second after dom0's start", take_text, FIELD(selftest)},
    {"sync_console", "BOOL", "no", "wait for each character of the log to be sent", take_bool,
     FIELD(sync_console)},
    {"tbuf_size", "PAGES", "0", "trace from the start; pages of each CPU's ring", take_u32,
     FIELD(tbuf_size)},
    {"tevt_mask", "MASK", "all", "which classes of events are traced", take_u32, FIELD(tevt_mask)},
    {"vga", "text-80x25|current[,keep]", "text-80x25",
     "the text screen; keep: the log stays on it when dom0 runs", take_vga, 0},
    {"watchdog", "BOOL|force", "no", "stop with a report when a CPU hangs", take_watchdog, 0},
    {"watchdog_timeout", "SECONDS", "5", "how long it may hang; turns the watchdog on",
     take_watchdog_timeout, 0},
    {"x2apic", "BOOL", "yes", "use the x2APIC where there is one", take_bool, FIELD(x2apic)},
    {"xpti", "BOOL|dom0=BOOL|domu=BOOL|default", "by CPU",
     "root page tables for guests that do not map the hypervisor, against Meltdown",
     take_per_domain, FIELD(xpti)},
};

const struct boot_option *cmdline_table(unsigned *nr)
{
    *nr = ARRAY_SIZE(table);
    return table;
}

static const struct boot_option *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(name, table[i].name) == 0)
            return &table[i];
    return NULL;
}

static bool is_bool(const struct boot_option *opt)
{
    return opt &&
           (opt->take == take_bool || opt->take == take_watchdog || opt->take == take_per_domain);
}

static void keep(char list[][OPTION_WORD], unsigned *nr, const char *word)
{
    if (*nr < OPTION_MAX_WRONG)
        str_copy(list[*nr], word, OPTION_WORD);
    ++*nr;
}

static void take_word(struct boot_options *o, char *word)
{
    char *equals = strchr(word, '=');
    const struct boot_option *opt;
    const char *value = equals ? equals + 1 : "";
    bool ok;

    if (equals)
        *equals = 0;
    opt = find(word);
    if (!opt && !equals && strncmp(word, "no-", 3) == 0 && is_bool(find(word + 3))) {
        opt = find(word + 3);
        value = "no";
    }
    /* "name=" says nothing, though "name" means yes. */
    ok = opt && (!opt->take || ((!equals || *value) && opt->take(o, opt->field, value)));
    if (equals)
        *equals = '=';
    if (!opt)
        keep(o->unknown, &o->nr_unknown, word);
    else if (!ok)
        keep(o->wrong, &o->nr_wrong, word);
}

static void set_defaults(struct boot_options *o)
{
    static const struct uart_options port = {
        .clock_hz = UART_CLOCK, .data_bits = 8, .parity = 'n', .stop_bits = 1};

    memset(o, 0, sizeof(*o));
    o->console = CONSOLE_COM1 | CONSOLE_VGA;
    o->com[0] = o->com[1] = port;
    o->com[0].io_base = 0x3f8; /* the PC's fixed ports and lines */
    o->com[0].irq = 4;
    o->com[1].io_base = 0x2f8;
    o->com[1].irq = 3;
    o->log = (struct log_options){.always = 2, .limited = 3};
    o->guest_log = (struct log_options){.always = 0, .limited = 2};
    o->watchdog_timeout = 5; /* Xen's */
    str_copy(o->sched, "credit2", OPTION_WORD);
    o->irq_ratelimit = IRQ_LIMIT;
    o->x2apic = o->numa = o->hpet = o->cpuidle = true;
}

void cmdline_parse(struct boot_options *o, const char *cmdline)
{
    set_defaults(o);
    while (*cmdline) {
        char word[MAX_WORD];
        size_t n = 0, whole = 0;

        while (*cmdline == ' ')
            cmdline++;
        for (; cmdline[whole] && cmdline[whole] != ' '; whole++)
            if (n < sizeof(word) - 1)
                word[n++] = cmdline[whole];
        word[n] = 0;
        cmdline += whole;
        if (strcmp(word, "--") == 0) {
            while (*cmdline == ' ')
                cmdline++;
            o->dom0_extra = cmdline;
            return;
        }
        if (whole != n)
            keep(o->wrong, &o->nr_wrong, word);
        else if (n)
            take_word(o, word);
    }
}
