"""The plot of calls, time and memory against members, as SVG."""

import math

from programs import NAIVE, PACKWATCH, THREADS

PACKS, MEMBERS, FAILING = 50, [100, 200, 500, 1_000, 2_000, 5_000, 10_000], 10
# What is measured of each point after its members: title, and the axis from where to where, in decades or even.
PANELS = [("AWS Config calls", "log", 10, 10_000), ("seconds", "log", 0.1, 1_000), ("peak memory, MB", "even", 0, 80)]
# Told apart by print and by people who do not see colours, too.
LINES = {PACKWATCH: ("#0b6e4f", "none"), THREADS: ("#1f5fbf", "6 3"), NAIVE: ("#b3401f", "2 3")}
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 220, 50, 60, 60


def drawn(points):
    """`points` are lists of members, calls, seconds and MB, by the name of the program."""
    total, bottom = LEFT + len(PANELS) * (WIDTH + GAP) - GAP + 20, TOP + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {bottom + 50}" width="{total}"'
        ' font-family="sans-serif" font-size="11" fill="#222">',
        "<title>Calls, time and memory of one run against members of a pack</title>",
        f'<rect width="{total}" height="{bottom + 50}" fill="#fff"/>',
    ]
    for number, name in enumerate(points):
        parts += [line_of(name, [(LEFT + 200 * number, 20), (LEFT + 200 * number + 30, 20)])]
        parts += [text(LEFT + 200 * number + 36, 24, name)]
    for number, panel in enumerate(PANELS):
        parts += panel_of(LEFT + number * (WIDTH + GAP), number, panel, points)
    middle = LEFT + len(PANELS) * (WIDTH + GAP) / 2
    parts += [text(middle, bottom + 40, f"members of each of {PACKS} packs, {FAILING} of them failing", "middle")]
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel_of(left, number, panel, points):
    title, kind, low, high = panel
    parts = [text(left, TOP - 10, title, size=13)]
    for value in marks(kind, low, high):
        y = TOP + HEIGHT * (1 - part(kind, low, high, value))
        parts += [f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#ddd"/>', text(left - 6, y + 4, f"{value:,g}", "end")]
    for value in (100, 1_000, 10_000):
        parts += [text(across(left, value), TOP + HEIGHT + 18, f"{value:,}", "middle")]
    for name, line in points.items():
        places = [
            (across(left, point[0]), TOP + HEIGHT * (1 - part(kind, low, high, point[1 + number]))) for point in line
        ]
        parts += [line_of(name, places), *(dot(name, *place) for place in places)]
    return parts


def marks(kind, low, high):
    if kind == "even":
        return range(low, high + 1, 20)
    return [10.0**power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def part(kind, low, high, value):
    """How far up the axis a value is, of 1."""
    if kind == "even":
        return (value - low) / (high - low)
    return math.log(value / low) / math.log(high / low)


def across(left, members):
    return left + WIDTH * part("log", MEMBERS[0], MEMBERS[-1], members)


def line_of(name, places):
    colour, dashes = LINES[name]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'


def dot(name, x, y):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{LINES[name][0]}"/>'


def text(x, y, words, anchor="start", size=11):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'
