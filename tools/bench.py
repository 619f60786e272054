"""How much faster is the library than plain implementations, than other libraries, and than itself?

    python tools/bench.py [--out FILE] [--quick] [--threads N] [--only NAME | --without NAME] [--gpu]

Each line is a ratio of two times that are measured in turn, A B A B, each after a rest and, below a second, a
call that is not counted; a quick function is called several times in a row. MAR-B is called once. The ratio
is the median over the rounds, with the smallest and the largest; the times are medians of their own. Where
both sides should give the same, their results are compared. The share of the limit is how much of our time
the matrix products alone would take (or the reading of graphs, or the decoding of files), at the rate that
the machine reaches for large ones in the same run; single products may be faster than that. Libraries that
are compared are in the extra `bench` (pip install 'collapse-of-patches[bench]'); a line is left out where its
library is missing. With a GPU, dependencies, MAR-B, ViTs and rankers are measured there too. Everything is
written as JSON after each line, with hardware, commit and versions. What was slower by more than 15 % than in
the committed run, in every round, is named, if that was on the same hardware.
"""

import argparse
import json
import platform
import statistics
import sys
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from bench_models import bench_mar, bench_ranked, bench_rankers, bench_vit
from bench_orders import bench_coverage, bench_dependencies, bench_estimators, bench_files, bench_pagerank
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent


LIBRARIES = ("igraph", "fast-pagerank", "scikit-network", "timm", "torchvision", "pillow")
MODULES = {"fast-pagerank": "fast_pagerank", "scikit-network": "sknetwork", "pillow": "PIL"}


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
        **{name: version(name) for name in LIBRARIES if find_spec(MODULES.get(name, name))},
    )


def with_ratio(row):
    """A row with the median of its ratios over the rounds, and the smallest and the largest.

    `share_of_limit` is `limit` in shares of our time."""
    plain, ours = (getattr(row[k], "rounds", [row[k]]) for k in ("plain", "ours"))
    ratios = sorted(a / b for a, b in zip(plain, ours))
    share = row["limit"] / row["ours"] if row["limit"] else None
    return row | {
        "ratio": statistics.median(ratios),
        "rounds": len(ratios),
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


SLOWER = 1.15  # times slower than the committed run in every round, beside its plain implementation, is said


def slower_than_committed(rows, here, committed=ROOT / "data" / "results" / "bench.json"):
    "Lines that name what became slower than in the committed run, if that was on the same hardware."
    known = json.loads(committed.read_text(encoding="utf-8"))
    same = all(known["hardware"][k] == here[k] for k in ("cpu", "cores", "threads", "gpu"))
    before = {row["name"]: row["ratio"] for row in known["results"]} if same else {}
    return [
        f"slower than in the committed run: {row['name']}, {row['ratio']:.1f}× for {before[row['name']]:.1f}×"
        for row in rows
        if row["name"] in before and SLOWER * row["spread"][1] < before[row["name"]]
    ]


TASKS = dict(
    files=bench_files,
    pagerank=bench_pagerank,
    coverage=bench_coverage,
    estimators=bench_estimators,
    dependencies=bench_dependencies,
    mar=bench_mar,
    vit=bench_vit,
    rankers=bench_rankers,
    ranked=bench_ranked,
)


ON_GPU = ("dependencies", "mar", "vit", "rankers", "ranked")


def chosen_tasks(args):
    "Name, device and function of every task, those on the GPU first."
    names = [name for name in TASKS if args.only in (None, name) and name != args.without]
    on_gpu = [(n, "cuda", partial(TASKS[n], device="cuda")) for n in names if n in ON_GPU]
    on_cpu = [(n, "cpu", TASKS[n]) for n in names]
    return (on_gpu if torch.cuda.is_available() else []) + ([] if args.gpu else on_cpu)


ABOUT = (
    "plain, ours, limit, first_call: seconds; ratio: median over the rounds of plain / ours; spread: least "
    "and most; goal: of the ratio, 0: none; share_of_limit: limit / ours"
)


def rows_there(path, here):
    "Rows that a file has. Raises ValueError if it cannot be one, or is of other hardware or versions."
    if path.is_dir():
        raise ValueError(f"--out {path} is a folder: name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return []
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        rows, other = there["results"], there["hardware"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"--out {path} is no result of this benchmark: choose another file") from None
    if other != here:
        apart = ", ".join(f"{k} {v}" for k, v in other.items() if v != here.get(k))
        raise ValueError(f"--out {path} is of another machine or versions ({apart}): choose another file")
    return rows


def write(rows, path, here):
    "Write all rows."
    text = json.dumps({"hardware": here, "about": ABOUT, "results": rows}, indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


def positive(text):
    "A number of threads."
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of threads; at least 1")
    return int(text)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "runs" / "bench.json",
        help="the JSON file to write; other tasks that it has of the same hardware are kept",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=(
            "two rounds only, and MAR-B for 2 steps instead of 64 (which take a quarter of an hour on two "
            "cores); not compared with the committed run"
        ),
    )
    some = parser.add_mutually_exclusive_group()
    some.add_argument(
        "--only",
        choices=TASKS,
        help="measure this alone (ranked: ranker and ViT; rankers: what an order costs)",
    )
    some.add_argument("--without", choices=TASKS, help="leave this out, such as mar")
    parser.add_argument(
        "--gpu", action="store_true", help="measure what is measured on a GPU, and nothing else"
    )
    parser.add_argument(
        "--threads",
        type=positive,
        help="threads that PyTorch uses; 1 where other work keeps the machine busy",
    )
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if args.threads:
        torch.set_num_threads(args.threads)
        threadpool_limits(args.threads)  # those of NumPy and SciPy
    if not (tasks := chosen_tasks(args)):
        parser.error("nothing is left to measure: is there a GPU that PyTorch can use?")
    from cop.report.results import provenance

    here, commit, slower = hardware(), provenance()["commit"], []
    try:
        rows = rows_there(args.out, here)
    except (OSError, ValueError) as e:
        parser.error(str(e))
    print(", ".join(f"{k} {v}" for k, v in here.items()), flush=True)
    for name, device, task in tasks:
        measured = []
        rows = [row for row in rows if (row["task"], row["device"]) != (name, device)]
        for r in task(2 if args.quick else 10):
            measured.append({"task": name, "device": device} | with_ratio(r) | {"commit": commit})
            print(described(measured[-1]), flush=True)
            write(rows + measured, args.out, here)
        rows += measured
        slower += [] if args.quick else slower_than_committed(measured, here)
    print(f"written to {args.out}")
    for line in slower:
        print(line)
    if slower:
        print("other work on the machine changes ratios, too: measure again with nothing else running")


if __name__ == "__main__":
    main()
