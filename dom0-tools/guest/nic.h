// SPDX-License-Identifier: GPL-2.0-only
/* The network interface in dom0 that stands for a guest's card. */
#pragma once

#include "config/guest_config.h"
#include "lib/problem.h"

#define DEFAULT_BRIDGE "xenbr0"

/* The bridge that a card is to be on. */
const char *nic_bridge(const struct guest_nic *nic);

/* Whether it can be had at all: looked at before a guest is made. */
struct device_kind;
int nic_check(const struct guest_nic *nic, const struct device_kind *kind, struct problem *why);

/* A card with network= and without bridge= is in a network of pavis' own: that is made or mended,
 * and device->spec becomes what the card is there.  @guest: its name, or NULL. */
struct nic_device;
int nic_join(struct nic_device *device, const uint8_t uuid[UUID_BYTES], const char *guest,
             struct problem *why);

/* Puts the interface of the kernel's back end, which is there by now, on its bridge and switches it
 * on. */
int nic_plug(const struct guest_nic *nic, unsigned domid, struct problem *why);

/* The card's address: the given one, or one that is always the same for a guest's uuid and @devid,
 * so that the guest's network card stays the same over a restart. */
void nic_address(const struct guest_nic *nic, const uint8_t uuid[UUID_BYTES],
                 uint8_t mac[MAC_BYTES]);
