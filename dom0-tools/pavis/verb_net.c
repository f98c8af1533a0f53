// SPDX-License-Identifier: GPL-2.0-only
/* pavis net-list, net-create, net-destroy: networks that pavis makes by itself. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/plan.h"
#include "pavis/json.h"
#include "pavis/verb.h"

static void subnet_text(const struct network_info *n, char text[32])
{
    if (n->bits)
        snprintf(text, 32, "%u.%u.%u.%u/%u", n->address[0], n->address[1], n->address[2],
                 n->address[3], n->bits);
    else
        snprintf(text, 32, "-");
}

static void print_network(const struct network_info *n)
{
    char address[32];

    subnet_text(n, address);
    printf("%-12s %-15s %-8s %-18s %5u  %s%s\n", n->name, n->bridge, plan_mode_name(n->mode),
           address, n->cards, n->kept ? "kept" : "while used", n->whole ? "" : ", damaged");
}

static void json_network(json j, const struct network_info *n)
{
    char address[32];

    subnet_text(n, address);
    json_object(j, NULL);
    json_string(j, "name", n->name);
    json_string(j, "bridge", n->bridge);
    json_string(j, "mode", plan_mode_name(n->mode));
    json_string(j, "address", n->bits ? address : NULL);
    json_number(j, "cards", n->cards);
    json_bool(j, "kept", n->kept);
    json_bool(j, "whole", n->whole);
    json_close_object(j);
}

int verb_net_list(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct network_info *list;
    struct problem why;
    bool wants_json = false;
    int option, nr;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        wants_json = true;
    }
    if (optind != argc)
        return verb_usage(s, "it lists all networks");
    nr = networks_list(&list, &why);
    if (nr < 0)
        return verb_failed(s, &why);
    if (wants_json) {
        json j = json_begin();

        json_array(j, NULL);
        for (int i = 0; i < nr; i++)
            json_network(j, &list[i]);
        json_close_array(j);
        json_end(j);
    } else {
        printf("%-12s %-15s %-8s %-18s %5s  %s\n", "Name", "Bridge", "Mode", "Address", "Cards",
               "Stays");
        for (int i = 0; i < nr; i++)
            print_network(&list[i]);
    }
    free(list);
    return 0;
}

int verb_net_create(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"subnet", required_argument, NULL, 's'},
                                            {"mode", required_argument, NULL, 'm'},
                                            {"bridge", required_argument, NULL, 'b'},
                                            {0}};
    struct network_options wanted = {0};
    struct problem why;
    int option;
    bool any = false;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        any = true;
        if (option == 's' && !plan_parse_subnet(&wanted, optarg))
            return verb_usage(
                s, "\"%s\" is no subnet; write --subnet 10.1.2.0/24, with 16 to 29 bits", optarg);
        if (option == 'm' && !plan_parse_mode(&wanted.mode, optarg))
            return verb_usage(s, "\"%s\" is no mode; there are nat, isolated and bridge", optarg);
        if (option == 'b' && !plan_parse_bridge(&wanted, optarg))
            return verb_usage(s, "\"%s\" is no name of a bridge", optarg);
        if (option == '?' || option == ':')
            return verb_usage(s, "unknown option, or one without its value");
    }
    if (optind + 1 != argc)
        return verb_usage(s, "it takes one name");
    if (wanted.mode == NETWORK_BRIDGE && !wanted.bridge[0])
        return verb_usage(s, "--mode bridge needs --bridge");
    if (network_create(argv[optind], any ? &wanted : NULL, &why) != 0)
        return verb_failed(s, &why);
    return 0;
}

int verb_net_destroy(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"force", no_argument, NULL, 'f'}, {0}};
    struct problem why;
    bool force = false;
    int option, status = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'f')
            return verb_usage(s, "unknown option");
        force = true;
    }
    if (optind == argc)
        return verb_usage(s, "which network?");
    for (int i = optind; i < argc; i++)
        if (network_destroy(argv[i], force, &why) != 0)
            status = verb_failed(s, &why);
    return status;
}
