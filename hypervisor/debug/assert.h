/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How code says "this cannot be" and "this you may not".
 *
 *   BUG_ON(x), BUG()   we are inconsistent: stop the machine.  Wrong on anything a guest controls.
 *   ASSERT(x)          the same, in debug builds only: for checks that cost on a hot path.  Never
 *                      a substitute for handling an error.
 *   panic("...")       stop the machine with a sentence.
 *   guest_error(e, s)  the value e (a negative errno), with the reason why the guest is refused.
 *                      The reason is kept per CPU and shown at guest debug level, rate-limited.
 */
#pragma once

#include "lib/types.h"

__noreturn void panic(const char *fmt, ...) __printf(1, 2);
__noreturn void bug(const char *file, int line, const char *what);

#define BUG() bug(__FILE__, __LINE__, "reached")
#define BUG_ON(x)                                                                                  \
    do {                                                                                           \
        if (unlikely(x))                                                                           \
            bug(__FILE__, __LINE__, #x);                                                           \
    } while (0)

#ifdef PAVIS_NO_ASSERT
#define ASSERT(x) ((void)sizeof(x))
#else
#define ASSERT(x)                                                                                  \
    do {                                                                                           \
        if (unlikely(!(x)))                                                                        \
            bug(__FILE__, __LINE__, "!(" #x ")");                                                  \
    } while (0)
#endif

/* The last refusal on a CPU, for traces and for tests that want the reason. */
struct refusal {
    int64_t error;
    const char *why;
    const char *file;
    int line;
};

/* Records (and perhaps prints) the refusal, returns `error`. */
int64_t guest_refused(int64_t error, const char *why, const char *file, int line);

/* This CPU's last one; .why is NULL when there was none. */
const struct refusal *last_refusal(void);

/* How many refusals there were in calls of that number, on all CPUs; and from 0 again. */
uint64_t refusals_of_call(unsigned nr);
void refusals_reset(void);

/* The value goes past the call, so that compilers and analyzers see that it is what was given. */
#define guest_error(error, why)                                                                    \
    ({                                                                                             \
        const int64_t ge_error = (error);                                                          \
        guest_refused(ge_error, (why), __FILE__, __LINE__);                                        \
        ge_error;                                                                                  \
    })
