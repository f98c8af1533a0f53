/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU policies as tools read and write them: XEN_DOMCTL_get/set_cpu_policy,
 * XEN_SYSCTL_get_cpu_policy, get_cpu_featureset.
 *
 * libxl asks for the default, changes bits as the configuration says, and stores the result before
 * the domain first runs.  What is stored is a set of leaves; it is merged into a copy of the
 * domain's policy, checked, clamped to what PV guests may have, and then takes the place of the old
 * one; a refusal changes nothing.
 */
#include "pv/cpu_policy.h"
#include "abi/errno.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "mem/guest_access.h"
#include "mem/heap.h"

/* Leaves of a policy and the policy it is to become, in one scratch area. */
struct scratch {
    struct cpu_policy policy;
    struct xen_cpuid_leaf leaf[CPU_POLICY_MAX_LEAVES];
    struct xen_msr_entry msr[CPU_POLICY_MAX_MSRS];
};
#define SCRATCH_ORDER 1
_Static_assert(sizeof(struct scratch) <= PAGE_SIZE << SCRATCH_ORDER, "scratch area");

/* Room and results of a request, whichever hypercall brought it. */
struct policy_buffers {
    uint64_t leaves, msrs; /* guest addresses; 0: only the number is wanted */
    uint32_t nr_leaves, nr_msrs;
};

static long put_policy(const struct cpu_policy *p, struct policy_buffers *b)
{
    struct scratch *s = hv_alloc_pages(SCRATCH_ORDER);
    uint32_t room_leaves = b->nr_leaves, room_msrs = b->nr_msrs;
    long rc = 0;

    if (!s)
        return guest_error(-ENOMEM, "no memory for it");
    b->nr_leaves =
        b->leaves ? cpu_policy_to_leaves(p, s->leaf, CPU_POLICY_MAX_LEAVES) : CPU_POLICY_MAX_LEAVES;
    b->nr_msrs = b->msrs ? cpu_policy_to_msrs(p, s->msr, CPU_POLICY_MAX_MSRS) : CPU_POLICY_MAX_MSRS;
    if ((b->leaves && room_leaves < b->nr_leaves) || (b->msrs && room_msrs < b->nr_msrs))
        rc = guest_error(-ENOBUFS, "no room for the CPU policy");
    else if ((b->leaves && copy_to_guest(b->leaves, s->leaf, b->nr_leaves * sizeof(s->leaf[0]))) ||
             (b->msrs && copy_to_guest(b->msrs, s->msr, b->nr_msrs * sizeof(s->msr[0]))))
        rc = guest_error(-EFAULT, "the result cannot be written");
    hv_free_pages(s, SCRATCH_ORDER);
    return rc;
}

long domctl_get_cpu_policy(struct domctl_call *c)
{
    struct xen_domctl_cpu_policy *arg = &c->op->u.cpu_policy;
    struct policy_buffers b = {arg->leaves, arg->msrs, arg->nr_leaves, arg->nr_msrs};
    long rc = put_policy(c->d->cpu_policy, &b);

    arg->nr_leaves = b.nr_leaves;
    arg->nr_msrs = b.nr_msrs;
    c->copy_back = rc == 0;
    return rc;
}

static long merge_leaves(struct scratch *s, struct xen_domctl_cpu_policy *arg)
{
    if (copy_from_guest(s->leaf, arg->leaves, arg->nr_leaves * sizeof(s->leaf[0])))
        return guest_error(-EFAULT, "an argument cannot be read");
    for (unsigned i = 0; i < arg->nr_leaves; i++) {
        if (!cpu_policy_from_leaf(&s->policy, &s->leaf[i]))
            continue;
        arg->err_leaf = s->leaf[i].leaf;
        arg->err_subleaf = s->leaf[i].subleaf;
        return guest_error(-ERANGE, "CPUID leaf that policies do not have");
    }
    if (copy_from_guest(s->msr, arg->msrs, arg->nr_msrs * sizeof(s->msr[0])))
        return guest_error(-EFAULT, "an argument cannot be read");
    for (unsigned i = 0; i < arg->nr_msrs; i++) {
        int rc = cpu_policy_from_msr(&s->policy, &s->msr[i]);

        if (!rc)
            continue;
        arg->err_msr = s->msr[i].idx;
        return guest_error(rc, "MSR that policies do not have");
    }
    return 0;
}

