"""Does `cop cost` predict what jobs take? Real runs at two sizes, 1 : 4, between predictions.

    python tools/check_cost.py PHOTOS            orders by 1 and 2 processes, and a training of CoMAE
    python tools/check_cost.py PHOTOS --only comae --seconds 20
    python tools/check_cost.py --imagenet        what the commands of docs/howto.md predict for ImageNet-1k

PHOTOS is a folder of pictures of 256 pixels, 500 or so; more are links to them. Predictions and real runs
take turns, since other work on the machine comes and goes. Their medians in seconds and their ratio are
written, with the hardware and the load of the machine, into data/results/cost.json; the predictions for
ImageNet-1k into cost.imagenet.json. It is no part of `make test`: it takes minutes.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cop.images.sources import load_images
from cop.report.cost import Rates, busiest, link_pictures
from cop.report.results import write_result

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"order": (250, 1000), "comae": (40, 160)}  # images, steps
JOBS = {"order, 1 process": 1, "order, 2 processes": 2, "comae, 1 process": 1}
COMAE = {"image_size": 64, "patch_size": 8, "batch_size": 32}


def words(options):
    return [str(word) for name, value in options.items() for word in (f"--{name}", value)]


def timed(command):
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stderr[-2000:]}")
    return time.monotonic() - begin


def predict(job, photos, seconds):
    "The rates that `cop cost` measures."
    with tempfile.TemporaryDirectory() as folder:
        own = {"task": "order", "images": 1000}
        if job.startswith("comae"):
            own = {"task": "train-comae", "images": 400, "steps": 160, **COMAE}
        own |= {"processes": JOBS[job], "source": photos, "seconds": seconds, "out": folder}
        timed([sys.executable, "-m", "cop.cli.start", "cost", *words(own)])
        return json.loads(Path(folder, "cost.json").read_text())["rates"]


def real(job, photos, size):
    "Seconds that the job takes, from the start of Python to its end."
    count = JOBS[job]
    with tempfile.TemporaryDirectory() as folder:
        if job.startswith("comae"):
            own = {"source": photos, "steps": size, "out": f"{folder}/run", **COMAE}
            return timed([sys.executable, "-m", "cop.cli.start", "train", "comae", *words(own)])
        images = load_images(photos, "all")
        link_pictures(f"{folder}/photos", [images.folder / name for name in images.files], size)
        own = {"source": f"{folder}/photos", "out": f"{folder}/orders"}
        command = [sys.executable, "-m", "cop.cli.start", "order"]
        if count > 1:
            launch = f"accelerate.commands.launch --cpu --num_processes {count} --num_machines 1"
            launch += " --mixed_precision no --dynamo_backend no --main_process_port 0 -m cop.cli.start order"
            command, own = [sys.executable, "-m", *launch.split()], own | {"engine": "accelerate"}
        return timed([*command, *words(own)])


def predicted(job, rates, size):
    if job.startswith("comae"):
        return Rates(**rates).seconds(400, size, -(-size // 200))
    return Rates(**rates).seconds(size, busiest(size, JOBS[job]))


def check(job, photos, seconds, repeats):
    "Rows of a job, a size each."
    sizes, rates, took = SIZES[job.split(",")[0]], [], {}
    for _ in range(repeats):
        rates.append(predict(job, photos, seconds))
        for size in sizes:
            took.setdefault(size, []).append(real(job, photos, size))
    rates.append(predict(job, photos, seconds))
    rows = []
    for size in sizes:
        every = [predicted(job, its, size) for its in rates]
        mine, measured = statistics.median(every), statistics.median(took[size])
        row = {"job": job, "size": size, "predicted": round(mine, 1), "measured": round(measured, 1)}
        row |= {"ratio": round(mine / measured, 3), "every_prediction": [round(x, 1) for x in every]}
        row |= {"every_run": [round(x, 1) for x in took[size]], "load": round(os.getloadavg()[2], 1)}
        rows.append(row)
        print(row, flush=True)
    return rows


def imagenet():
    "Every `cop cost` of the how-to, and what it predicts."
    rows = []
    for line in (ROOT / "docs" / "howto.md").read_text(encoding="utf-8").splitlines():
        command = line.partition("#")[0].strip()
        if not command.startswith("cop cost --task"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            options = [*shlex.split(command)[2:], "--out", folder]
            timed([sys.executable, "-m", "cop.cli.start", "cost", *options])
            rows.append({"command": command} | json.loads(Path(folder, "cost.json").read_text()))
        print(command, f"{rows[-1]['seconds'] / 3600:.2f} h", flush=True)
    return {"rows": rows, "cores": os.cpu_count()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?")
    parser.add_argument("--imagenet", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "results" / "cost.json")
    args = parser.parse_args()
    if args.imagenet:
        return write_result(args.out.with_name("cost.imagenet.json"), imagenet())
    if not args.photos:
        parser.error("name a folder of pictures, or pass --imagenet")
    there = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    for job in JOBS:
        if args.only in job:
            photos = str(Path(args.photos).resolve())
            there = [row for row in there if row["job"] != job] + check(
                job, photos, args.seconds, args.repeats
            )
            write_result(args.out, {"rows": there, "unit": "seconds", "cores": os.cpu_count()})


if __name__ == "__main__":
    main()
