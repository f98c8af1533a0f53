/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace in words, one line per thing that happened:
 *
 *     d1v0 mmu_update(reqs=0xffff888003c01000, count=1, done=0, dom=0x7ff0) = 0 [12 us]
 *     d1v0 refused (-22): l2 entry maps hypervisor slot [hypervisor/mem/entry.c:120]
 *
 * Names and arguments of calls come from hypercalls.def.  Records may be damaged or strange (a
 * program of dom0 can write to the rings): whatever is not understood prints as numbers.
 */
#include "hypercall/trace_text.h"

#include "debug/trace.h"
#include "hypercall/call_names.h"
#include "lib/format.h"
#include "lib/string.h"

static uint64_t wide(const uint32_t *w)
{
    return w[0] | (uint64_t)w[1] << 32;
}

unsigned trace_call_args(const struct trace_rec *rec, uint64_t args[6], unsigned *present)
{
    unsigned n = 1;

    *present = 0;
    for (unsigned i = 0; i < 6; i++) {
        unsigned kind = rec->word[0] >> (20 + 2 * i) & 3;

        if (!kind || kind == 3 || n + kind > rec->n)
            continue;
        args[i] = kind == 2 ? wide(&rec->word[n]) : rec->word[n];
        n += kind;
        *present |= 1u << i;
    }
    return rec->word[0] & ~TRC_PV_HYPERCALL_V2_ARG_MASK;
}

/* Cuts the next name off *names; *is_address: it had a * in front. */
static int next_name(const char **names, bool *is_address)
{
    int n = 0;

    while (**names == ' ')
        ++*names;
    *is_address = **names == '*';
    *names += *is_address;
    while ((*names)[n] && (*names)[n] != ' ')
        n++;
    return n;
}

static int put_who(char *buf, size_t size, uint32_t who)
{
    if (who == TRACE_NOBODY || who >> 16 == TRACE_IDLE)
        return format_append(buf, size, "%s ", who == TRACE_NOBODY ? "d?v?" : "idle");
    return format_append(buf, size, "d%uv%u ", who >> 16, who & 0xffff);
}

static int put_name(char *buf, size_t size, unsigned nr)
{
    const char *name = hypercall_name(nr);

    return name ? format_append(buf, size, "%s", name) : format_append(buf, size, "call %u", nr);
}

static int put_call(char *buf, size_t size, const struct trace_rec *rec)
{
    uint64_t args[6] = {0};
    unsigned present, nr = trace_call_args(rec, args, &present), nr_args = hypercall_nr_args(nr);
    const char *names = hypercall_arg_names(nr);
    int at = 0;

    if (rec->event == TRC_PV_HYPERCALL_SUBCALL)
        at += format_append(buf + at, size - at, "+ "); /* of a multicall */
    at += put_name(buf + at, size - at, nr);
    for (unsigned i = 0; i < nr_args; i++) {
        bool is_address;
        int n = next_name(&names, &is_address);

        at += format_append(buf + at, size - at, "%s%.*s=", i ? ", " : "(", n, names);
        names += n;
        if (!(present >> i & 1))
            at += format_append(buf + at, size - at, "...");
        else if (is_address || args[i] >= 0x7ff0) /* an address, flags, or a special domain */
            at += format_append(buf + at, size - at, args[i] ? "%#lx" : "%lu", args[i]);
        else
            at += format_append(buf + at, size - at, "%lu", args[i]);
    }
    return at + format_append(buf + at, size - at, nr_args ? ")" : "()");
}

static int put_time(char *buf, size_t size, uint32_t ns)
{
    if (!ns)
        return format_append(buf, size, " [to be continued]");
    if (ns < 10000)
        return format_append(buf, size, " [%u ns]", ns);
    return format_append(buf, size, " [%u us]", ns / 1000);
}

