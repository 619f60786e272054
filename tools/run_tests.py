"""Everything that `make test` checks, one line a check, and a last line `N passed, N failed`.

    python tools/run_tests.py [--flags FLAG…] [--only TEXT…] [--workers N]

    --flags slow gpu    run the cells marked with these flags too (tst_flags of settings.ini; else left out)
    --only 02 wheel     only checks whose name contains one of these

Every notebook of nbs/ runs in a process of its own, in its folder, against this checkout's cop. The processes
are forked from one that has imported PyTorch and other packages, but not cop: importing them takes five
seconds. The templates of nbs/experiments/ go through papermill: one of them in a kernel, as users run them,
the others in forked processes. Further checks: is the library in sync with the notebooks, do README and docs
say what the results say, does the wheel work, do all commands run in turn, is the code in style, and do
imports run one way? The longest checks start first, so that the workers finish together: how long each takes
is kept in runs/test_seconds.json.
"""

import argparse
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
LIMIT = 900  # seconds after which a check counts as failed
RUNNING = set()  # process ids of the checks under way, each the head of a group
FORKS = multiprocessing.get_context("forkserver")
IMPORTED = [  # before the processes of notebooks are forked
    "accelerate",
    "matplotlib.pyplot",
    "nbdev.test",
    "networkx",
    "papermill",
    "safetensors.torch",
    "scipy.stats",
    "sklearn.linear_model",
    "timm",
    "torch",
    "torchmetrics",
    "torchvision",
]
SECONDS = ROOT / "runs" / "test_seconds.json"  # name of a check: seconds of its last run
LINT_IMPORTS = (
    "import sys; from importlinter.cli import lint_imports; "
    "sys.exit(lint_imports(no_cache=True, no_logo=True))"
)


def settings():
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def notebooks():
    "What nbdev_test would run: no checkpoints, hidden files, or folders with a .notest file."
    found = sorted((ROOT / "nbs").rglob("*.ipynb"))
    return [
        p
        for p in found
        if not any(x.startswith((".", "_")) for x in p.relative_to(ROOT).parts)
        and not (p.parent / ".notest").exists()
    ]


