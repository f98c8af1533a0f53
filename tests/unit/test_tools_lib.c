/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/lib/problem.c dom0-tools/lib/domains.c dom0-tools/lib/host.c
// LIBS: -Idom0-tools -Ixenbus -D_GNU_SOURCE
/* A failure keeps its cause, remedy and context whatever their length; a domain is found by number,
 * name and uuid, and nothing else is taken for one of these.
 *
 * The hypervisor here is a function that answers getdomaininfolist for domains 0, 3 and 1000 and
 * up, and the store one that knows some names.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/domains.h"

static const unsigned there[] = {0, 3};
#define MANY_FROM 1000u
#define MANY      300u

void *hypercall_alloc(struct hypercalls *h, size_t size)
{
    return calloc(1, size);
}

void hypercall_free(struct hypercalls *h, void *p)
{
    free(p);
}

static bool exists(unsigned domid)
{
    return domid == there[0] || domid == there[1] ||
           (domid >= MANY_FROM && domid < MANY_FROM + MANY);
}

long hypercall(struct hypercalls *h, unsigned op, uint64_t a0, uint64_t a1, uint64_t a2,
               uint64_t a3)
{
    struct xen_sysctl *sysctl = (struct xen_sysctl *)a0;
    struct xen_sysctl_getdomaininfolist *list = &sysctl->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo *to = (struct xen_domctl_getdomaininfo *)list->buffer;

    assert_int_equal(op, __HYPERVISOR_sysctl);
    assert_int_equal(sysctl->interface_version, 0x15);
    assert_int_equal(sysctl->cmd, XEN_SYSCTL_getdomaininfolist);
    list->num_domains = 0;
    for (unsigned id = list->first_domain; id < 2000 && list->num_domains < list->max_domains; id++)
        if (exists(id)) {
            to->domain = (domid_t)id;
            memset(to->handle, (int)id, sizeof(to->handle));
            to->flags = id == 3 ? XEN_DOMINF_shutdown | 3U << XEN_DOMINF_shutdownshift : 0;
            to++;
            list->num_domains++;
        }
    return 0;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    if (strcmp(path, "/local/domain/3/name") == 0)
        return strdup("three");
    if (strcmp(path, "/local/domain/4/name") == 0)
        return strdup("dead");
    return NULL;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    static char names[3][2] = {"0", "4", "3"};
    char **list = calloc(3, sizeof(*list));

    for (int i = 0; i < 3; i++)
        list[i] = names[i];
    *num = 3;
    return list;
}

#define HYPERVISOR ((struct hypercalls *)1)
#define STORE      ((struct xs_handle *)1)

static int find(const char *text)
{
    struct problem why = {0};
    int domid = domains_find(HYPERVISOR, STORE, text, &why);

    if (domid < 0) {
        assert_int_equal(why.error, ESRCH);
        assert_true(why.cause[0] && why.remedy[0]);
    }
    return domid;
}

static void test_find(void **state)
{
    assert_int_equal(find("3"), 3);
    assert_int_equal(find("0"), 0);
    assert_int_equal(find("three"), 3);
    assert_int_equal(find("1299"), 1299);
    assert_int_equal(find("03030303-0303-0303-0303-030303030303"), 3);
    assert_int_equal(find("0303030303030303-0303-030303030303"), -1);
    assert_int_equal(find("dead"), -1); /* the store is behind the times */
    assert_int_equal(find("4"), -1);
    assert_int_equal(find("32752"), -1);
    assert_int_equal(find("99999999999999999999"), -1);
    assert_int_equal(find("3x"), -1);
    assert_int_equal(find("-3"), -1);
    assert_int_equal(find(""), -1);
}

static void test_list(void **state)
{
    struct domain_info *list = NULL;

    assert_int_equal(domains_list(HYPERVISOR, &list, NULL), 2 + MANY);
    assert_int_equal(list[1].domid, 3);
    assert_int_equal(domain_shutdown_reason(&list[1]), 3);
    assert_int_equal(domain_shutdown_reason(&list[0]), -1);
    assert_int_equal(list[1 + MANY].domid, MANY_FROM + MANY - 1);
    free(list);
}

static void test_uuid(void **state)
{
    static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
    uint8_t handle[16];
    char back[UUID_TEXT], upper[] = "00112233-4455-6677-8899-AABBCCDDEEFF";

    assert_true(uuid_parse(text, handle));
    uuid_text(handle, back);
    assert_string_equal(back, text);
    assert_true(uuid_parse(upper, handle));
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char cut[sizeof(text)] = {0};

        memcpy(cut, text, len);
        assert_false(uuid_parse(cut, handle));
        memcpy(cut, text, sizeof(cut));
        cut[len] = 'g';
        assert_false(uuid_parse(cut, handle));
    }
}

static void test_problem(void **state)
{
    struct problem why;
    char long_text[1000];

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = 0;
    assert_int_equal(problem_set(&why, ENOENT, "Make it", "no file %d", 7), -1);
    assert_int_equal(why.error, ENOENT);
    assert_string_equal(why.cause, "no file 7 (No such file or directory)");
    assert_int_equal(problem_in(&why, "guest %s", "a"), -1);
    assert_string_equal(why.cause, "guest a: no file 7 (No such file or directory)");
    assert_string_equal(why.remedy, "Make it");
    assert_int_equal(problem_set(&why, 0, long_text, "%s", long_text), -1);
    assert_true(why.error != 0);
    assert_int_equal(strlen(why.cause), sizeof(why.cause) - 1);
    problem_in(&why, "%s", long_text);
    assert_int_equal(strlen(why.remedy), sizeof(why.remedy) - 1);
    assert_int_equal(problem_set(NULL, ENOENT, NULL, "nobody listens"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
