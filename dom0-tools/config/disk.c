// SPDX-License-Identifier: GPL-2.0-only
/* Reads the words that describe a virtual disk, in all the forms that files of the last twenty
 * years have:
 *
 *     /dev/vg/guest,raw,xvda,rw                target, format, vdev, access
 *     format=raw, vdev=xvda, access=rw, target=/dev/vg/guest
 *     phy:/dev/vg/guest,xvda,w                 the old one; file:, tap:aio: and others too
 *
 * What Xen's libxlutil takes is taken with the same meaning (tests/unit/test_config_peer.c).
 */
#include <stdlib.h>
#include <string.h>

#include "config/guest_config.h"

#define ERROR(s, ...) (report_error((s)->report, (s)->place, __VA_ARGS__), false)

/* What is being read. */
struct spec {
    struct guest_disk *disk;
    struct arena *arena;
    const struct config_place *place;
    struct config_report *report;
    const char *text;
    bool has_format, has_access;
    bool is_old; /* phy: or the like was there */
};

/* ---- device numbers, as the front ends of Linux understand them */

/* The letters behind xvd, hd, sd: a is 0, z 25, aa 26.  -1: none, or beyond reason. */
static int disk_letters(const char **at)
{
    int n = -1;

    for (; **at >= 'a' && **at <= 'z'; (*at)++) {
        n = (n + 1) * 26 + (**at - 'a');
        if (n > 0xfffff)
            return -1;
    }
    return n;
}

/* Digits up to the end; 0 where there are none, -1 where something else is. */
static int partition(const char *at)
{
    uint64_t n = 0;

    if (*at && (*at == '0' || !number_parse(at, 255, &n)))
        return -1;
    return (int)n;
}

/* xvda is 202:0 with 16 minors; from the 17th disk or partition on numbers have another form. */
static int xvd_number(int disk, int part)
{
    if (disk < 0 || part < 0)
        return -1;
    if (disk < 16 && part < 16)
        return 202 << 8 | disk << 4 | part;
    return 1 << 28 | disk << 8 | part;
}

int disk_number(const char *vdev)
{
    const char *at = vdev;
    uint64_t number;
    int disk;

    if (strncmp(vdev, "xvd", 3) == 0) {
        at += 3;
        disk = disk_letters(&at);
        return xvd_number(disk, partition(at));
    }
    if (strncmp(vdev, "hd", 2) == 0) { /* four of them: 3:0, 3:64, 22:0, 22:64 */
        at += 2;
        disk = disk_letters(&at);
        if (disk < 0 || disk > 3 || partition(at) < 0 || partition(at) > 63)
            return -1;
        return (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | partition(at);
    }
    if (strncmp(vdev, "sd", 2) == 0) { /* sixteen of them: 8:0, 8:16 ... */
        at += 2;
        disk = disk_letters(&at);
        if (disk < 0 || disk > 15 || partition(at) < 0 || partition(at) > 15)
            return -1;
        return 8 << 8 | disk << 4 | partition(at);
    }
    if (*at == 'd' && at[1] >= '0' && at[1] <= '9') { /* d0, d0p1 */
        char *end;
        unsigned long n = strtoul(at + 1, &end, 10);

        if (n > 0xfffff || (*end && (*end != 'p' || !end[1])))
            return -1;
        return xvd_number((int)n, partition(*end ? end + 1 : end));
    }
    return number_parse(vdev, 0x1fffffff, &number) ? (int)number : -1;
}

/* ---- the words */

static bool set_format(struct spec *s, const char *word)
{
    static const char *const names[] = {"raw", "qcow", "qcow2", "vhd", "qed", "empty"};

    if (s->has_format)
        return ERROR(s, "disk: the format is said twice (%s)", word);
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(word, names[i]) == 0) {
            s->disk->format = (enum disk_format)i;
            return s->has_format = true;
        }
    return ERROR(s,
                 "disk: '%s' is no format; write the fields as TARGET,raw,xvda,rw or as "
                 "phy:TARGET,xvda,w",
                 word);
}

static bool set_access(struct spec *s, const char *word)
{
    if (strcmp(word, "w") == 0 || strcmp(word, "rw") == 0)
        return s->disk->writable = true;
    s->disk->writable = false;
    if (strcmp(word, "r") == 0 || strcmp(word, "ro") == 0)
        return true;
    return ERROR(s, "disk: '%s' is no access; write r or w", word);
}

static void set_cdrom(struct spec *s)
{
    s->disk->is_cdrom = s->disk->removable = true;
    s->disk->writable = false;
}

static bool set_devtype(struct spec *s, const char *word)
{
    if (strcmp(word, "cdrom") == 0)
        set_cdrom(s);
    else if (strcmp(word, "disk") != 0)
        return ERROR(s, "disk: '%s' is no type of device; write devtype=disk or cdrom", word);
    return true;
}

