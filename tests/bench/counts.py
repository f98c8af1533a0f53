# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmarks count: boots with the plugin hvprofile.c, and its output as rows.

A row is a dict of figures per operation:

    all, hypervisor, kernel, user      executed instructions
    entries, cr3, flushes              times the hypervisor was entered from a guest, loads of CR3 in it,
                                       and flushes of the TLB: one for each INVLPG, and for each pair of
                                       writes to CR4 that switches global pages off and on
"""
import os
import re
import subprocess
import sys
import tempfile

from goals import GUEST_BOOT

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(TOP, 'build/bench')
PLUGIN = os.path.join(OUT, 'hvprofile.so')
# Xen switches global pages off where CPUID speaks of AMD and of a hypervisor, as in QEMU; each of its
# loads of CR3 then empties the whole TLB, which no column would show.  So it runs as on a PC.
XEN_OPTIONS = 'global-pages=1'
ROUNDS = 5  # of guestbench.c; tinybench.c has one, and says no times
LINE = re.compile(r'\bBENCH (\S+) +(\d+)(?: best [\d.]+ median ([\d.]+))?')


def failed(kind, status, log):
    print(f'bench: {kind} came to no result (status {status}); its console is in {log}', file=sys.stderr)
    sys.exit(2)


def boot(kind, script, texts, files, limit, name, options='', plugin_options='', more=()):
    """dom0 of `kind` (native, xen, pavis) with a script, small files and others; returns status, console, plugin's output."""
    environment = {k: v for k, v in os.environ.items() if k not in ('XEN', 'NATIVE')}
    if kind != 'pavis':
        environment[kind.upper()] = '1'
    hv_options = os.environ.get('HVARGS', '') + (f' {XEN_OPTIONS}' if kind == 'xen' else '')
    log, counted = os.path.join(OUT, f'{name}.log'), os.path.join(OUT, f'{name}.out')
    texts = dict(texts, **{'main.sh': open(os.path.join(HERE, script)).read()})
    with tempfile.TemporaryDirectory() as work:
        for file, text in texts.items():
            with open(os.path.join(work, file), 'w') as f:
                f.write(text)
        files = [*(os.path.join(work, file) for file in texts), *files]
        command = [os.path.join(TOP, 'scripts/boot'), '-I', *more, '-t', str(limit), '-l', log,
                   '-c', os.environ.get('CPU') or 'max', '-x', hv_options,
                   '-q', f'-plugin {PLUGIN},out={counted}{plugin_options} {options}', *files]
        status = subprocess.call(command, env=environment, stdin=subprocess.DEVNULL)
    return status, open(log, errors='replace').read(), counted


def boot_linux(kind, arguments, limit, name, options=''):
    """guestbench in dom0 of `kind`; returns console and plugin's output."""
    status, text, counted = boot(kind, 'dom0.sh', {'arguments': ' '.join(['-m', *arguments])},
                                 [os.path.join(OUT, 'guestbench')], limit, name, options)
    if not LINE.search(text) or 'guestbench: done' not in text:
        failed(kind, status, os.path.join(OUT, f'{name}.log'))
    return text, counted


def boot_guest(kind, limit, name):
    """A guest that Debian's xl creates on `kind`, in millions of instructions executed by all, and by the hypervisor."""
    texts = {'env.sh': 'tools=debian\nhalf_mib=1\n', 'guest.sh': '/payload/mark end\n'}
    status, text, counted = boot(kind, 'guest.sh', texts,
                                 [os.path.join(OUT, 'mark'), os.path.join(TOP, 'tests/system/payload/dom0.sh')], limit, name)
    stretches = list(windows(counted))
    if 'GUESTBOOT done' not in text or len(stretches) != 2:
        failed(f'a guest on {kind}', status, os.path.join(OUT, f'{name}.log'))
    result = {}
    for what, w in zip(('xl create -p of a guest', GUEST_BOOT), stretches):
        result[what] = (w['hypervisor'] + w['kernel'] + w['user']) / 1e6
        result[f'  in the hypervisor: {what}'] = w['hypervisor'] / 1e6
    return result


