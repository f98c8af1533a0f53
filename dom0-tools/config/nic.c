// SPDX-License-Identifier: GPL-2.0-only
/* Reads the words that describe a virtual network card: `mac=00:16:3e:00:00:01,bridge=xenbr0,...`,
 * each a name with a value.
 */
#include <stdlib.h>
#include <string.h>

#include "config/guest_config.h"

#define ERROR(...) (report_error(report, place, __VA_ARGS__), false)

#define DEFAULT_INTERVAL_US 50000 /* of a rate limit, as Xen's tools have it */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six pairs of digits with one colon or hyphen between two. */
bool mac_parse(uint8_t mac[MAC_BYTES], const char *text)
{
    for (unsigned i = 0; i < MAC_BYTES; i++) {
        int high = hex(text[0]);
        int low = high < 0 ? -1 : hex(text[1]);

        if (low < 0)
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
        text += 2;
        if (i + 1 < MAC_BYTES && *text != ':' && *text != '-')
            return false;
        text += i + 1 < MAC_BYTES;
    }
    return !*text;
}

/* Digits and at most one suffix out of "", K, M, G with a B (bytes) or b (bits) behind it; bytes.
 */
static bool parse_amount(const char *text, const char **end, uint64_t *bytes)
{
    char *at;
    uint64_t n = strtoull(text, &at, 10), factor = 1;

    if (at == text || *text < '0' || *text > '9' || n == 0 || n > 1000000000000)
        return false;
    if (*at == 'K')
        factor = 1000;
    else if (*at == 'M')
        factor = 1000000;
    else if (*at == 'G')
        factor = 1000000000;
    at += factor > 1;
    if (n > UINT64_MAX / 8 / factor || (*at != 'B' && *at != 'b'))
        return false;
    *bytes = *at == 'b' ? n * factor / 8 : n * factor;
    *end = at + 1;
    return true;
}

/* "10Mb/s@50ms": bytes in each interval, and the interval, in seconds where nothing is said. */
static bool parse_rate(struct guest_nic *nic, const char *text)
{
    uint64_t per_second, interval = DEFAULT_INTERVAL_US;
    const char *at;

    if (!parse_amount(text, &at, &per_second) || strncmp(at, "/s", 2) != 0)
        return false;
    at += 2;
    if (*at == '@') {
        char *end;

        interval = strtoull(at + 1, &end, 10);
        if (end == at + 1 || at[1] < '0' || at[1] > '9' || interval == 0 || interval > UINT32_MAX)
            return false;
        if (strcmp(end, "ms") == 0 || strcmp(end, "m") == 0)
            interval *= 1000;
        else if (strcmp(end, "s") == 0 || !*end)
            interval *= 1000000;
        else if (strcmp(end, "us") != 0 && strcmp(end, "u") != 0)
            return false;
    } else if (*at) {
        return false;
    }
    if (interval > UINT32_MAX || per_second > UINT64_MAX / interval)
        return false;
    nic->rate_interval_us = (uint32_t)interval;
    nic->rate_bytes = per_second * interval / 1000000;
    return nic->rate_bytes > 0;
}