static int put_return(struct trace_decoder *d, const struct trace_rec *r, char *buf, size_t size)
{
    uint64_t args[6];
    unsigned present;
    int at;

    d->who = r->word[1];
    at = put_who(buf, size, d->who);
    if (d->call.event && trace_call_args(&d->call, args, &present) == r->word[0])
        at += put_call(buf + at, size - at, &d->call);
    else
        at += put_name(buf + at, size - at, r->word[0]);
    d->call.event = 0;
    at += format_append(buf + at, size - at, " = %ld", (long)wide(&r->word[2]));
    return at + put_time(buf + at, size - at, r->word[4]);
}

static const char *text_at(const struct trace_decoder *d, uint32_t offset)
{
    const char *s = d->text ? d->text(offset) : NULL;

    return s ? s : "?";
}

static int put_change(struct trace_decoder *d, const struct trace_rec *r, char *buf, size_t size)
{
    static const char *const state[] = {"running", "runnable", "blocked", "offline"};
    int at = put_who(buf, size, r->word[0]);

    if (!(r->event >> 4 & 3))
        d->who = r->word[0];
    return at + format_append(buf + at, size - at, "%s -> %s", state[r->event >> 8 & 3],
                              state[r->event >> 4 & 3]);
}

static int put_other(struct trace_decoder *d, const struct trace_rec *r, char *buf, size_t size)
{
    const uint32_t *w = r->word;
    int at;

    if ((r->event & ~0x330u) == TRC_SCHED_RUNSTATE_CHANGE && r->n == 1)
        return put_change(d, r, buf, size);
    switch (r->event) {
    case TRC_PAVIS_REFUSED:
        at = put_who(buf, size, w[0]);
        return at + format_append(buf + at, size - at, "refused (%d): %s [%s:%u]", (int)w[1],
                                  text_at(d, w[2]), text_at(d, w[3]), w[4]);
    case TRC_PAVIS_CRASH:
        return format_append(buf, size, "d%u crashed: %s", w[0], text_at(d, w[1]));
    case TRC_PAVIS_EVENT:
        at = format_append(buf, size, "event to ");
        at += put_who(buf + at, size - at, w[0]);
        return at + format_append(buf + at, size - at, "port %u", w[1]);
    case TRC_PV_PAGE_FAULT | TRC_64_FLAG:
        at = put_who(buf, size, d->who);
        return at + format_append(buf + at, size - at, "page fault at %#lx, code %#x, rip %#lx",
                                  wide(&w[2]), w[4], wide(&w[0]));
    case TRC_PV_PTWR_EMULATION | TRC_64_FLAG:
        at = put_who(buf, size, d->who);
        return at + format_append(buf + at, size - at, "stored entry %#lx at %#lx, rip %#lx",
                                  wide(&w[0]), wide(&w[2]), wide(&w[4]));
    case TRC_SCHED_SWITCH:
        d->who = TRACE_WHO(w[2], w[3]);
        at = put_who(buf, size, TRACE_WHO(w[0], w[1]));
        at += format_append(buf + at, size - at, "-> ");
        return at + put_who(buf + at, size - at, d->who);
    case TRC_LOST_RECORDS: return format_append(buf, size, "%u records lost", w[0]);
    default: break;
    }
    at = format_append(buf, size, "event %#x:", r->event);
    for (unsigned i = 0; i < r->n; i++)
        at += format_append(buf + at, size - at, " %x", w[i]);
    return at;
}

int trace_text(struct trace_decoder *d, const struct trace_rec *rec, char *buf, size_t size)
{
    int at = 0;

    if (rec->event == TRC_PAVIS_RETURN && rec->n == 5)
        return put_return(d, rec, buf, size);
    if (d->call.event) {
        at += put_who(buf, size, d->who);
        at += put_call(buf + at, size - at, &d->call);
        at += format_append(buf + at, size - at, "\n");
        d->call.event = 0;
    }
    if (rec->event == TRC_PV_HYPERCALL_V2 || rec->event == TRC_PV_HYPERCALL_SUBCALL) {
        d->call = *rec;
        return at ? at - 1 : 0;
    }
    return at + put_other(d, rec, buf + at, size - at);
}
