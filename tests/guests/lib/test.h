/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of a tiny test kernel.  A family is one C file that ends in TESTS(...); each test is a
 * function without arguments that begins with a sentence of what it claims.  On the console:
 *
 *     TEST <name> ok | FAIL <first reason> | skip <reason>
 *     DONE <n> passed <n> failed
 *
 * EXPECT records a failure and goes on, so that a test cleans up after itself; REQUIRE returns.  An
 * exception that no test waits for fails the test and goes on with the next.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/errno.h"
#include "hypercall.h"
#include "mm.h"
#include "trap.h"

struct test {
    const char *name;
    void (*run)(void);
};

extern const struct test tests[];
extern const char *const family;

#define T(name)                                                                                    \
    {                                                                                              \
#name, test_##name                                                                         \
    }
#define TESTS(family_name, ...)                                                                    \
    const char *const family = family_name;                                                        \
    const struct test tests[] = {__VA_ARGS__, {NULL, NULL}}

extern struct start_info *start_info;
extern struct shared_info *shared_info;
extern bool on_pavis; /* extraversion says so: this is not Xen itself */

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
int format(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void test_fail(const char *where, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void test_skip(const char *why);
bool test_failed(void);
bool test_call(void (*run)(void)); /* one test, to its end or test_abort(); false if it failed */
const char *test_reason(void);     /* why */
void test_abort(void) __attribute__((noreturn));
const char *error_name(long value);
bool cmdline_has(const char *word);
/* Pavis recounts all references and finds nothing wrong.  Control domain only; Xen has no audit. */
bool audit_clean(void);
/* May this kernel use XSAVE and what goes with it? */
bool have_xsave(void);
bool hypervisor_told(const char *word); /* is it on the hypervisor's command line? */
void power_off(void) __attribute__((noreturn));

#define TEST_STR_(x) #x
#define TEST_STR(x)  TEST_STR_(x)
#define TEST_WHERE   TEST_STR(__LINE__)

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_fail(TEST_WHERE, "%s", #cond);                                                    \
    } while (0)
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_fail(TEST_WHERE, "%s", #cond);                                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* A call's result, compared with an errno or a number; both are shown by name. */
#define EXPECT_RC(call, wanted)                                                                    \
    do {                                                                                           \
        long rc_ = (long)(call), want_ = (long)(wanted);                                           \
        if (rc_ != want_)                                                                          \
            test_fail(TEST_WHERE, "%s = %ld (%s), not %ld (%s)", #call, rc_, error_name(rc_),      \
                      want_, error_name(want_));                                                   \
    } while (0)
#define REQUIRE_RC(call, wanted)                                                                   \
    do {                                                                                           \
        long rc_ = (long)(call), want_ = (long)(wanted);                                           \
        if (rc_ != want_) {                                                                        \
            test_fail(TEST_WHERE, "%s = %ld (%s), not %ld (%s)", #call, rc_, error_name(rc_),      \
                      want_, error_name(want_));                                                   \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define EXPECT_EQ(a, b)                                                                            \
    do {                                                                                           \
        unsigned long a_ = (unsigned long)(a), b_ = (unsigned long)(b);                            \
        if (a_ != b_)                                                                              \
            test_fail(TEST_WHERE, "%s = %#lx, not %#lx (%s)", #a, a_, b_, #b);                     \
    } while (0)

/* memory and strings (lib.c); the compiler calls the first three as well */
void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
