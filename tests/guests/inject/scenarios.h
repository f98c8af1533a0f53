/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What faults are injected into (tests/guests/inject.c): calls with good arguments that allocate,
 * or that may stop and go on.
 */
#pragma once

#include <stdint.h>

struct scenario {
    const char *name;
    /* From the beginning to the end, or to the first call that is refused: 0, or its error. */
    long (*run)(void);
    /* Back to the beginning, from wherever run() came to. */
    void (*tidy)(void);
    /* What is needed for it, undisturbed; may be null.  tidy() takes it back. */
    void (*prepare)(void);
};

#define DEFINE_SCENARIO(which, prepare_, run_, tidy_)                                              \
    const struct scenario scenario_##which = {                                                     \
        .name = #which, .run = run_, .tidy = tidy_, .prepare = prepare_}

#define SCENARIOS                                                                                  \
    SCENARIO(pins)                                                                                 \
    SCENARIO(updates)                                                                              \
    SCENARIO(links)                                                                                \
    SCENARIO(mmuext)                                                                               \
    SCENARIO(multicall)                                                                            \
    SCENARIO(balloon)                                                                              \
    SCENARIO(exchange)                                                                             \
    SCENARIO(grants)                                                                               \
    SCENARIO(pirqs)                                                                                \
    SCENARIO(console)                                                                              \
    SCENARIO(domain)                                                                               \
    SCENARIO(domain_memory)                                                                        \
    SCENARIO(domain_settings)                                                                      \
    SCENARIO(domain_context)                                                                       \
    SCENARIO(ports)                                                                                \
    SCENARIO(life)

#define SCENARIO(name) extern const struct scenario scenario_##name;
SCENARIOS
#undef SCENARIO

extern unsigned injected; /* enum inject_kind, while run() runs */

/* An INJECT_* command and its numbers. */
long order(unsigned cmd, uint64_t a, uint64_t b);

/* Two of them, which no scenario can take back: a new domain's number, of an unused range. */
long first_of_numbers(unsigned range);
void tidy_numbers(void);

/* Within run(): the first error is the result, and which call it was is remembered. */
extern const char *refused_call;
#define TRY_CALL(call)                                                                             \
    do {                                                                                           \
        long rc_ = (call);                                                                         \
        if (rc_) {                                                                                 \
            if (!refused_call)                                                                     \
                refused_call = #call;                                                              \
            return rc_;                                                                            \
        }                                                                                          \
    } while (0)
