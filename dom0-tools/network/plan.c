// SPDX-License-Identifier: GPL-2.0-only
/* Addresses and texts of a network: see plan.h. */
#include "network/plan.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backend/link.h"

#define MAX_LINE 128

static const char *const modes[] = {"nat", "isolated", "bridge"};

/* ---- names and configuration */

bool plan_name_ok(const char *name)
{
    if (*name < 'a' || *name > 'z' || strlen(name) >= NETWORK_NAME)
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == 0;
}

const char *plan_mode_name(enum network_mode mode)
{
    return modes[mode];
}

bool plan_parse_mode(enum network_mode *mode, const char *text)
{
    for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++)
        if (strcmp(text, modes[i]) == 0) {
            *mode = (enum network_mode)i;
            return true;
        }
    return false;
}

static uint32_t number_of(const uint8_t address[4])
{
    return (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 | (uint32_t)address[2] << 8 |
           address[3];
}

static void address_of(uint8_t address[4], uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        address[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t mask_of(unsigned bits)
{
    return bits ? UINT32_MAX << (32 - bits) : 0;
}

bool plan_parse_subnet(struct network_options *options, const char *text)
{
    char copy[20], *slash, *end;
    unsigned long bits = PLAN_BITS;

    if (strlen(text) >= sizeof(copy))
        return false;
    memcpy(copy, text, strlen(text) + 1);
    slash = strchr(copy, '/');
    if (slash) {
        *slash++ = 0;
        bits = strtoul(slash, &end, 10);
        if (!isdigit((unsigned char)*slash) || *end)
            return false;
    }
    if (bits < PLAN_BITS_MIN || bits > PLAN_BITS_MAX ||
        inet_pton(AF_INET, copy, options->subnet) != 1 ||
        number_of(options->subnet) & ~mask_of((unsigned)bits) || !options->subnet[0])
        return false;
    options->bits = (unsigned)bits;
    return true;
}

bool plan_parse_bridge(struct network_options *options, const char *text)
{
    if (!link_name_ok(text) || strpbrk(text, "\"\\")) /* it is put between quotes for nft */
        return false;
    snprintf(options->bridge, sizeof(options->bridge), "%s", text);
    return true;
}

static bool set(struct network_plan *plan, const char *key, const char *value)
{
    if (strcmp(key, "mode") == 0)
        return plan_parse_mode(&plan->options.mode, value);
    if (strcmp(key, "subnet") == 0)
        return plan_parse_subnet(&plan->options, value);
    if (strcmp(key, "bridge") == 0)
        return plan_parse_bridge(&plan->options, value);
    if (strcmp(key, "kept") == 0) {
        plan->kept = strcmp(value, "yes") == 0;
        return true;
    }
    return false;
}

static char *trim(char *text)
{
    char *end;

    text += strspn(text, " \t\r");
    end = text + strlen(text);
    while (end > text && strchr(" \t\r", end[-1]))
        end--;
    *end = 0;
    return text;
}

int plan_read(struct network_plan *plan, const char *text)
{
    *plan = (struct network_plan){0};
    for (int line = 1; *text; line++) {
        size_t len = strcspn(text, "\n");
        char copy[MAX_LINE], *value;

        if (len >= sizeof(copy))
            return line;
        memcpy(copy, text, len);
        copy[len] = 0;
        copy[strcspn(copy, "#")] = 0;
        text += len + (text[len] == '\n');
        if (!*trim(copy))
            continue;
        value = strchr(copy, '=');
        if (!value)
            return line;
        *value++ = 0;
        if (!set(plan, trim(copy), trim(value)))
            return line;
    }
    return plan->options.mode == NETWORK_BRIDGE && !plan->options.bridge[0] ? -1 : 0;
}

bool plan_is_whole(const struct network_plan *plan)
{
    return plan->options.bridge[0] && (plan->options.mode == NETWORK_BRIDGE || plan->options.bits);
}

void plan_write(const struct network_plan *plan, FILE *to)
{
    const struct network_options *o = &plan->options;

    fprintf(to, "mode = %s\nbridge = %s\nkept = %s\n", plan_mode_name(o->mode), o->bridge,
            plan->kept ? "yes" : "no");
    if (o->bits)
        fprintf(to, "subnet = %u.%u.%u.%u/%u\n", o->subnet[0], o->subnet[1], o->subnet[2],
                o->subnet[3], o->bits);
}

/* ---- addresses */

static uint32_t hash(const void *data, size_t n)
{
    const uint8_t *at = data;
    uint32_t h = 2166136261u; /* FNV-1a */

    while (n--)
        h = (h ^ *at++) * 16777619u;
    return h ^ h >> 16;
}

static bool is_free(uint32_t subnet, unsigned bits, const struct plan_prefix *taken, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        uint32_t mask = mask_of(bits < taken[i].bits ? bits : taken[i].bits);

        /* The default route covers everything and means nothing. */
        if (taken[i].bits > 0 && ((subnet ^ number_of(taken[i].address)) & mask) == 0)
            return false;
    }
    return true;
}

bool plan_subnet(struct network_options *options, const char *name, const struct plan_prefix *taken,
                 unsigned nr)
{
    /* Corners of the private ranges that others seldom take: not 192.168.0, .1, .122, nor 172.17,
     * nor 10.0. */
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x0ac10000, 0x0ac1ffff}, {0xc0a8c000, 0xc0a8dfff}, {0xac1d0000, 0xac1dffff}};
    /* The usual one has the usual addresses. */
    uint32_t start = strcmp(name, NETWORK_DEFAULT) == 0 ? 0 : hash(name, strlen(name));

    if (options->bits && options->subnet[0])
        return is_free(number_of(options->subnet), options->bits, taken, nr);
    if (!options->bits)
        options->bits = PLAN_BITS;
    for (unsigned r = 0; r < sizeof(ranges) / sizeof(*ranges); r++) {
        uint32_t size = 1u << (32 - options->bits);
        uint32_t count = (ranges[r].last - ranges[r].first + 1) / size;

        for (uint32_t i = 0; i < count; i++) {
            uint32_t subnet = ranges[r].first + (start + i) % count * size;

            if (is_free(subnet, options->bits, taken, nr)) {
                address_of(options->subnet, subnet);
                return true;
            }
        }
    }
    return false;
}

