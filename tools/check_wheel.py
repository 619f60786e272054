"""Does what would be published work? Builds the wheel from the source archive, and imports it elsewhere.

    python tools/check_wheel.py [--isolated]

    --isolated    let the build fetch its own setuptools, as `pip install` does

The wheel is installed into a temporary folder, first on the path of a Python that ignores the working
folder and PYTHONPATH. Every module of cop/ must come from there, the commands must lead to functions, the
version must be that of settings.ini, and `cop.rank` must order a picture with the ranker that comes along.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run_tests import ROOT, settings

PROBE = """
import importlib, json, sys
from importlib.metadata import distribution
target, name, modules = json.loads(sys.argv[1])
sys.path.insert(0, target)
sys.meta_path = [f for f in sys.meta_path if "__editable__" not in str(f)]
for m in modules:
    got = importlib.import_module(m).__file__
    if not got.startswith(target): sys.exit(f"{m} came from {got}, not from the wheel")
dist = distribution(name)
scripts = {e.name: callable(e.load()) for e in dist.entry_points if e.group == "console_scripts"}
import cop, numpy
cop.core.hub.data_path = lambda: None  # as where there is no checkout
ranked = cop.rank(numpy.zeros((40, 60, 3), "uint8"))
print(json.dumps({"version": dist.version, "scripts": scripts, "patches": ranked.orders.shape[1]}))
"""


def call(command, cwd, what):
    "Run `command`, or stop with the end of what it said."
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        sys.exit(f"{what} failed:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    return done.stdout


def build(tmp, isolated):
    "Copy what is needed to build, so that nothing is written into the checkout; returns the wheel."
    source = tmp / "source"
    shutil.copytree(ROOT / "cop", source / "cop", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data" / "checkpoints", source / "data" / "checkpoints")
    for f in ROOT.iterdir():
        if f.is_file() and not f.name.startswith(".git"):
            shutil.copy(f, source)
    options = [] if isolated else ["--no-isolation"]
    call(
        [sys.executable, "-P", "-m", "build", *options, "--outdir", str(tmp / "dist"), str(source)],
        tmp,
        "building the wheel",
    )
    wheels = list((tmp / "dist").glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"one wheel was expected, not {wheels}")
    return wheels[0]


def main():
    cfg = settings()
    files = sorted(p.relative_to(ROOT) for p in (ROOT / "cop").rglob("*.py"))
    modules = [".".join(p.with_suffix("").parts).removesuffix(".__init__") for p in files]
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d).resolve()
        wheel, target = build(tmp, "--isolated" in sys.argv), tmp / "target"
        call(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-index",
                "--target",
                str(target),
                str(wheel),
            ],
            tmp,
            "installing the wheel",
        )
        told = json.loads(
            call(
                [sys.executable, "-I", "-c", PROBE, json.dumps([str(target), cfg["lib_name"], modules])],
                tmp,
                "using the wheel",
            ).splitlines()[-1]
        )
    if told["patches"] != 256:
        sys.exit(f"the wheel's ranker ordered {told['patches']} patches of a picture, not 256")
    if told["version"] != cfg["version"]:
        sys.exit(f"the wheel's version is {told['version']}, settings.ini has {cfg['version']}")
    if sorted(told["scripts"]) != sorted(s.split("=")[0] for s in cfg["console_scripts"].split()) or not all(
        told["scripts"].values()
    ):
        sys.exit(f"the wheel's commands are {told['scripts']}, settings.ini has {cfg['console_scripts']}")
    print(
        f"{wheel.name}: {len(modules)} modules and {len(told['scripts'])} commands work from another folder"
    )


if __name__ == "__main__":
    main()
