# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors
"""Run every engine on one workload several times, in turn; check that they agree; print a table.

Called by run.sh, which makes the environment.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engines
import full_compare
import tables
import workload
from full_compare import DifferentAnswers


def set_apart():
    """In the child: if memory runs out, the engine that took it is ended, not some other process."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass  # Not Linux: the operating system decides.


def run(command, scratch, limit):
    """One run under GNU time: seconds and peak memory of the whole process, and its answer or why there is none."""
    usage = scratch / "usage"
    timed = ["/usr/bin/time", "-v", "-o", str(usage), *command]
    start = time.perf_counter()
    process = subprocess.Popen(timed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=scratch,
                               start_new_session=True, preexec_fn=set_apart)
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"note": f"given up after {limit:g} s"}
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        return {"note": failure(process.returncode, output + errors)}
    kilobytes = next(line.split()[-1] for line in usage.read_text().splitlines() if "Maximum resident" in line)
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("[")]
    return {"seconds": seconds, "megabytes": int(kilobytes) / 1024, "answer": answers[-1][0] if answers else {}}


def failure(code, text):
    """Why a run ended early: the signal (GNU time adds 128 to its number), or the last line that it printed."""
    if code == 128 + signal.SIGKILL:
        return "killed, as when memory runs out"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"failed ({code}): {lines[-1][:200] if lines else 'no output'}"


def check_answers(results):
    """The joins must agree: rows and matches exactly, the sum of doubles up to its rounding."""
    answers = [(peer, r["answer"]) for peer, runs in results.items() if peer != "scan" for r in runs]
    for peer, answer in answers[1:]:
        first_peer, first = answers[0]
        same = (first["n"], first["matched"]) == (answer["n"], answer["matched"])
        if not same or abs(first["total"] - answer["total"]) > 1e-3:
            raise DifferentAnswers(f"{first_peer} {first}, {peer} {answer}")


def read_files(job):
    """Every engine finds the files in the page cache, the first one too."""
    for path in [job["entities"], *(file for view in job["views"] for file in view["files"])]:
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass


def compare_rows(peers, commands, scratch, limit):
    """Has each engine write its rows once and compares them; what was compared, as a sentence."""
    answers, notes = {}, []
    for peer in peers:
        path = scratch / f"{peer}.parquet"
        result = run(commands.command(peer, path), scratch, limit)
        if "note" in result:
            notes.append(f"{peer}: {result['note']}")
        else:
            answers[peer] = path
    if len(answers) < 2:
        return "Rows not compared: " + "; ".join(notes)
    rows = full_compare.compare(answers)
    for path in answers.values():
        path.unlink()
    return "; ".join([f"All {rows:,} rows of {', '.join(answers)} are equal, bit for bit", *notes])


def measure(name, directory, arguments, skipped=None):
    """Compares the engines on one workload. `skipped` names the engines that are not run, and why."""
    job = engines.read_workload(directory)
    notes = dict(skipped or {})
    peers = [peer for peer in arguments.peers if peer not in notes]
    results = {peer: [] for peer in peers}
    read_files(job)
    with tempfile.TemporaryDirectory(prefix="peers-", dir=arguments.scratch) as folder:
        scratch = Path(folder)
        commands = engines.Engines(job, arguments.feast_sql, arguments.feast_python, scratch)
        for number in range(arguments.runs):
            for peer in [peer for peer in peers if peer not in notes]:
                result = run(commands.command(peer), scratch, arguments.limit)
                if "note" in result:
                    notes[peer] = result["note"]
                    results.pop(peer)
                else:
                    results[peer].append(result)
                print(f"{name}, run {number + 1}, {peer}: " + result.get("note", "{seconds:.2f} s, {megabytes:.0f} MB")
                      .format_map(result), file=sys.stderr)
        check_answers(results)
        compared = None
        if arguments.full_compare:
            writers = [peer for peer in arguments.full_compare if peer not in notes and peer != "scan"]
            compared = compare_rows(writers, commands, scratch, arguments.limit)
    meta = json.loads((directory / "meta.json").read_text())
    bytes_read = sum(Path(file).stat().st_size for view in job["views"] for file in view["files"])
    return {"name": name, "meta": meta, "views": len(job["views"]), "rows": sum(v["rows"] for v in job["views"]),
            "features": sum(len(v["features"]) for v in job["views"]), "bytes": bytes_read, "runs": arguments.runs,
            "machine": tables.machine(), "results": results, "notes": notes, "compared": compared}


def own_failures(result):
    """Another engine's failure is a line of the table; one of ours fails the run."""
    return [f"{result['name']}, {peer}: {result['notes'][peer]}" for peer in ("feast", "scan") if peer in result["notes"]]


def names(text):
    """A list of engines, checked."""
    peers = text.split(",")
    unknown = set(peers) - set(engines.TITLES)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown {', '.join(sorted(unknown))}, expected some of "
                                         f"{', '.join(engines.TITLES)}")
    return peers


def add_arguments(parser):
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=names, default=list(engines.TITLES))
    parser.add_argument("--feast-sql", type=Path, help="the release binary; built when not given")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which an engine is given up")
    parser.add_argument("--full-compare", nargs="?", type=names, const=["feast", "duckdb", "polars"],
                        help="also compare all rows of these engines (default: feast,duckdb,polars)")
    parser.add_argument("--scratch", type=Path, help="folder for engines' temporary files")


def prepare(arguments):
    """Finds or makes the programs that the chosen engines need."""
    if arguments.feast_sql:
        arguments.feast_sql = arguments.feast_sql.absolute()
    elif set(arguments.peers) & {"feast", "scan"}:
        arguments.feast_sql = engines.build_shell()
    wanted = {*arguments.peers, *(arguments.full_compare or [])}
    arguments.feast_python = engines.make_feast_python(arguments.cache) if "feast-python" in wanted else None


def main():
    parser = argparse.ArgumentParser(prog="run.sh", description="Compare feast-sql with its peers on one workload.")
    parser.add_argument("--dir", type=Path, help="the workload; made when it is not there")
    parser.add_argument("--out", type=Path, help="also write the table here")
    add_arguments(parser)
    workload.add_arguments(parser)
    arguments = parser.parse_args()
    prepare(arguments)
    directory = (arguments.dir or arguments.cache / "default").absolute()
    if not (directory / "meta.json").exists():
        workload.make(directory, arguments)
    try:
        result = measure(directory.name, directory, arguments)
    except DifferentAnswers as difference:
        raise SystemExit(f"different answers: {difference}")
    table = tables.markdown(result)
    print(table)
    if arguments.out:
        arguments.out.write_text(table)
    if own_failures(result):
        raise SystemExit("\n".join(own_failures(result)))


if __name__ == "__main__":
    main()
