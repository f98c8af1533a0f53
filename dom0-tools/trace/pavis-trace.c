/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pavis-trace: what xentrace has recorded, in words, one line per thing that happened:
 *
 *     cpu0 +1234567 d1v0 mmu_update(reqs=0xffff888003c01000, count=1, done=0, dom=0x7ff0) = 0 [12
 * us]
 *
 * The decoder is the hypervisor's own (hypercall/trace_text.c); this file reads the stream: records
 * as they lie in the rings, with one in front of each stretch that says of which CPU it is. Reasons
 * are sentences in the hypervisor's image, found by their offset in the file with its symbols.
 *
 *     pavis-trace [--json] [--cpu N] [--khz TSC-FREQUENCY] [--syms FILE] [TRACE]
 *
 * Times are from the first record on, in ticks of the TSC, or in microseconds with --khz (xl info,
 * cpu_mhz).  --json: one object per record, with the arguments of calls by name.  Status: 0; 1 the
 * file is damaged or ends in the middle of a record (what came before is printed); 2 usage.
 */
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "cpu/cpu_info.h"
#include "debug/trace.h"
#include "hypercall/call_names.h"
#include "hypercall/trace_text.h"

#define SYMS       "/usr/lib/debug/boot/xen-pavis-syms" /* where make install puts it */
#define CPU_CHANGE (TRC_GEN + 3)                        /* TRC_TRACE_CPU_CHANGE of the ABI */
#define LINE       512

struct cpu_info host_cpu_info; /* what the header wants of a host program */

static struct {
    bool json;
    long only_cpu;
    double khz;
} options = {.only_cpu = -1};

static char *image; /* the file with symbols, NULL: none */
static long image_size;
static struct trace_decoder decoders[NR_CPUS];
static uint64_t first_tsc;

static char *read_file(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    char *data = NULL;

    if (!f)
        return NULL;
    if (!fseek(f, 0, SEEK_END) && (*size = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET)) {
        data = malloc((size_t)*size + 1);
        if (data && fread(data, 1, (size_t)*size, f) == (size_t)*size)
            data[*size] = 0; /* whatever is taken for a sentence ends */
        else
            free(data), data = NULL;
    }
    fclose(f);
    return data;
}

/* The sentence at that offset from the start of the image, by the file's program headers. */
static const char *text_of_image(uint32_t offset)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
    uint64_t va = HV_IMAGE_BASE + offset;

    if (!image || image_size < (long)sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 ||
        eh->e_phoff + eh->e_phnum * sizeof(Elf64_Phdr) > (uint64_t)image_size)
        return NULL;
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + eh->e_phoff) + i;

        if (ph->p_type == PT_LOAD && va - ph->p_vaddr < ph->p_filesz &&
            ph->p_offset + (va - ph->p_vaddr) < (uint64_t)image_size)
            return image + ph->p_offset + (va - ph->p_vaddr);
    }
    return NULL;
}

static void put_string(yajl_gen g, const char *s, size_t n)
{
    yajl_gen_string(g, (const unsigned char *)s, n);
}

static void put_number(yajl_gen g, const char *name, long long n)
{
    put_string(g, name, strlen(name));
    yajl_gen_integer(g, n);
}

/* The arguments by name; addresses as hexadecimal strings, since JSON's numbers are too short. */
static void put_arguments(yajl_gen g, const struct trace_rec *rec)
{
    uint64_t args[6] = {0};
    unsigned present, nr = trace_call_args(rec, args, &present);
    const char *names = hypercall_arg_names(nr);
    char text[24];

    put_string(g, "args", 4);
    yajl_gen_map_open(g);
    for (unsigned i = 0; i < 6 && *names; i++) {
        bool is_address = *names == '*';
        size_t n = strcspn(names += is_address, " ");

        if (present >> i & 1) {
            put_string(g, names, n);
            if (is_address)
                put_string(g, text, (size_t)snprintf(text, sizeof(text), "%#lx", args[i]));
            else
                yajl_gen_integer(g, (long long)args[i]);
        }
        names += n + (names[n] == ' ');
    }
    yajl_gen_map_close(g);
}