static void nth(const struct network_options *options, uint32_t n, uint8_t address[4])
{
    address_of(address, number_of(options->subnet) + n);
}

void plan_gateway(const struct network_options *options, uint8_t address[4])
{
    nth(options, 1, address);
}

/* Fixed addresses are 2 to this one, of those that cards have which nobody entered; the rest are
 * for other's cards. */
static uint32_t last_fixed(const struct network_options *options)
{
    return (1u << (32 - options->bits)) / 4 * 3 - 1;
}

bool plan_address(const struct network_options *options, struct plan_card *card,
                  const struct plan_card *cards, unsigned nr)
{
    uint32_t count = last_fixed(options) - 1, start = hash(card->mac, sizeof(card->mac)) % count;

    for (uint32_t i = 0; i < count; i++) {
        unsigned k = 0;

        nth(options, 2 + (start + i) % count, card->address);
        while (k < nr && memcmp(cards[k].address, card->address, 4) != 0)
            k++;
        if (k == nr)
            return true;
    }
    return false;
}

void plan_host(char host[PLAN_HOST_NAME], const char *name)
{
    unsigned n = 0;

    for (; name && *name && n < PLAN_HOST_NAME - 1; name++)
        if (isalnum((unsigned char)*name) || (*name == '-' && n > 0))
            host[n++] = *name;
    while (n > 0 && host[n - 1] == '-')
        n--;
    host[n] = 0;
}

/* ---- texts */

/* A table's name has no hyphen, a network's no underscore. */
void plan_table(const char *name, char table[PLAN_TABLE])
{
    snprintf(table, PLAN_TABLE, "pavis_%s", name);
    for (char *at = table; *at; at++)
        if (*at == '-')
            *at = '_';
}

