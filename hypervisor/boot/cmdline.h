/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot options: one table says their names, kinds, defaults and help; one structure holds their
 * values.  Options are named as Xen's where they mean the same, since people carry their command
 * lines over.  Pure: other parts read struct boot_options, no part parses for itself.
 *
 * Syntax, as Xen's: words separated by spaces; "name=value", or for a yes/no option "name",
 * "no-name" or "name=" with yes/on/true/enable/1 or no/off/false/disable/0.  The last one wins.
 * What follows a word "--" is for dom0's kernel.
 */
#pragma once
#include "cpu/machine.h"
#include "dom0/dom0_mem.h"
#include "lib/types.h"

#define OPTION_WORD      32 /* longest kept text, its NUL included */
#define OPTION_MAX_WRONG 16

/* console=: a set of these. */
#define CONSOLE_COM1 (1u << 0)
#define CONSOLE_COM2 (1u << 1)
#define CONSOLE_VGA  (1u << 2)

/* comN=BAUD[/CLOCK][,[DPS][,[IO-BASE][,IRQ]]]; what is not stated keeps its default. */
struct uart_options {
    bool given;
    uint32_t baud;     /* 0: "auto", leave the rate that the firmware set */
    uint32_t clock_hz; /* of the chip's input */
    uint8_t data_bits; /* 5 to 8 */
    char parity;       /* 'n', 'o', 'e', 'm', 's' as in DPS */
    uint8_t stop_bits; /* 1 or 2 */
    uint16_t io_base;
    uint8_t irq;
};

/* Message levels that are printed: 0 none, 1 errors, 2 warnings, 3 information, 4 all. */
struct log_options {
    uint8_t always;  /* up to this level in any case */
    uint8_t limited; /* up to this one under the rate limit */
};

/* An option whose default is decided at boot. */
enum choice { CHOICE_AUTO, CHOICE_NO, CHOICE_YES };

struct boot_options {
    struct dom0_mem dom0_mem;
    uint32_t dom0_vcpus_min, dom0_vcpus_max; /* 0: not stated */
    bool dom0_vcpus_pin;
    uint32_t console; /* CONSOLE_* */
    bool sync_console;
    uint64_t conring_size;       /* bytes; 0: the smallest */
    uint32_t console_timestamps; /* enum log_stamps */
    struct uart_options com[2];
    struct log_options log, guest_log;
    bool noreboot;
    enum reboot_way reboot;
    bool reboot_warm;
    char sched[OPTION_WORD];
    uint32_t maxcpus;       /* 0: all */
    uint32_t irq_ratelimit; /* of one line within 10 ms; 0: none */
    bool nosmp;
    bool x2apic, numa, hpet, cpuidle;
    char clocksource[OPTION_WORD]; /* "": the best there is */
    enum choice xpti[2], l1tf[2];  /* for dom0, for all others */
    bool watchdog;
    uint32_t watchdog_timeout; /* seconds */
    uint32_t nmi;              /* enum nmi_policy */
    bool vga_keep;             /* the log stays on the screen when dom0 runs */
    bool vga_other_mode;       /* one that we do not set was asked for */
    char selftest[OPTION_WORD];
    bool hypercall_latency;
    uint32_t tbuf_size;     /* pages of each CPU's trace ring; 0: no tracing yet */
    uint32_t tevt_mask;     /* 0: everything */
    const char *dom0_extra; /* behind "--", inside the command line; NULL without */

    /* Words that no option knows, and options with a value that is none: boot warns of them. */
    unsigned nr_unknown, nr_wrong; /* may exceed what is kept */
    char unknown[OPTION_MAX_WRONG][OPTION_WORD];
    char wrong[OPTION_MAX_WRONG][OPTION_WORD];
};

struct boot_option {
    const char *name;
    const char *values;   /* how a value is written, "" for none */
    const char *standard; /* what holds without the option */
    const char *help;
    /* false: not a value.  NULL: the option is known and has no effect here. */
    bool (*take)(struct boot_options *o, uint16_t field, const char *value);
    uint16_t field; /* offset in struct boot_options, for the common kinds of take */
};

/* The table, in alphabetical order, for `make options` and the documentation. */
const struct boot_option *cmdline_table(unsigned *nr);

/* Sets *o to the defaults and then to what cmdline says.  Never fails: see unknown and wrong. */
void cmdline_parse(struct boot_options *o, const char *cmdline);