static void print_json(unsigned cpu, const struct trace_rec *rec, const char *text)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    const unsigned char *out;
    size_t n;

    yajl_gen_map_open(g);
    put_number(g, "cpu", cpu);
    put_number(g, "tsc", (long long)rec->tsc);
    put_number(g, "event", rec->event);
    if (rec->event == TRC_PV_HYPERCALL_V2 || rec->event == TRC_PV_HYPERCALL_SUBCALL) {
        const char *name = hypercall_name(rec->word[0] & ~TRC_PV_HYPERCALL_V2_ARG_MASK);

        put_string(g, "call", 4);
        put_string(g, name ? name : "?", strlen(name ? name : "?"));
        put_arguments(g, rec);
    } else if (rec->event == TRC_PAVIS_RETURN) {
        put_number(g, "result", (long long)(rec->word[2] | (uint64_t)rec->word[3] << 32));
        put_number(g, "ns", rec->word[4]);
    }
    if (*text) {
        put_string(g, "text", 4);
        put_string(g, text, strlen(text));
    }
    yajl_gen_map_close(g);
    if (yajl_gen_get_buf(g, &out, &n) == yajl_gen_status_ok)
        printf("%.*s\n", (int)n, out);
    yajl_gen_free(g);
}

static void print_record(unsigned cpu, const struct trace_rec *rec)
{
    char text[LINE] = "", *line, *rest = text;
    double since;

    if (rec->tsc && !first_tsc)
        first_tsc = rec->tsc;
    trace_text(&decoders[cpu], rec, text, sizeof(text));
    if (options.only_cpu >= 0 && options.only_cpu != (long)cpu)
        return;
    if (options.json) {
        print_json(cpu, rec, text);
        return;
    }
    since = (double)(rec->tsc - first_tsc);
    while ((line = strsep(&rest, "\n")) && *line) {
        if (options.khz > 0)
            printf("cpu%u +%.3f us %s\n", cpu, since / options.khz * 1000, line);
        else
            printf("cpu%u +%.0f %s\n", cpu, since, line);
    }
}

/* A record of the stream.  0: the end; -1: the middle of one is the end. */
static int read_record(FILE *f, struct trace_rec *rec)
{
    uint32_t head, stamp[2];

    if (fread(&head, sizeof(head), 1, f) != 1)
        return feof(f) ? 0 : -1;
    *rec = (struct trace_rec){.event = head & ((1u << TRACE_EXTRA_SHIFT) - 1),
                              .n = head >> TRACE_EXTRA_SHIFT & TRACE_EXTRA_MAX};
    if (head & TRC_HD_CYCLE_FLAG) {
        if (fread(stamp, sizeof(stamp), 1, f) != 1)
            return -1;
        rec->tsc = stamp[0] | (uint64_t)stamp[1] << 32;
    }
    return fread(rec->word, sizeof(rec->word[0]), rec->n, f) == rec->n ? 1 : -1;
}

static int print_stream(FILE *f)
{
    struct trace_rec rec;
    unsigned cpu = 0;
    int got;

    while ((got = read_record(f, &rec)) > 0) {
        if (rec.event == CPU_CHANGE && rec.n >= 1 && rec.word[0] < NR_CPUS)
            cpu = rec.word[0];
        else if (rec.event == CPU_CHANGE)
            return -1;
        else if (rec.event != TRC_TRACE_WRAP_BUFFER)
            print_record(cpu, &rec);
    }
    return got;
}

static int usage(void)
{
    fputs("usage: pavis-trace [--json] [--cpu N] [--khz TSC-FREQUENCY] [--syms FILE] [TRACE]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'},
                                          {"cpu", required_argument, NULL, 'c'},
                                          {"khz", required_argument, NULL, 'k'},
                                          {"syms", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    const char *syms = SYMS;
    FILE *f = stdin;
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'j': options.json = true; break;
        case 'c': options.only_cpu = atol(optarg); break;
        case 'k': options.khz = atof(optarg); break;
        case 's': syms = optarg; break;
        default: return usage();
        }
    }
    if (argc - optind > 1)
        return usage();
    if (optind < argc && !(f = fopen(argv[optind], "rb"))) {
        fprintf(stderr, "pavis-trace: %s: %s\n", argv[optind], strerror(errno));
        return 2;
    }
    image = read_file(syms, &image_size);
    if (!image)
        fprintf(stderr, "pavis-trace: reasons show as '?': there is no %s (--syms)\n", syms);
    for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
        decoders[cpu] = (struct trace_decoder){.text = text_of_image, .who = TRACE_NOBODY};
    if (!print_stream(f))
        return 0;
    fputs("pavis-trace: the file is damaged or ends in the middle of a record\n", stderr);
    return 1;
}