static bool set_backend_type(struct spec *s, const char *word)
{
    static const char *const names[] = {"", "phy", "tap", "qdisk", "pvblk"};

    for (unsigned i = 1; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(word, names[i]) == 0) {
            s->disk->backend_type = (enum disk_backend)i;
            return true;
        }
    return ERROR(s,
                 "disk: '%s' is no kind of back end; write backendtype=pvblk for blkback, phy for "
                 "the kernel's",
                 word);
}

/* xvda, or in old files ioemu:hda and hdc:cdrom. */
static bool set_vdev(struct spec *s, char *word)
{
    size_t len;

    if (s->disk->vdev && *s->disk->vdev)
        return ERROR(s, "disk: the virtual device is said twice (%s)", word);
    if (strncmp(word, "ioemu:", 6) == 0)
        word += 6;
    len = strlen(word);
    if (len > 6 && strcmp(word + len - 6, ":cdrom") == 0) {
        word[len - 6] = 0;
        set_cdrom(s);
    } else if (len > 5 && strcmp(word + len - 5, ":disk") == 0) {
        word[len - 5] = 0;
    }
    s->disk->vdev = word;
    return true;
}

static bool set_target(struct spec *s, const char *word)
{
    if (s->disk->path && *s->disk->path)
        return ERROR(s, "disk: the target is said twice (%s)", word);
    s->disk->path = word;
    return true;
}

/* What pvblk knows and xl does not. */
static bool set_share(struct spec *s, const char *key, const char *value, bool *known)
{
    struct guest_disk *disk = s->disk;
    const struct {
        const char *key;
        uint64_t most;
        uint32_t *to;
    } numbers[] = {{"weight", DISK_WEIGHT_MAX, &disk->weight}, {"iops", UINT32_MAX, &disk->iops}};
    uint64_t number;

    *known = true;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        if (strcmp(key, numbers[i].key) != 0)
            continue;
        if (!number_parse(value, numbers[i].most, &number))
            return ERROR(s, "disk: %s=%s is no number up to %llu", key, value,
                         (unsigned long long)numbers[i].most);
        *numbers[i].to = (uint32_t)number;
        return true;
    }
    *known = strcmp(key, "bytes-per-second") == 0;
    return !*known || size_parse(value, &disk->bytes_per_second) ||
           ERROR(s, "disk: %s=%s is no amount; write bytes, or as in 20M", key, value);
}

static bool set_named(struct spec *s, const char *key, char *value)
{
    bool known;

    if (!set_share(s, key, value, &known))
        return false;
    if (known)
        return true;
    if (strcmp(key, "format") == 0)
        return set_format(s, value);
    if (strcmp(key, "vdev") == 0)
        return set_vdev(s, value);
    if (strcmp(key, "access") == 0)
        return set_access(s, value);
    if (strcmp(key, "devtype") == 0)
        return set_devtype(s, value);
    if (strcmp(key, "backendtype") == 0)
        return set_backend_type(s, value);
    if (strcmp(key, "backend") == 0)
        s->disk->backend = value;
    else if (strcmp(key, "script") == 0)
        s->disk->script = value;
    else if (strcmp(key, "specification") == 0)
        s->disk->specification = value;
    else if (strncmp(key, "colo-", 5) == 0 || strcmp(key, "trusted") == 0)
        report_warning(s->report, s->place, "disk: %s= means nothing here", key);
    else
        return ERROR(
            s,
            "disk: no parameter '%s'; there are target, format, vdev, access, devtype, "
            "backend, backendtype, script, direct-io-safe, discard, no-discard, weight, iops, "
            "bytes-per-second",
            key);
    return true;
}

static bool set_flag(struct spec *s, const char *word, bool *known)
{
    *known = true;
    if (strcmp(word, "discard") == 0 || strcmp(word, "no-discard") == 0) {
        s->disk->has_discard = true;
        s->disk->discard = *word == 'd';
    } else if (strcmp(word, "direct-io-safe") == 0) {
        s->disk->direct_io_safe = true;
    } else if (strcmp(word, "cdrom") == 0) {
        set_cdrom(s);
    } else if (strncmp(word, "colo", 4) == 0 || strcmp(word, "no-colo") == 0) {
        report_warning(s->report, s->place, "disk: %s means nothing here", word);
    } else {
        *known = false;
    }
    return true;
}

static bool set_positional(struct spec *s, char *word)
{
    if (strchr(word, '='))
        return ERROR(s, "disk: no parameter '%s'; if this is a path, write target=%s at the end",
                     word, word);
    /* The first of four that nobody has said yet. */
    if (!s->disk->path)
        return set_target(s, word);
    if (!s->has_format)
        return set_format(s, *word ? word : "raw");
    if (!s->disk->vdev)
        return set_vdev(s, word);
    if (!s->has_access) {
        s->has_access = true; /* access= may still say it too, as with xl */
        return set_access(s, *word ? word : "w");
    }
    return ERROR(s, "disk: too many fields without a name, at '%s'", word);
}

