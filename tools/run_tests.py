"""Everything that `make test` checks, one line a check, and a last line `N passed, N failed`.

    python tools/run_tests.py [--flags FLAG…] [--only TEXT…] [--workers N]

    --flags slow gpu    run the cells marked with these flags too (tst_flags of settings.ini are left out otherwise)
    --only 02 wheel     only checks whose name contains one of these

Every notebook of nbs/ runs in a process of its own, in its folder, against this checkout's cop; the templates of nbs/experiments/ go through
papermill. Then: is the library in sync, and does the wheel work?
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
LIMIT = 900  # seconds after which a check counts as failed
RUNNING = set()  # processes of the checks under way, each the head of a group


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


def run_notebook(path, flags):
    "Test one notebook in this process; its traceback goes to stderr."
    from nbdev.test import test_nb

    ok, _ = test_nb(path, skip_flags=settings()["tst_flags"].split(), force_flags=flags, basepath=ROOT)
    return 0 if ok else 1


def environment(threads):
    env = dict(
        os.environ, PYTHONPATH=os.pathsep.join([str(ROOT)] + [p for p in [os.environ.get("PYTHONPATH")] if p])
    )
    return dict(env, OMP_NUM_THREADS=str(threads)) if threads else env


def run_check(name, command, env):
    "Run one check; prints its line, and the end of its output if it failed."
    start = time.time()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    RUNNING.add(process)
    try:
        out, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out = process.communicate()[0] + f"\nstopped after {LIMIT} s"
    RUNNING.discard(process)
    ok = process.returncode == 0
    tail = (
        []
        if ok
        else ["    " + line for line in re.sub(r"\x1b\[[0-9;]*m", "", out).rstrip().splitlines()[-30:]]
    )
    print(
        "\n".join([f"{'ok    ' if ok else 'FAILED'} {time.time() - start:6.1f} s  {name}", *tail]), flush=True
    )
    return ok


def run_all(chosen, workers):
    "Run the checks, `workers` at a time; Ctrl-C and SIGTERM end those under way."
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    env, pool = environment(1 if workers > 1 else None), ThreadPoolExecutor(workers)
    try:
        return list(pool.map(lambda c: run_check(*c, env), chosen))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(RUNNING):
            os.killpg(process.pid, signal.SIGKILL)
        sys.exit("interrupted")


def checks(flags):
    "Name and command of every check."
    run = [
        (f"nbs/{p.relative_to(ROOT / 'nbs')}", ["-P", __file__, "--notebook", p, "--flags", *flags])
        for p in notebooks()
    ]
    changed = {
        "order_worth": ["seeds", "[7]"],
        "comae_ablation": ["test_images", "6"],
        "calibration": ["draws", "16"],
        "every_order": ["boot", "40"],
        "cmar": ["random_share", "0.2"],
        "cmar_pictures": ["cfg", "3.0"],
        "cvit": ["supervised_images", "10"],
        "ranker": ["draws", "6"],
    }
    run += [
        (f"experiment: {name}, with a changed parameter", [TOOLS / "check_experiment.py", name, *key])
        for name, key in changed.items()
    ]
    return run + [
        ("library in sync with the notebooks", [TOOLS / "check_sync.py"]),
        ("wheel works from another folder", [TOOLS / "check_wheel.py"]),
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flags", nargs="*", default=[])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--notebook", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.notebook:
        return run_notebook(args.notebook, args.flags)
    if "COP_SHARED" not in os.environ:
        print("COP_SHARED is not set: tests against its archives are left out")
    skipped = [f for f in settings()["tst_flags"].split() if f not in args.flags]
    if skipped:
        print(f"cells marked {' and '.join(skipped)} are left out (--flags runs them)")
    chosen = [(n, c) for n, c in checks(args.flags) if not args.only or any(o in n for o in args.only)]
    passed = run_all(chosen, args.workers)
    failed = passed.count(False)
    if not any(n.startswith("nbs/") for n, _ in chosen) and not args.only:
        print("FAILED: nbs/ holds no notebook")
        failed += 1
    print(f"{passed.count(True)} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