/* A name of a network interface, which Linux limits to 15 bytes. */
static bool is_interface(const char *name)
{
    return *name && strlen(name) < 16 && !strpbrk(name, "/ \t:") && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static bool set(struct guest_nic *nic, const char *key, const char *value,
                const struct config_place *place, struct config_report *report)
{
    const struct {
        const char *key;
        const char **to;
    } texts[] = {
        {"bridge", &nic->bridge},   {"ip", &nic->ip},           {"script", &nic->script},
        {"vifname", &nic->vifname}, {"model", &nic->model},     {"gatewaydev", &nic->gatewaydev},
        {"type", &nic->type},       {"backend", &nic->backend}, {"netdev", &nic->gatewaydev},
        {"network", &nic->network},
    };
    uint64_t number = 0;

    if (strcmp(key, "mac") == 0) {
        if (!mac_parse(nic->mac, value))
            return ERROR("vif: '%s' is no MAC address; write mac=00:16:3e:12:34:56", value);
        if (nic->mac[0] & 1)
            return ERROR("vif: %s is an address of a group; the first byte has to be even", value);
        return nic->has_mac = true;
    }
    if (strcmp(key, "rate") == 0)
        return parse_rate(nic, value) ||
               ERROR("vif: '%s' is no rate; write rate=10Mb/s or rate=1MB/s@20ms", value);
    if (strcmp(key, "mtu") == 0) {
        if (!number_parse(value, 65535, &number) || number < 68)
            return ERROR("vif: '%s' is no MTU; it is between 68 and 65535", value);
        nic->mtu = (unsigned)number;
        return true;
    }
    if (strcmp(key, "devid") == 0) {
        if (!number_parse(value, 65535, &number))
            return ERROR("vif: '%s' is no number of a device", value);
        nic->devid = (unsigned)number;
        return true;
    }
    if (strcmp(key, "vlan") == 0) {
        if (!number_parse(value, 4094, &number) || !number)
            return ERROR("vif: '%s' is no VLAN; it is between 1 and 4094", value);
        nic->vlan = (unsigned)number;
        return true;
    }
    if (strcmp(key, "backendtype") == 0) {
        if (strcmp(value, "vif") != 0 && strcmp(value, "pvnet") != 0)
            return ERROR("vif: '%s' is no kind of back end; write backendtype=pvnet for netback, "
                         "vif for the kernel's",
                         value);
        nic->backend_type = *value == 'v' ? NIC_BACKEND_VIF : NIC_BACKEND_PVNET;
        return true;
    }
    if (strcmp(key, "trusted") == 0) {
        if (!number_parse(value, 1, &number))
            return ERROR("vif: trusted= is 0 or 1");
        nic->trusted = number;
        return true;
    }
    for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(key, texts[i].key) == 0) {
            *texts[i].to = value;
            return true;
        }
    return ERROR("vif: no parameter '%s'; there are mac, bridge, ip, script, vifname, rate, mtu, "
                 "devid, backend, backendtype, network, vlan, gatewaydev, type, model, trusted",
                 key);
}

static bool check(struct guest_nic *nic, const struct config_place *place,
                  struct config_report *report)
{
    if (nic->bridge && !is_interface(nic->bridge))
        return ERROR("vif: '%s' is no name of a bridge", nic->bridge);
    if (nic->vifname && !is_interface(nic->vifname))
        return ERROR("vif: '%s' is no name of an interface: at most 15 letters", nic->vifname);
    if (nic->network && !is_interface(nic->network))
        return ERROR("vif: '%s' is no name of a network: at most 15 letters", nic->network);
    if (nic->type && strcmp(nic->type, "vif") != 0 && strcmp(nic->type, "ioemu") != 0)
        return ERROR("vif: '%s' is no type; write type=vif", nic->type);
    return true;
}

bool nic_spec_parse(struct guest_nic *nic, struct arena *arena, const char *text,
                    const struct config_place *place, struct config_report *report)
{
    unsigned devid = nic->devid; /* the caller's, which devid= changes */
    char *copy = arena_text(arena, text, strlen(text));
    char *field, *next;

    *nic = (struct guest_nic){.place = *place, .devid = devid, .trusted = true};
    if (!copy)
        return ERROR("out of memory");
    for (next = copy; (field = strsep(&next, ","));) {
        char *value, *end;

        field += strspn(field, " \t");
        end = field + strlen(field);
        while (end > field && (end[-1] == ' ' || end[-1] == '\t'))
            *--end = 0;
        if (!*field)
            continue;
        value = strchr(field, '=');
        if (!value)
            return ERROR("vif: '%s' has no value; write name=value, as in bridge=xenbr0", field);
        *value++ = 0;
        if (!set(nic, field, value, place, report))
            return false;
    }
    return check(nic, place, report);
}