/* Where the value begins of a field that has the form of key=value; else NULL. */
static char *behind_key(char *field)
{
    char *at = field;

    if (*at < 'a' || *at > 'z')
        return NULL;
    while ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '-')
        at++;
    if (*at != '=')
        return NULL;
    *at = 0;
    return at + 1;
}

static bool take_field(struct spec *s, char *field)
{
    char *value = behind_key(field);
    bool known;

    if (value)
        return set_named(s, field, value);
    if (set_flag(s, field, &known) && known)
        return true;
    return set_positional(s, field);
}

/* Targets that only look as if they had a prefix; with Xen's tools nbd: stands for a script. */
static bool is_blkbacks_own(const char *target)
{
    return strncmp(target, "overlay:/", 9) == 0 || strncmp(target, "nbd://", 6) == 0;
}

/* Over phy:, file: and the like, which stand for a format and shift the positions by one. */
static bool take_prefixes(struct spec *s, char **at)
{
    static const struct {
        const char *prefix, *script;
        enum disk_format format;
    } prefixes[] = {
        {"phy:", NULL, DISK_RAW},   {"file:", NULL, DISK_RAW},    {"raw:", NULL, DISK_RAW},
        {"aio:", NULL, DISK_RAW},   {"tap:", NULL, DISK_RAW},     {"tap2:", NULL, DISK_RAW},
        {"qcow:", NULL, DISK_QCOW}, {"qcow2:", NULL, DISK_QCOW2}, {"vhd:", NULL, DISK_VHD},
        {"qed:", NULL, DISK_QED},   {"nbd:", "block-nbd", 0},     {"enbd:", "block-enbd", 0},
        {"drbd:", "block-drbd", 0}, {"iscsi:", "block-iscsi", 0},
    };
    static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char *colon;

    if (is_blkbacks_own(*at))
        return true;
    for (unsigned i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        size_t len = strlen(prefixes[i].prefix);

        if (strncmp(*at, prefixes[i].prefix, len) != 0)
            continue;
        *at += len;
        s->disk->format = prefixes[i].format;
        s->disk->script = prefixes[i].script;
        s->has_format = s->is_old = true;
        return take_prefixes(s, at); /* tap:qcow2: */
    }
    colon = *at + strspn(*at, word);
    if (!s->is_old && colon > *at && *colon == ':' && strspn(colon + 1, word) == 0)
        return ERROR(s, "disk: no prefix '%.*s:'; write phy: for a device and file: for a file",
                     (int)(colon - *at), *at);
    return true;
}

static char *trim(char *text)
{
    char *end;

    while (*text == ' ' || *text == '\t')
        text++;
    end = text + strlen(text);
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    return text;
}

static bool check(struct spec *s)
{
    struct guest_disk *disk = s->disk;
    int number;

    if (!disk->vdev || !*disk->vdev)
        return ERROR(s, "disk: '%s' does not say as what the guest sees it; add vdev=xvda",
                     s->text);
    number = disk_number(disk->vdev);
    if (number < 0)
        return ERROR(s, "disk: '%s' is no name of a virtual disk; write xvda, xvdb, ...",
                     disk->vdev);
    disk->number = (unsigned)number;
    if (!disk->path || !*disk->path) {
        if (!disk->removable)
            return ERROR(s, "disk: '%s' has no target; add target=/path of a file or device",
                         s->text);
        disk->format = DISK_EMPTY;
    }
    return true;
}

bool disk_spec_parse(struct guest_disk *disk, struct arena *arena, const char *text,
                     const struct config_place *place, struct config_report *report)
{
    struct spec s = {.disk = disk, .arena = arena, .place = place, .report = report, .text = text};
    char *copy = arena_text(arena, text, strlen(text));
    char *next;

    *disk = (struct guest_disk){.place = *place, .writable = true};
    if (!copy)
        return ERROR(&s, "out of memory");
    next = trim(copy);
    if (!take_prefixes(&s, &next))
        return false;
    while (next && *next) { /* nothing behind the last comma is no field */
        char *field = trim(next);
        char *comma = strchr(field, ',');

        if (strncmp(field, "target=", 7) == 0) /* to the end, so that it can have commas */
            comma = NULL;
        next = comma ? comma + 1 : NULL;
        if (comma)
            *comma = 0;
        if (strncmp(field, "target=", 7) == 0) {
            if (!set_target(&s, field + 7))
                return false;
        } else if (!take_field(&s, trim(field))) {
            return false;
        }
    }
    return check(&s);
}
