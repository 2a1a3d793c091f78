# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""What a comparison is told as: a Markdown table, and the ratios that matter."""

import os
import platform
import statistics

import engines

OURS, BASE = "feast", "scan"
ORDERS = {"key": "each file a range of keys, sorted by key and time", "shuffled": "rows in no order over all files"}


def machine():
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def medians(result):
    """Median seconds, seconds of the query alone (None where the whole process is the query) and megabytes, by engine."""
    found = {}
    for peer, runs in result["results"].items():
        inside = [r["answer"]["query_seconds"] for r in runs if "query_seconds" in r["answer"]]
        found[peer] = {"seconds": statistics.median(r["seconds"] for r in runs),
                       "query": statistics.median(inside) if inside else None,
                       "megabytes": statistics.median(r["megabytes"] for r in runs)}
    return found


def shape(result):
    """The workload in one sentence."""
    meta = result["meta"]
    parts = [f"{result['views']} view{'s' if result['views'] > 1 else ''}, {result['rows']:,} history rows, "
             f"{result['features']} features, {meta['entities']:,} entity rows"]
    if meta.get("entity_days"):
        parts[0] += f" of the last {meta['entity_days']:g} of {meta['days']} days"
    parts.append(f"{meta['keys']:,} keys" + (f", zipf {meta['zipf']:g}" if meta.get("zipf") else "")
                 + (" as strings" if meta.get("key_type") == "varchar" else ""))
    if meta.get("order") in ORDERS:
        parts.append(ORDERS[meta["order"]])
    parts.append(f"TTL {meta['ttl_days']:g} days")
    parts.append(f"{result['bytes'] / 1e6:,.0f} MB of Parquet in {meta['files'] * result['views']} files")
    return "; ".join(parts) + f". {result['machine']}; {result['runs']} interleaved runs."


def rows(result, median):
    """The lines of the table: engines that answered, fastest join first, then the scan, then those without an answer."""
    lines = []
    for peer in sorted(median, key=lambda peer: (peer == BASE, median[peer]["seconds"])):
        seconds = [r["seconds"] for r in result["results"][peer]]
        answer, m = result["results"][peer][0]["answer"], median[peer]
        alone = f"{m['query']:.2f}" if m["query"] is not None else "–"
        shown = f"{answer['matched']:,} | {answer['total']:.4f}" if peer != BASE else "– | –"
        lines.append(f"| {engines.title(peer, answer)} | {m['seconds']:.2f} | {min(seconds):.2f} | {max(seconds):.2f} "
                     f"| {alone} | {m['megabytes']:.0f} | {shown} |")
    for peer, note in result["notes"].items():
        lines.append(f"| {engines.title(peer)} | {note} | – | – | – | – | – | – |")
    return lines


def best_other(median):
    """The other engine whose query alone is fastest, or None."""
    others = {peer: m["query"] for peer, m in median.items() if m["query"] is not None}
    return min(others, key=others.get) if others else None


def ratios(median):
    """How far our join is from the scan, from the fastest other engine, and from DuckDB's memory."""
    if OURS not in median:
        return []
    ours, lines = median[OURS], []
    if BASE in median:
        lines.append(f"{ours['seconds'] / median[BASE]['seconds']:.2f} times the bare scan's time")
    best = best_other(median)
    if best:
        lines.append(f"{median[best]['seconds'] / ours['seconds']:.1f} times as fast as the best of the others, {best}, "
                     f"and {median[best]['query'] / ours['seconds']:.1f} times as fast as its query alone")
    if "duckdb" in median:
        lines.append(f"{ours['megabytes'] / median['duckdb']['megabytes']:.2f} of DuckDB's memory")
    return ["`feast_pit_join`: " + "; ".join(lines) + "."] if lines else []


def markdown(result):
    median = medians(result)
    lines = [
        f"### {result['name']}", "", shape(result), "",
        "| engine | seconds, median | from | to | query alone | peak memory, MB | matched | sum |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *rows(result, median), "",
        *ratios(median),
    ]
    if result["compared"]:
        lines += ["", result["compared"] + "."]
    return "\n".join(lines) + "\n"


def summary(results):
    """One line a workload: the ratios beside each other."""
    lines = ["| workload | feast, s | scan, s | of the scan | best other | its process, s | its query, s | feast, MB "
             "| DuckDB, MB |",
             "|---|---:|---:|---:|---|---:|---:|---:|---:|"]
    for result in results:
        median = medians(result)
        ours, base, duckdb = (median.get(peer) for peer in (OURS, BASE, "duckdb"))
        best = best_other(median)
        cells = [
            f"{ours['seconds']:.2f}" if ours else "–",
            f"{base['seconds']:.2f}" if base else "–",
            f"{ours['seconds'] / base['seconds']:.2f}" if ours and base else "–",
            best or "–",
            f"{median[best]['seconds']:.2f}" if best else "–",
            f"{median[best]['query']:.2f}" if best else "–",
            f"{ours['megabytes']:.0f}" if ours else "–",
            f"{duckdb['megabytes']:.0f}" if duckdb else "–",
        ]
        lines.append(f"| {result['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
