# SPDX-License-Identifier: GPL-2.0-only
"""A picture of the table: for each row a bar for Xen and one for Pavis, on a scale of powers of ten."""
import math

LEFT, WIDTH, BAR, GAP, TOP = 210, 640, 9, 8, 60
COLOURS = {'xen': '#b0b0b0', 'pavis': '#2060a0'}


def svg(path, results, title):
    names = [n for n in results['pavis'] if n in results['xen'] and results['xen'][n]['hypervisor'] >= 10]
    most = max(results[k][n]['hypervisor'] for n in names for k in COLOURS)
    decades = math.ceil(math.log10(most))
    height = TOP + len(names) * (2 * BAR + GAP) + 30

    def x(value):
        return LEFT + WIDTH * max(math.log10(max(value, 1)), 0) / decades

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 110}" height="{height}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="20" font-size="14">{title}</text>']
    for d in range(decades + 1):
        out.append(f'<line x1="{x(10 ** d):.1f}" x2="{x(10 ** d):.1f}" y1="{TOP - 8}" y2="{height - 25}" stroke="#ddd"/>')
        out.append(f'<text x="{x(10 ** d):.1f}" y="{TOP - 12}" text-anchor="middle">{10 ** d:,}</text>')
    for i, (kind, colour) in enumerate(COLOURS.items()):
        out.append(f'<rect x="{LEFT + i * 80}" y="{height - 18}" width="12" height="10" fill="{colour}"/>')
        out.append(f'<text x="{LEFT + 16 + i * 80}" y="{height - 9}">{kind.capitalize()}</text>')
    y = TOP
    for name in names:
        out.append(f'<text x="{LEFT - 8}" y="{y + BAR + 4}" text-anchor="end">{name}</text>')
        for i, (kind, colour) in enumerate(COLOURS.items()):
            value = results[kind][name]['hypervisor']
            out.append(f'<rect x="{LEFT}" y="{y + i * BAR}" width="{x(value) - LEFT:.1f}" height="{BAR - 1}" fill="{colour}"/>')
        ratio = results['pavis'][name]['hypervisor'] / results['xen'][name]['hypervisor']
        end = max(x(results[k][name]['hypervisor']) for k in COLOURS)
        out.append(f'<text x="{end + 6:.1f}" y="{y + BAR + 4}">{ratio:.2f}</text>')
        y += 2 * BAR + GAP
    with open(path, 'w') as f:
        f.write('\n'.join(out) + '\n</svg>\n')