static long replace_policy(struct domain *d, struct scratch *s, struct xen_domctl_cpu_policy *arg)
{
    const struct cpu_policy *most = &cpu_policies[CPU_POLICY_PV_MAX];
    long rc;

    s->policy = *d->cpu_policy;
    rc = merge_leaves(s, arg);
    if (!rc)
        rc = cpu_policy_check(&s->policy, most, &arg->err_leaf, &arg->err_subleaf);
    if (rc)
        return guest_error(rc, "the policy offers more than this machine has");
    cpu_policy_clamp(&s->policy, most);
    *d->cpu_policy = s->policy; /* no vCPU of d has run, none is looking */
    return 0;
}

long domctl_set_cpu_policy(struct domctl_call *c)
{
    struct xen_domctl_cpu_policy *arg = &c->op->u.cpu_policy;
    struct scratch *s;
    long rc;

    if (c->d->creation_finished)
        return guest_error(-EEXIST, "the domain has run: its CPU policy is fixed");
    if (arg->nr_leaves > CPU_POLICY_MAX_LEAVES || arg->nr_msrs > CPU_POLICY_MAX_MSRS)
        return guest_error(-E2BIG, "more leaves or MSRs than a policy has");
    s = hv_alloc_pages(SCRATCH_ORDER);
    if (!s)
        return guest_error(-ENOMEM, "no memory for it");
    arg->err_leaf = arg->err_subleaf = arg->err_msr = ~0u;
    rc = replace_policy(c->d, s, arg);
    hv_free_pages(s, SCRATCH_ORDER);
    c->copy_back = true; /* err_* */
    return rc;
}

/* The machine's policy of a sysctl's index; -EOPNOTSUPP for those of HVM guests. */
static long find_policy(uint32_t index, const int8_t *kinds, unsigned nr,
                        const struct cpu_policy **p)
{
    if (index >= nr)
        return guest_error(-EINVAL, "no such CPU policy");
    if (kinds[index] < 0)
        return guest_error(-EOPNOTSUPP, "no HVM guests, no policy for them");
    *p = &cpu_policies[kinds[index]];
    return 0;
}

long sysctl_cpu_policy(struct xen_sysctl *op)
{
    static const int8_t kinds[] = {
        [XEN_SYSCTL_cpu_policy_raw] = CPU_POLICY_RAW,
        [XEN_SYSCTL_cpu_policy_host] = CPU_POLICY_HOST,
        [XEN_SYSCTL_cpu_policy_pv_max] = CPU_POLICY_PV_MAX,
        [XEN_SYSCTL_cpu_policy_hvm_max] = -1,
        [XEN_SYSCTL_cpu_policy_pv_default] = CPU_POLICY_PV_DEFAULT,
        [XEN_SYSCTL_cpu_policy_hvm_default] = -1,
    };
    struct xen_sysctl_cpu_policy *arg = &op->u.cpu_policy;
    struct policy_buffers b = {arg->leaves, arg->msrs, arg->nr_leaves, arg->nr_msrs};
    const struct cpu_policy *p;
    long rc;

    if (arg->_rsvd)
        return guest_error(-EINVAL, "reserved field is not zero");
    rc = find_policy(arg->index, kinds, ARRAY_SIZE(kinds), &p);
    if (!rc)
        rc = put_policy(p, &b);
    arg->nr_leaves = b.nr_leaves;
    arg->nr_msrs = b.nr_msrs;
    return rc;
}

long sysctl_cpu_featureset(struct xen_sysctl *op)
{
    static const int8_t kinds[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = CPU_POLICY_RAW,
        [XEN_SYSCTL_cpu_featureset_host] = CPU_POLICY_HOST,
        [XEN_SYSCTL_cpu_featureset_pv] = CPU_POLICY_PV_DEFAULT,
        [XEN_SYSCTL_cpu_featureset_hvm] = -1,
        [XEN_SYSCTL_cpu_featureset_pv_max] = CPU_POLICY_PV_MAX,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = -1,
    };
    struct xen_sysctl_cpu_featureset *arg = &op->u.cpu_featureset;
    const struct cpu_policy *p;
    uint32_t words[CPU_WORDS];
    long rc;

    if (!arg->features) {
        arg->nr_features = CPU_WORDS;
        return 0;
    }
    rc = find_policy(arg->index, kinds, ARRAY_SIZE(kinds), &p);
    if (rc)
        return rc;
    cpu_policy_get_words(p, words);
    arg->nr_features = min(arg->nr_features, (uint32_t)CPU_WORDS);
    if (copy_to_guest(arg->features, words, arg->nr_features * sizeof(words[0])))
        return guest_error(-EFAULT, "the result cannot be written");
    /* Older tools know fewer words, take what they get and ignore the error. */
    return arg->nr_features < CPU_WORDS
               ? guest_error(-ENOBUFS, "room for fewer feature words than there are")
               : 0;
}
