/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking at domains from outside: debug keys, and the audit of a live system.
 */
#pragma once

/* Registers the keys q (domains), e (ports), g (grants), A (audit), and what vCPUs hold of their
 * domains' frames with the audit.  Once, at boot. */
void inspect_init(void);
