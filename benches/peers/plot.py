# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""The comparison as one SVG: for each workload a bar per engine, time over the bare scan's and peak memory."""

import math
from html import escape

import tables

COLOURS = {"feast": "#d1495b", "scan": "#8d99ae", "duckdb": "#e0a800", "polars": "#30638e", "chdb": "#6a994e",
           "pyiceberg": "#a47148", "feast-python": "#7b5ea7"}
LABELS = {"feast": "feast_pit_join", "scan": "bare scan", "duckdb": "DuckDB (Iceberg)", "polars": "Polars",
          "chdb": "ClickHouse (chdb)", "pyiceberg": "PyIceberg + DuckDB", "feast-python": "Feast, IcebergSource"}
BAR, GAP, TOP = 13, 16, 92
PANELS = [{"title": "time, times the bare scan", "left": 120, "width": 330},
          {"title": "peak memory, MB", "left": 560, "width": 330}]
WIDTH = 960


class Axis:
    """A logarithmic axis from one power of ten to another."""

    def __init__(self, values, left, width):
        self.low = math.floor(math.log10(min(values)) - 1e-9)
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.left, self.width = left, width

    def at(self, value):
        return self.left + self.width * (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]


def text(x, y, content, anchor="start", size=11, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
            f'text-anchor="{anchor}">{escape(content)}</text>')


def number(value):
    """Three significant digits at most, thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def groups(results):
    """Workloads with the values of both panels by engine; a workload without a bare scan has no ratios."""
    found = []
    for result in results:
        median = tables.medians(result)
        base = median.get(tables.BASE, {}).get("seconds")
        bars = [(peer, m["seconds"] / base if base else None, m["megabytes"])
                for peer in COLOURS if (m := median.get(peer))]
        notes = {peer: note for peer, note in result["notes"].items() if peer in COLOURS}
        found.append((result["name"], bars, notes))
    return found


def legend(peers):
    lines, x = [], 120
    for peer in peers:
        lines.append(f'<rect x="{x}" y="34" width="11" height="11" fill="{COLOURS[peer]}"/>')
        lines.append(text(x + 15, 44, LABELS[peer]))
        x += 30 + 6.1 * len(LABELS[peer])
    return lines


def grid(axis, title, bottom):
    lines = [text(axis.left, 66, title, size=12, weight="bold")]
    for tick in axis.ticks():
        x = axis.at(tick)
        lines.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        lines.append(text(x, TOP - 10, number(tick), anchor="middle", size=10))
    return lines


def bar(axis, y, value, colour):
    end = axis.at(value)
    return [f'<rect x="{axis.left}" y="{y + 1}" width="{max(end - axis.left, 1):.1f}" height="{BAR - 2}" fill="{colour}"/>',
            text(end + 4, y + BAR - 3, number(value), size=10)]


def svg(results):
    """The whole drawing."""
    workloads = groups(results)
    axes = []
    for index, panel in enumerate(PANELS, start=1):
        values = [entry[index] for _, bars, _ in workloads for entry in bars if entry[index]]
        axes.append(Axis(values or [1], panel["left"], panel["width"]))
    body, y = [], TOP
    for name, bars, notes in workloads:
        middle = y + BAR * (len(bars) + len(notes)) / 2
        body.append(text(110, middle + 4, name, anchor="end", size=12, weight="bold"))
        for peer, *values in bars:
            for axis, value in zip(axes, values):
                body += bar(axis, y, value, COLOURS[peer]) if value else []
            y += BAR
        for peer, note in notes.items():
            body.append(text(axes[0].left + 2, y + BAR - 3, f"{LABELS[peer]}: {note[:60]}", size=10))
            y += BAR
        y += GAP
    shown = [peer for peer in COLOURS if any(peer == entry[0] for _, bars, _ in workloads for entry in bars)]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
             'font-family="sans-serif" fill="#222">', f'<rect width="{WIDTH}" height="{y}" fill="white"/>',
             text(120, 20, "Point-in-time join: whole processes, medians; logarithmic axes, shorter is better", size=13)]
    parts += legend(shown)
    for axis, panel in zip(axes, PANELS):
        parts += grid(axis, panel["title"], y - GAP)
    return "\n".join([*parts, *body, "</svg>"]) + "\n"
