#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write the list of everything that hypervisor/abi/ defines, as SIZE, FIELD, TYPE and CONST lines.

The list is taken from the headers themselves, so nothing can be defined there and not be compared
with Debian's.  A declaration that this small parser cannot read is an error, not a gap.

usage: list.py hypervisor-directory > list.def
"""
import glob
import os
import re
import subprocess
import sys

# Ours alone, each with its reason; everything else must exist in Debian's headers too.
OWN = {
    'guest_ptr_t': 'stands for all their typed guest handles',
    'XEN_RING_HEADER_SIZE': 'they write it as an offsetof',
    'DEFINE_RING_TYPES': 'a macro with the same name and three arguments; its products are compared',
    'EINTR': 'inside the hypervisor only', 'ERESTART': 'inside the hypervisor only',
    'TI_GET_DPL': 'takes a pointer', 'TI_GET_IF': 'takes a pointer',
    'MASK_XENCONS_IDX': 'takes an array',
    'TRC_PV_HYPERCALL_V2_ARG_32': 'shifts by its argument, which must be small',
    'TRC_PV_HYPERCALL_V2_ARG_64': 'the same',
}


def die(text):
    sys.exit('list.py: ' + text)


def preprocessed(root, header):
    """The text of one header after macro expansion, without what it includes from the system."""
    text = '#include "%s"\n' % os.path.relpath(header, root)
    out = subprocess.run(['gcc', '-E', '-I', root, '-x', 'c', '-'], input=text,
                         capture_output=True, text=True, check=True).stdout
    keep, lines = False, []
    for line in out.split('\n'):
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            keep = os.path.abspath(marker.group(1)) == os.path.abspath(header)
        elif keep:
            lines.append(line)
    return '\n'.join(lines)


def closing(text, start):
    """Index of the brace that closes the one at start."""
    depth = 0
    for i in range(start, len(text)):
        depth += {'{': 1, '}': -1}.get(text[i], 0)
        if depth == 0:
            return i
    die('unbalanced braces')


def members(body, prefix):
    """Yield the dotted name of each field of a struct body; a nested struct's fields too."""
    i = 0
    while True:
        while i < len(body) and body[i] in ' \t\n;':
            i += 1
        if i >= len(body):
            return
        nested = re.match(r'(struct|union)\s*\{', body[i:])
        if nested:
            start = i + nested.end() - 1
            end = closing(body, start)
            semi = body.index(';', end)
            name = body[end + 1:semi].strip()
            name = re.sub(r'\s*\[.*', '', name)
            if name:
                yield prefix + name
                yield from members(body[start + 1:end], prefix + name + '.')
            else:
                yield from members(body[start + 1:end], prefix)
            i = semi + 1
            continue
        semi = body.index(';', i)
        field = re.fullmatch(r'(?:(?:struct|union|enum|unsigned)\s+)?\w+\s+(\w+)\s*(\[.*\])?',
                             body[i:semi].strip())
        if not field:
            die('cannot read field "%s"' % body[i:semi].strip())
        flexible = field.group(2) and re.fullmatch(r'\[\s*\]', field.group(2))
        yield prefix + field.group(1) + ('[]' if flexible else '')
        i = semi + 1


def declarations(text):
    """Yield list lines for the types of one preprocessed header."""
    i = 0
    while True:
        while i < len(text) and text[i] in ' \t\n;':
            i += 1
        if i >= len(text):
            return
        typedef = re.match(r'typedef\s[^;{]*?(\w+)\s*(\[[^\]]*\])?;', text[i:])
        if typedef:
            if typedef.group(1) not in OWN:
                yield 'TYPE(%s)' % typedef.group(1)
            i += typedef.end()
            continue
        head = re.match(r'(struct|union|enum)\s+(\w+)\s*\{', text[i:])
        if not head:
            die('cannot read "%s"' % text[i:i + 60])
        start = i + head.end() - 1
        end = closing(text, start)
        body = text[start + 1:end]
        if head.group(1) == 'enum':
            for entry in filter(None, (e.strip() for e in body.split(','))):
                yield 'CONST(%s)' % entry.split()[0]
        else:
            kind = '%s %s' % (head.group(1), head.group(2))
            yield 'SIZE(%s)' % kind
            for field in members(body, ''):
                if field.endswith('[]'):
                    yield 'FLEX(%s, %s)' % (kind, field[:-2])
                else:
                    yield 'FIELD(%s, %s)' % (kind, field)
        i = end + 1


def constants(header):
    """Yield list lines for the macros of one header."""
    raw = open(header).read()
    for name, args in re.findall(r'^#define\s+(\w+)(\([^)]*\))?', raw, re.M):
        if name in OWN:
            continue
        if header.endswith('/errno.h'):
            yield 'ERRNO(%s)' % name
        elif args:
            yield 'CONST(%s(12345))' % name
        else:
            yield 'CONST(%s)' % name


def main():
    root = sys.argv[1]
    headers = sorted(glob.glob(root + '/abi/*.h') + glob.glob(root + '/abi/io/*.h'))
    if not headers:
        die('no headers in %s/abi' % root)
    for header in headers:
        print('/* %s */' % os.path.relpath(header, root))
        for line in list(declarations(preprocessed(root, header))) + list(constants(header)):
            print(line)


main()
