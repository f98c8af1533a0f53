# SPDX-License-Identifier: GPL-2.0-only
"""How few instructions an operation may cost inside the hypervisor, as a part of what Xen 4.17 spends.

For rows of dom0, both hypervisors in the same QEMU with the same kernel and program.
"""
RATIO = {
    'null_syscall': 0.35,
    'page_fault': 0.5,
    'mprotect16_pair': 0.35,
    'fork_wait': 0.5,
    'fork_exec_wait': 0.5,
    'pipe_pingpong_proc': 0.5,
    'signal_self': 0.4,
    'tiny-dom0.null_hypercall': 0.3,
}
OTHERS = 0.6
GUEST_BOOT = "a guest's boot to its init, drivers loaded"
SMALL = 100     # where Xen spends fewer, Pavis must not spend more than Xen
NOISE = 1.0     # an interrupt of the timer falls into a window here and into the next there
BLK = {'1': 0.9, '32': 0.6}  # by depth: requests of 4 KiB, all that is executed
NET = {'tcp-guest-dom0': 1.2, 'tcp-dom0-guest': 1.2, 'tcp-guest-guest': 2}  # bytes per instruction, times Xen's
NET_TRIP = 0.8  # instructions of a round trip, part of Xen's
NET_WAYS = 1.2  # the dearer direction between guest and dom0, times the other
EVENTS = 0.05   # entries, CR3 loads and flushes per operation: not more than this above Xen's


def judge(name, xen, pavis):
    """A list of (what, goal, got, met) for one row."""
    said = []
    if xen['hypervisor'] < SMALL:
        said.append(('instructions, no more than Xen', xen['hypervisor'], pavis['hypervisor'],
                     pavis['hypervisor'] <= xen['hypervisor'] + NOISE))
    else:
        ratio, goal = pavis['hypervisor'] / xen['hypervisor'], RATIO.get(name, OTHERS)
        said.append(('part of Xen\'s instructions', goal, ratio, ratio <= goal))
    for what in ('entries', 'cr3', 'flushes'):
        said.append((what, xen[what], pavis[what], pavis[what] <= xen[what] + EVENTS))
    return said


def report(results):
    """Prints each goal and whether it is met; returns how many are not."""
    missed = 0
    for name, xen in results['xen'].items():
        pavis = results['pavis'].get(name)
        if pavis is None:
            print(f'goal {name}: no figure of Pavis: NOT MET')
            missed += 1
            continue
        for what, goal, got, met in judge(name, xen, pavis):
            missed += not met
            if not met or name in RATIO and what.startswith('part'):
                print(f'{name}: {what}: goal {goal:.2f}, got {got:.2f}: {"met" if met else "NOT MET"}')
    rest = sum(len(judge(n, x, results['pavis'][n])) for n, x in results['xen'].items() if n in results['pavis'])
    if rest:
        print(f'{rest - missed} of {rest} goals met')
    return missed


def report_guest(boots):
    """A stock guest gets to its init in fewer instructions than on Xen; returns how many goals are not met."""
    xen, pavis = (boots.get(kind, {}).get(GUEST_BOOT) for kind in ('xen', 'pavis'))
    if xen is None or pavis is None:
        return 0
    print(f'{GUEST_BOOT}: goal below 1, got {pavis / xen:.2f}: {"met" if pavis < xen else "NOT MET"}')
    return pavis >= xen


def report_blk(results):
    """A guest's disk by our back end beside Xen's with the kernel's; returns whether a goal is not met."""
    missed = False
    for name, xen in results.get('xen', {}).items():
        pavis = results.get('pavis', {}).get(name)
        goal = BLK.get(name.rsplit('-', 1)[1])
        if pavis is None or goal is None:
            continue
        ratio = pavis['all'] / xen['all']
        fewer = pavis['entries'] < xen['entries']
        missed |= ratio > goal or not fewer
        print(f'{name}: goal {goal:.2f}, got {ratio:.2f}: {"met" if ratio <= goal else "NOT MET"}; '
              f'{pavis["entries"]:.2f} entries, fewer than {xen["entries"]:.2f}: {"met" if fewer else "NOT MET"}')
    return missed


def report_net(results):
    """A guest's network by our back end beside Xen's with the kernel's; returns whether a goal is not met."""
    xen, pavis = ({name: row['all'] for name, row in results.get(kind, {}).items()} for kind in ('xen', 'pavis'))
    said = []
    for name in (n for n in xen if n in pavis):
        if name in NET:
            ratio = xen[name] / pavis[name]
            said.append((f'{name}: bytes per instruction, times Xen\'s: goal {NET[name]:.2f}', ratio, ratio >= NET[name]))
        else:
            ratio = pavis[name] / xen[name]
            said.append((f'{name}: part of Xen\'s instructions: goal {NET_TRIP:.2f}', ratio, ratio <= NET_TRIP))
    ways = [pavis[name] for name in ('tcp-guest-dom0', 'tcp-dom0-guest') if name in pavis]
    if len(ways) == 2:
        ratio = max(ways) / min(ways)
        said.append((f'between guest and dom0, one way by the other: goal {NET_WAYS:.2f}', ratio, ratio <= NET_WAYS))
    for what, got, met in said:
        print(f'{what}, got {got:.2f}: {"met" if met else "NOT MET"}')
    return not all(met for _, _, met in said)
