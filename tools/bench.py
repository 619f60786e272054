"""How much faster is the library than plain implementations, and than other libraries, at the same thing?

    python tools/bench.py [--out runs/bench.json] [--quick] [--threads N] [--only NAME] [--without NAME]

Each line is a ratio of two times that are measured in turn, A B A B (MAR-B: one call each): the median
over the rounds, with the smallest and the largest; results are compared first. Where the work is bounded by
matrix products or by reading memory, the share of that limit stands beside it; the limit is measured in the
same run. Libraries that are compared are in the extra `bench`
(pip install 'collapse-of-patches[bench]'); a line is left out where its library is missing. With a GPU,
dependencies, MAR-B, ViTs and ranked ViTs are measured there too. Writes everything, with hardware, commit and
versions, as JSON, and names what became slower by more than 15 % than in the committed run, if that was on
the same hardware.
"""

import argparse
import json
import platform
import statistics
import sys
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from bench_models import bench_mar, bench_ranked, bench_vit
from bench_orders import bench_coverage, bench_dependencies, bench_estimators, bench_files, bench_pagerank

ROOT = Path(__file__).resolve().parent.parent


def hardware():
    "What the times depend on."
    from cop.core.ahead import cpu_cores

    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        cpu = next(
            (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
            cpu,
        )
    return dict(
        cpu=cpu,
        cores=cpu_cores(),
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        networkx=nx.__version__,
    )


def with_ratio(row):
    """A row with the median of its ratios over the rounds, and the smallest and the largest.

    `share_of_limit` is the fastest that the machine could be, in shares of what was measured."""
    plain, ours = (getattr(row[k], "rounds", [row[k]]) for k in ("plain", "ours"))
    ratios = sorted(a / b for a, b in zip(plain, ours))
    share = row["limit"] / row["ours"] if row["limit"] else None
    return row | {
        "ratio": statistics.median(ratios),
        "spread": [ratios[0], ratios[-1]],
        "share_of_limit": share,
    }


def described(row):
    "A row as a line of text."
    spread = "({:.1f} … {:.1f})".format(*row["spread"])
    limit = f"{row['share_of_limit']:4.0%} of the limit" if row["share_of_limit"] else ""
    verdict = "" if row["ratio"] >= row["goal"] else f"   below the goal of {row['goal']:g}"
    times = f"{1e3 * row['plain']:9.1f} ms → {1e3 * row['ours']:8.1f} ms"
    return f"{row['ratio']:7.1f}× {spread:16}{times} {limit:17} {row['name']}{verdict}"


SLOWER = 1.15  # times slower than the committed run, beside its plain implementation, is said


def slower_than_committed(rows, here, committed=ROOT / "data" / "results" / "bench.json"):
    "Lines that name what became slower than in the committed run, if that was on the same hardware."
    known = json.loads(committed.read_text(encoding="utf-8"))
    same = all(known["hardware"][k] == here[k] for k in ("cpu", "cores", "threads", "gpu"))
    before = {row["name"]: row["ratio"] for row in known["results"]} if same else {}
    return [
        f"slower than in the committed run: {row['name']}, {row['ratio']:.1f}× for {before[row['name']]:.1f}×"
        for row in rows
        if row["name"] in before and SLOWER * row["ratio"] < before[row["name"]]
    ]


TASKS = dict(
    files=bench_files,
    pagerank=bench_pagerank,
    coverage=bench_coverage,
    estimators=bench_estimators,
    dependencies=bench_dependencies,
    mar=bench_mar,
    vit=bench_vit,
    ranked=bench_ranked,
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "runs" / "bench.json", help="the JSON file to write"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=(
            "time everything twice only, and MAR-B for 2 steps instead of 64 (which take a quarter of an "
            "hour on two cores)"
        ),
    )
    parser.add_argument(
        "--only",
        choices=TASKS,
        help="measure this alone; other lines that the file has of the same hardware are kept",
    )
    parser.add_argument(
        "--without",
        choices=TASKS,
        help="leave this out, such as mar; other lines that the file has of the same hardware are kept",
    )
    parser.add_argument(
        "--gpu", action="store_true", help="measure what is measured on a GPU, and nothing else"
    )
    parser.add_argument(
        "--threads", type=int, help="threads that PyTorch uses; 1 where other work keeps the machine busy"
    )
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    rounds = 2 if args.quick else 10
    if args.threads:
        torch.set_num_threads(args.threads)
    from cop.report.results import provenance

    here, commit, measured = hardware(), provenance()["commit"], []
    print(", ".join(f"{k} {v}" for k, v in here.items()), flush=True)
    tasks = [t for name, t in TASKS.items() if args.only in (None, name) and name != args.without]
    if torch.cuda.is_available():
        tasks = [
            partial(t, device="cuda")
            for t in tasks
            if t in (bench_dependencies, bench_mar, bench_vit, bench_ranked)
        ] + (tasks if not args.gpu else [])
    elif args.gpu:
        parser.error("there is no GPU that PyTorch can use here")
    for task in tasks:
        for r in task(rounds):
            measured.append(with_ratio(r) | {"commit": commit})
            print(described(measured[-1]), flush=True)
    results = measured
    if (args.only or args.without) and args.out.exists():
        old = json.loads(args.out.read_text(encoding="utf-8"))
        again = {row["name"] for row in measured}
        if old["hardware"] == here:
            results = [row for row in old["results"] if row["name"] not in again] + measured
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"hardware": here, "results": results}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {args.out}")
    for line in slower_than_committed(measured, here):
        print(line)


if __name__ == "__main__":
    main()
