/* SPDX-License-Identifier: GPL-2.0-only */
/* What a network will be, without touching anything: its addresses, who of its cards gets which,
 * and the text that dnsmasq and nft are given.  Pure.
 */
#pragma once

#include <stdio.h>

#include "network/network.h"

#define PLAN_BITS                                                                                  \
    24 /* of a subnet of which nothing is said: 190 fixed and 60 passing addresses                 \
        */
#define PLAN_BITS_MIN  16
#define PLAN_BITS_MAX  29
#define PLAN_HOST_NAME 64 /* with its end: a label of DNS */

struct network_plan {
    struct network_options
        options; /* with subnet, bits and bridge filled in, but for NETWORK_BRIDGE */
    bool kept;
};

struct plan_card {
    uint8_t uuid[16], mac[6];
    uint8_t address[4];
    char host[PLAN_HOST_NAME]; /* "": none */
};

struct plan_prefix {
    uint8_t address[4];
    unsigned bits;
};

/* A letter, then letters, digits and hyphens: it becomes part of an interface's and a table's name.
 */
bool plan_name_ok(const char *name);

/* Lines of "key = value": mode (nat, isolated, bridge), subnet (10.1.2.0/24), bridge; # begins a
 * comment.  `kept` too, which only our own state has.  0; else the number of the first line that is
 * wrong, or -1 for what is wrong as a whole: mode=bridge without a bridge. */
int plan_read(struct network_plan *plan, const char *text);
/* Whether nothing is left to be chosen: what is written by plan_write() for a network that there
 * is. */
bool plan_is_whole(const struct network_plan *plan);
void plan_write(const struct network_plan *plan, FILE *to);
bool plan_parse_bridge(struct network_options *options, const char *text);
bool plan_parse_subnet(struct network_options *options, const char *text);
const char *plan_mode_name(enum network_mode mode);
bool plan_parse_mode(enum network_mode *mode, const char *text);

/* A private subnet of options->bits that meets none of @taken, for a name always the same if it is
 * free; false: there is none.  One that is asked for is only looked at. */
bool plan_subnet(struct network_options *options, const char *name, const struct plan_prefix *taken,
                 unsigned nr);

/* dom0's own address in it: the first. */
void plan_gateway(const struct network_options *options, uint8_t address[4]);
/* Fills card->address: by its MAC address, or the next one that none of @cards has; false: all are
 * used. */
bool plan_address(const struct network_options *options, struct plan_card *card,
                  const struct plan_card *cards, unsigned nr);

/* What DNS takes of a guest's name. */
void plan_host(char host[PLAN_HOST_NAME], const char *name);

#define PLAN_TABLE 24
/* The name of its table of rules. */
void plan_table(const char *name, char table[PLAN_TABLE]);
/* Rules for nft: replaces the network's table in one transaction. */
void plan_rules(const char *name, const struct network_options *options, FILE *to);
/* And those that remove it, whether it is there or not. */
void plan_no_rules(const char *name, FILE *to);
/* dnsmasq's configuration; its files are in @folder. */
void plan_dnsmasq(const struct network_options *options, const char *folder, const char *user,
                  FILE *to);
/* Its file of fixed addresses. */
void plan_hosts(const struct plan_card *cards, unsigned nr, FILE *to);
