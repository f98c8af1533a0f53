/* temporary: until helper branches land */
#include "lib/types.h"
#include "lib/errno.h"
#include "domain/domain.h"
#include "domain/pv_hooks.h"
#include "hypercall/handlers.h"
#include "pv/cpu_policy.h"
#include "mem/heap.h"
#include "cpu/insn.h"
long __weak do_console_io(unsigned cmd, unsigned count, uint64_t buffer){return -ENOSYS;}
long __weak do_platform_op(uint64_t a){return -ENOSYS;}
long __weak do_sysctl(uint64_t a){return -ENOSYS;}
long __weak do_xen_version(int c,uint64_t a){return -ENOSYS;}
static struct cpu_policy pol[4];
static void rd(void *c, uint32_t l, uint32_t s, struct cpuid_leaf *o){ struct cpuid_regs r=cpuid(l,s); o->a=r.eax;o->b=r.ebx;o->c=r.ecx;o->d=r.edx;}
void cpu_policy_boot(void);
void __weak cpu_policy_boot(void){ cpu_policy_read(&pol[0],rd,NULL); cpu_policy_host(&pol[1],&pol[0],7); cpu_policy_pv_max(&pol[2],&pol[1]); cpu_policy_pv_default(&pol[3],&pol[2]); }
int __weak pv_domain_init(struct domain *d){ d->cpu_policy=hv_zalloc(sizeof *d->cpu_policy); if(!d->cpu_policy) return -ENOMEM; *d->cpu_policy=pol[3]; return 0;}
void __weak pv_domain_free(struct domain *d){ hv_free(d->cpu_policy);}
struct xen_domctl;
long domctl_get_cpu_policy(void); long domctl_set_cpu_policy(void);
long __weak domctl_get_cpu_policy(void){return -ENOSYS;}
long __weak domctl_set_cpu_policy(void){return -ENOSYS;}
