/* SPDX-License-Identifier: GPL-2.0-only */
/* What `pavis create` and the end of a guest do to networks, as a program for tests:
 *     net_card ensure NETWORK N MAC [HOST]   guest N's card; prints bridge, address, gateway
 *     net_card release N [MAC]
 *     net_card clean [N...]                  only these guests live; prints how many networks went
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/network.h"

static int nr_alive;
static char **alive;

static void uuid_of(const char *number, uint8_t uuid[16])
{
    memset(uuid, 0, 16);
    uuid[15] = (uint8_t)atoi(number);
}

static bool lives(void *ctx, const uint8_t uuid[16])
{
    for (int i = 0; i < nr_alive; i++)
        if (atoi(alive[i]) == uuid[15])
            return true;
    return false;
}

static void mac_of(const char *text, uint8_t mac[6])
{
    unsigned m[6] = {0};

    if (sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
        exit(2);
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)m[i];
}

int main(int argc, char **argv)
{
    struct network_user user = {0};
    struct network_card card;
    struct problem why = {0};
    int status = 0;

    if (argc >= 5 && strcmp(argv[1], "ensure") == 0) {
        uuid_of(argv[3], user.uuid);
        mac_of(argv[4], user.mac);
        user.host = argc > 5 ? argv[5] : NULL;
        status = network_ensure(argv[2], &user, &card, &why);
        if (status == 0)
            printf("%s %s %s\n", card.bridge, card.ip, card.gateway);
    } else if (argc >= 3 && strcmp(argv[1], "release") == 0) {
        uuid_of(argv[2], user.uuid);
        if (argc > 3)
            mac_of(argv[3], user.mac);
        status = network_release(user.uuid, argc > 3 ? user.mac : NULL, &why);
    } else if (argc >= 2 && strcmp(argv[1], "clean") == 0) {
        nr_alive = argc - 2;
        alive = argv + 2;
        status = networks_clean_up(lives, NULL, &why);
        printf("%d\n", status);
    } else {
        return 2;
    }
    if (status < 0)
        problem_print(&why, "net_card");
    return status < 0;
}
