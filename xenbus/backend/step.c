// SPDX-License-Identifier: GPL-2.0-only
/* The states of a device, seen from the back end: see step.h. */
#include "backend/step.h"

#define NR_STATES (XenbusStateReconfigured + 1)

/* Short names, so that the table can be seen. */
enum {
    none = BACKEND_NOTHING,
    offer = BACKEND_OFFER,
    attach = BACKEND_ATTACH,
    close_ = BACKEND_CLOSE,
    finish = BACKEND_FINISH
};

/* Reasons for what is not plain:
 * - 4 and 1: the guest has begun anew without an end (kexec, resume), so everything starts over.
 * - 5 and 4: the toolstack asks for the removal, the guest has not agreed; a mounted disk never
 *   does, and must be served until it does.
 * - 6 and 3: a front end that has not seen our offer since the end has nothing to be attached to.
 */
static const unsigned char table[NR_STATES][NR_STATES] = {
    /* front:                     0       1      2      3       4       5       6       7     8 */
    [XenbusStateUnknown] = {offer, offer, offer, offer, offer, offer, offer, offer, offer},
    [XenbusStateInitialising] = {offer, offer, offer, offer, offer, offer, offer, offer, offer},
    [XenbusStateInitWait] = {finish, none, none, attach, attach, close_, finish, none, none},
    [XenbusStateInitialised] = {finish, none, none, attach, attach, close_, finish, none, none},
    [XenbusStateConnected] = {finish, offer, offer, attach, attach, close_, finish, none, none},
    [XenbusStateClosing] = {finish, offer, none, attach, attach, close_, finish, none, none},
    [XenbusStateClosed] = {none, offer, none, none, none, none, none, none, none},
    /* Nobody puts a back end into these. */
    [XenbusStateReconfiguring] = {finish, offer, offer, none, none, close_, finish, none, none},
    [XenbusStateReconfigured] = {finish, offer, offer, none, none, close_, finish, none, none},
};

enum backend_step backend_step(enum xenbus_state own, enum xenbus_state front, bool online,
                               bool attached)
{
    unsigned row = (unsigned)own < NR_STATES ? (unsigned)own : XenbusStateUnknown;
    unsigned column = (unsigned)front < NR_STATES ? (unsigned)front : XenbusStateUnknown;
    enum backend_step step = (enum backend_step)table[row][column];
    bool ending = row == XenbusStateClosing || row == XenbusStateClosed;
    if (step == BACKEND_OFFER && !online)
        step = ending && !attached ? BACKEND_NOTHING : BACKEND_FINISH;
    if (row == XenbusStateClosed && attached)
        return BACKEND_FINISH;
    if (step == BACKEND_ATTACH && attached)
        return BACKEND_NOTHING;
    if (step == BACKEND_CLOSE && row == XenbusStateClosing && !attached)
        return BACKEND_NOTHING;
    return step;
}

enum xenbus_state backend_state_after(enum backend_step step, enum xenbus_state own)
{
    switch (step) {
    case BACKEND_OFFER: return XenbusStateInitWait;
    case BACKEND_ATTACH: return own == XenbusStateClosing ? own : XenbusStateConnected;
    case BACKEND_CLOSE: return XenbusStateClosing;
    case BACKEND_FINISH: return XenbusStateClosed;
    default: return own;
    }
}