def forked(output, check, *arguments):
    "Run a check in this process; what it prints goes to a file."
    os.setsid()
    os.chdir(ROOT)
    multiprocessing.set_start_method(None, force=True)  # loaders start their processes as usual
    sys.path[:] = [str(ROOT), *(p for p in sys.path if p not in ("", str(TOOLS), str(ROOT)))]
    with open(output, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.exit(None if check(*arguments) else 1)


def run_notebook(path, flags):
    "Test one notebook."
    from nbdev.test import test_nb

    return test_nb(path, skip_flags=settings()["tst_flags"].split(), force_flags=flags, basepath=ROOT)[0]


def run_experiment(template, key, value):
    "Run a template with a changed parameter, without a kernel."
    sys.path.append(str(TOOLS))
    from check_experiment import check, engine_of_this_process

    check(template.stem, key, value, engine=engine_of_this_process())
    return True


def environment(threads):
    env = dict(
        os.environ, PYTHONPATH=os.pathsep.join([str(ROOT)] + [p for p in [os.environ.get("PYTHONPATH")] if p])
    )
    return dict(env, OMP_NUM_THREADS=str(threads)) if threads else env


def last_seconds():
    "Seconds of each check's last run."
    try:
        return json.loads(SECONDS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def longest_first(chosen):
    "Checks that never ran here, experiments first, by the size of their notebook; then the rest, by seconds."
    seconds = last_seconds()
    sizes = [sum(p.stat().st_size for p in command if isinstance(p, Path)) for _, command in chosen]
    cost = {
        name: (seconds.get(name, float("inf")), name.startswith("experiment"), size)
        for (name, _), size in zip(chosen, sizes)
    }
    return sorted(chosen, key=lambda c: cost[c[0]], reverse=True)


def start(command, output):
    "Start a check whose output goes to a file: a function with its arguments, or a command of Python."
    if isinstance(command, tuple):
        process = FORKS.Process(target=forked, args=(output, *command))
        process.start()
        return process
    with open(output, "w") as file:
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait(process):
    "Exit code of a check; None if it took too long."
    if isinstance(process, subprocess.Popen):
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            return None
    process.join(LIMIT)
    return process.exitcode


def run_check(name, command):
    "Run one check; prints its line, and the end of its output if it failed. Returns success and seconds."
    begin = time.time()
    with tempfile.NamedTemporaryFile("r", errors="replace") as output:
        process = start(command, output.name)
        RUNNING.add(process.pid)
        code = wait(process)
        if code is None:
            os.killpg(process.pid, signal.SIGKILL)
        RUNNING.discard(process.pid)
        out = output.read() + (f"\nstopped after {LIMIT} s" if code is None else "")
    ok, seconds = code == 0, time.time() - begin
    lines = [] if ok else re.sub(r"\x1b\[[0-9;]*m", "", out).rstrip().splitlines()[-30:]
    tail = ["    " + line for line in lines]
    print("\n".join([f"{'ok    ' if ok else 'FAILED'} {seconds:6.1f} s  {name}", *tail]), flush=True)
    return ok, seconds


def run_all(chosen, workers):
    "Run the checks, `workers` at a time; Ctrl-C and SIGTERM end those under way."
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.update(environment(1 if workers > 1 else None))
    FORKS.set_forkserver_preload(IMPORTED)
    pool = ThreadPoolExecutor(workers)
    try:
        done = list(pool.map(lambda c: run_check(*c), chosen))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(RUNNING):
            os.killpg(process, signal.SIGKILL)
        sys.exit("interrupted")
    keep_seconds({name: round(seconds, 1) for (name, _), (_, seconds) in zip(chosen, done)})
    return [ok for ok, _ in done]


def keep_seconds(new):
    "Add the seconds of this run to those of earlier ones, if the checkout can be written to."
    try:
        SECONDS.parent.mkdir(exist_ok=True)
        SECONDS.write_text(json.dumps(last_seconds() | new, indent=1) + "\n", encoding="utf-8")
    except OSError:
        pass


def checks(flags):
    "Name and command of every check."
    run = [(f"nbs/{path.relative_to(ROOT / 'nbs')}", (run_notebook, path, flags)) for path in notebooks()]
    changed = {
        "order_worth": ["seeds", "[7]"],
        "calibration": ["draws", "16"],
        "every_order": ["boot", "40"],
        "identified": ["share", "0.4"],
        "cmar": ["random_share", "0.2"],
        "cmar_pictures": ["cfg", "3.0"],
        "plans": ["cfg", "3.0"],
        "heads": ["wide_grid", "[3, 3]"],
        "base_vit": ["width", "6"],
        "cvit": ["supervised_images", "10"],
        "ranker": ["draws", "6"],
        "shipped_ranker": ["limit", "10"],
    }
    templates = ROOT / "nbs" / "experiments"
    assert {path.stem for path in templates.glob("*.ipynb")} == set(changed), "an experiment is not tested"
    commands = {name: (run_experiment, templates / f"{name}.ipynb", *key) for name, key in changed.items()}
    # one as users start them, with a kernel of its own
    commands["order_worth"] = [TOOLS / "check_experiment.py", "order_worth", *changed["order_worth"]]
    run += [(f"experiment: {name}, with a changed parameter", c) for name, c in commands.items()]
    more = ["--examples", "20000"] if "slow" in flags else []
    return run + [
        ("library in sync with the notebooks", [TOOLS / "check_sync.py"]),
        ("README and docs say what the results say", [TOOLS / "check_readme.py"]),
        ("bad input gets a right answer or one line", [TOOLS / "check_inputs.py"]),
        ("every path runs on a GPU that is pretended", [TOOLS / "check_devices.py"]),
        ("properties hold on inputs that nobody chose", [TOOLS / "check_fuzz.py", *more]),
        ("wheel works from another folder", [TOOLS / "check_wheel.py"]),
        ("all commands, undisturbed", [TOOLS / "soak.py", "--minutes", "0"]),
        ("style: every rule keeps its budget", [TOOLS / "check_style.py"]),
        ("style: every rule finds a planted violation", [TOOLS / "check_style.py", "--self-test"]),
        ("environments of others are refused", [TOOLS / "environment.py", "--self-test"]),
        ("the merge driver is announced once", [TOOLS / "git_hooks.py", "--self-test"]),
        ("imports run one way", ["-P", "-c", LINT_IMPORTS]),
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flags", nargs="*", default=[])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if "COP_SHARED" not in os.environ:
        print("COP_SHARED is not set: tests against its archives are left out")
    skipped = [f for f in settings()["tst_flags"].split() if f not in args.flags]
    if skipped:
        print(f"cells marked {' and '.join(skipped)} are left out (--flags runs them)")
    chosen = [(n, c) for n, c in checks(args.flags) if not args.only or any(o in n for o in args.only)]
    passed = run_all(longest_first(chosen), args.workers)
    failed = passed.count(False)
    if not any(n.startswith("nbs/") for n, _ in chosen) and not args.only:
        print("FAILED: nbs/ holds no notebook")
        failed += 1
    print(f"{passed.count(True)} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
