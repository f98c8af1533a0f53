/* SPDX-License-Identifier: GPL-2.0-only */
/* Prints the hypervisor's boot options from the table that it parses them with: `make options`. */
#include <stdio.h>

#include "boot/cmdline.h"

int main(void)
{
    unsigned nr;
    const struct boot_option *t = cmdline_table(&nr);

    for (unsigned i = 0; i < nr; i++) {
        printf("%s%s%s\n    %s", t[i].name, *t[i].values ? "=" : "", t[i].values, t[i].help);
        if (*t[i].standard)
            printf("; default: %s", t[i].standard);
        printf("\n");
    }
    return 0;
}