void plan_no_rules(const char *name, FILE *to)
{
    char table[PLAN_TABLE];

    plan_table(name, table);
    fprintf(to, "table inet %s {\n}\ndelete table inet %s\n", table, table);
}

void plan_rules(const char *name, const struct network_options *options, FILE *to)
{
    const char *bridge = options->bridge;
    char table[PLAN_TABLE], subnet[24];

    plan_table(name, table);
    snprintf(subnet, sizeof(subnet), "%u.%u.%u.%u/%u", options->subnet[0], options->subnet[1],
             options->subnet[2], options->subnet[3], options->bits);
    plan_no_rules(name, to);
    fprintf(to,
            "table inet %s {\n\tchain forward {\n\t\ttype filter hook forward priority filter; "
            "policy accept;\n",
            table);
    /* Between two ports of the bridge, where a module sends such frames here. */
    fprintf(to, "\t\tiifname \"%s\" oifname \"%s\" accept\n", bridge, bridge);
    if (options->mode == NETWORK_NAT) {
        fprintf(to, "\t\toifname \"%s\" ip daddr %s ct state established,related accept\n", bridge,
                subnet);
        fprintf(to, "\t\tiifname \"%s\" ip saddr %s accept\n", bridge, subnet);
    }
    fprintf(to, "\t\tiifname \"%s\" drop\n\t\toifname \"%s\" drop\n\t}\n", bridge, bridge);
    if (options->mode == NETWORK_NAT)
        fprintf(
            to,
            "\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
            "\t\tip saddr %s ip daddr != %s oifname != \"%s\" masquerade\n\t}\n",
            subnet, subnet, bridge);
    fprintf(to, "}\n");
}

void plan_dnsmasq(const struct network_options *options, const char *folder, const char *user,
                  FILE *to)
{
    uint8_t gateway[4], first[4], last[4];
    uint32_t size = 1u << (32 - options->bits);
    uint8_t mask[4];

    plan_gateway(options, gateway);
    nth(options, last_fixed(options) + 1, first);
    nth(options, size - 2, last);
    address_of(mask, mask_of(options->bits));
    fprintf(to, "# Written by pavis each time; a change here is lost.\n");
    fprintf(to, "interface=%s\nexcept-interface=lo\nbind-interfaces\nlisten-address=%u.%u.%u.%u\n",
            options->bridge, gateway[0], gateway[1], gateway[2], gateway[3]);
    /* Other cards on the bridge, such as those of Debian's xl, get what is behind the fixed ones.
     */
    fprintf(to, "dhcp-range=%u.%u.%u.%u,%u.%u.%u.%u,%u.%u.%u.%u,1h\n", first[0], first[1], first[2],
            first[3], last[0], last[1], last[2], last[3], mask[0], mask[1], mask[2], mask[3]);
    fprintf(to, "dhcp-authoritative\ndhcp-no-override\ndhcp-lease-max=%u\n", size);
    fprintf(to, "dhcp-hostsfile=%s/hosts\ndhcp-leasefile=%s/leases\npid-file=%s/pid\n", folder,
            folder, folder);
    if (options->mode == NETWORK_ISOLATED) /* no default route, and no names of the world */
        fprintf(to, "dhcp-option=option:router\nno-resolv\n");
    fprintf(to, "no-hosts\nbogus-priv\ndomain-needed\nno-ping\nuser=%s\n", user);
}

void plan_hosts(const struct plan_card *cards, unsigned nr, FILE *to)
{
    for (unsigned i = 0; i < nr; i++) {
        const struct plan_card *c = &cards[i];

        fprintf(to, "%02x:%02x:%02x:%02x:%02x:%02x,%u.%u.%u.%u%s%s\n", c->mac[0], c->mac[1],
                c->mac[2], c->mac[3], c->mac[4], c->mac[5], c->address[0], c->address[1],
                c->address[2], c->address[3], c->host[0] ? "," : "", c->host);
    }
}