def boot_tiny(kind, limit, name):
    """tinybench as dom0 of `kind` (xen, pavis)."""
    log, counted = os.path.join(OUT, f'{name}.log'), os.path.join(OUT, f'{name}.out')
    environment = dict(os.environ, LOG=log, TIMEOUT=str(limit), CPU=(os.environ.get('CPU') or 'max') + ',-smap,-monitor',
                       QARGS=f'-icount shift=0,sleep=off -seed 1 -plugin {PLUGIN},out={counted}',
                       XARGS=f'spec-ctrl=eager-fpu {XEN_OPTIONS}' if kind == 'xen' else '')
    hypervisor = 'xen' if kind == 'xen' else os.environ.get('HV') or os.path.join(TOP, 'build/pavis-hv')
    status = subprocess.call([os.path.join(TOP, 'tests/guests/run.sh'), hypervisor, os.path.join(OUT, 'tinybench.elf')],
                             env=environment, stdin=subprocess.DEVNULL)
    if status:
        failed(f'the tiny kernel on {kind}', status, log)
    return open(log, errors='replace').read(), counted


def windows(path):
    """One dict of counts for each marked stretch of the plugin's output."""
    window = None
    for line in open(path):
        f = line.split()
        if f[0] == 'window':
            window = {}
        elif f[0] in ('class', 'total') and window is not None:
            window[f[1]] = int(f[2])
            if f[1] == 'user':
                yield window


def boot_drivers(kind, script, what, settings, guest, files, by_function, limit=580):
    """The split drivers' benchmarks: a guest of a boot runs the line `guest`, which says "WHAT <row> <number>" for each
    stretch.  `kind`: xen or pavis-kernel, with the kernel's back end; pavis or xen-ours, with ours.  `settings`: what
    the script wants to know besides, by name.  Returns rows of figures, each per one of the number."""
    hypervisor, _, backend = kind.partition('-')
    ours = backend == 'ours' or kind == 'pavis'
    env = {'tools': 'debian', 'half_mib': '1', 'backend': 'ours' if ours else 'kernel',
           'flavour': os.environ.get('FLAVOUR', 'cloud'), **settings}
    texts = {'env.sh': ''.join(f'{k}="{v}"\n' for k, v in env.items()), 'guest.sh': guest + '\n'}
    files = [os.path.join(TOP, 'tests/system/payload/dom0.sh'), *(f for f, is_ours in files if ours or not is_ours)]
    name = f'{what.lower()}-{kind}'
    status, text, counted = boot(hypervisor, script, texts, files, int(limit * float(os.environ.get('TIME_FACTOR', '1'))),
                                 name, plugin_options=',all=1' if by_function else '', more=['-u'])
    names = re.findall(rf'\b{what} (\S+) (\d+)', text)
    stretches = list(windows(counted))
    if not names or len(names) != len(stretches) or f'{what.lower()}bench: done' not in text:
        failed(kind, status, os.path.join(OUT, f'{name}.log'))
    result = {}
    for (row, number), w in zip(names, stretches):
        everything = w['hypervisor'] + w['kernel'] + w['user']
        result[row] = {k: v / int(number) for k, v in (
            ('all', everything), ('without copies', everything - w['repeated']), ('hypervisor', w['hypervisor']),
            ('kernel', w['kernel']), ('user', w['user']), ('entries', w['entries']))}
    return result


def rows(text, counted, with_times):
    """The windows under the names that the console has for them, divided by the operations."""
    names = LINE.findall(text)
    stretches = list(windows(counted))
    if len(names) != len(stretches):
        print(f'bench: {len(names)} rows on the console, {len(stretches)} windows in {counted}', file=sys.stderr)
        sys.exit(2)
    result = {}
    for (name, count, _), w in zip(names, stretches):
        n = int(count) * (ROUNDS if with_times else 1)
        result[name] = {
            'all': (w['hypervisor'] + w['kernel'] + w['user']) / n,
            'hypervisor': w['hypervisor'] / n, 'kernel': w['kernel'] / n, 'user': w['user'] / n,
            'entries': w['entries'] / n, 'cr3': w['cr3_load'] / n,
            'flushes': (w['invlpg'] + w['cr4_write'] / 2) / n,
        }
    return result


def phases(text, counted):
    """A boot in millions of instructions, by what ran until the next began."""
    told = {'hypervisor': 'the hypervisor begins', 'kernel': 'the kernel begins',
            'program': 'the first program begins', 'benchmark': 'the benchmark begins'}
    result, before = {}, 0
    for name, *counts in re.findall(r'^phase (\w+) (\d+) (\d+) (\d+)$', open(counted).read(), re.M):
        now = sum(map(int, counts))
        result[f'until {told[name]}'] = (now - before) / 1e6
        before = now
    unpacking = re.search(r'kernel unpacked, .* in (\d+) ms', text)
    if unpacking:  # a millisecond of virtual time is a million instructions
        result['of it unpacking the kernel'] = float(unpacking.group(1))
    return result
