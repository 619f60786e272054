"""Create and fill the virtual environment that the Makefile uses.

    python tools/environment.py .venv     create it, or bring it up to date; does nothing if the stamp matches
    python tools/environment.py --check   say what is missing in the environment that runs this
    python tools/environment.py --self-test   are environments of others refused?

Needs nothing but Python's standard library. The stamp holds a digest of all that decides what is installed,
and is written last: after an interruption the next call goes on, and starts afresh where a package was left
half-written.
"""

import configparser
import hashlib
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = (3, 11), (3, 12)  # oldest and newest Python that cop is meant for


def check_python():
    "Stop on a Python that is too old; warn on one that is newer than what was planned for."
    here, lo, hi = sys.version_info[:2], *PYTHONS
    if here < lo:
        sys.exit(
            "cop needs Python %d.%d or newer, and %s is Python %d.%d: install one and name it, "
            "as in `make setup PYTHON=python3.11`" % (*lo, sys.executable, *here)
        )
    if here > hi:
        print(
            "Python %d.%d is newer than what cop is meant for (%d.%d to %d.%d); if this fails, try `make "
            "setup PYTHON=python%d.%d`" % (*here, *lo, *hi, *hi),
            flush=True,
        )


def digest():
    "What decides the environment's contents: requirements, commands, packaging, versions, checkout."
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    cfg = parser["DEFAULT"]
    keys = ["lib_name", "version", "min_python", "console_scripts"] + sorted(
        k for k in cfg if k.endswith("requirements")
    )
    parts = [str(ROOT)] + [k + "=" + cfg[k] for k in keys]
    parts += [
        (ROOT / f).read_text(encoding="utf-8") for f in ("setup.py", "pyproject.toml", "constraints.txt")
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_broken(venv):
    "Does the environment not start, or lack files that its packages list?"
    if subprocess.call(
        [venv / "bin/python", "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ):
        return True
    for site in venv.glob("lib/python3*/site-packages"):
        if any(site.glob("~*")):
            return True  # what pip had set aside while it replaced a package
        for info in site.glob("*.dist-info"):
            if not (info / "RECORD").exists():
                return True
            files = (
                line.rsplit(",", 2)[0].strip('"')
                for line in (info / "RECORD").read_text(encoding="utf-8").splitlines()
            )
            if not all((site / f).exists() for f in files if not f.endswith(".pyc")):
                return True
    return False


def lib_name():
    "Name of the package, as pip writes it in the names of folders."
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]["lib_name"].replace("-", "_").lower()


def check_owner(venv):
    "Stop if an environment runs another checkout, or holds packages that are not cop's."
    names = {}
    for info in venv.glob("lib/python3*/site-packages/*.dist-info"):
        names[info.name.split("-")[0].lower()] = info
    if lib_name() in names:
        origin = names[lib_name()] / "direct_url.json"
        url = json.loads(origin.read_text(encoding="utf-8")).get("url", "") if origin.exists() else ""
        other = Path(unquote(urlsplit(url).path))
        if url.startswith("file:") and other.resolve() != ROOT:
            if (other / "settings.ini").exists():
                sys.exit(
                    "%s runs the checkout %s, and would run this one from now on: name another folder with "
                    "VENV=…, or remove it first" % (venv, other)
                )
            print("%s ran the checkout %s, which is gone; it runs this one now" % (venv, other), flush=True)
    elif foreign := sorted(set(names) - {"pip", "setuptools", "wheel"}):
        sys.exit(
            "%s holds packages of other work (%s …), whose versions would change: name another folder with "
            "VENV=…, or activate it and use it as it is with VENV=" % (venv, foreign[0])
        )


def run(command, log, what):
    "Run `command` with its output in `log`, and a sign of life every half minute."
    start = time.time()
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
        while True:
            try:
                code = process.wait(timeout=30)
                break
            except subprocess.TimeoutExpired:
                print("  %s, %d s so far" % (what, time.time() - start), flush=True)
            except KeyboardInterrupt:
                process.wait()
                sys.exit("interrupted: the next call of make goes on from here")
    if code:
        print("\n".join(log.read_text(errors="replace").splitlines()[-15:]))
        sys.exit("%s failed; all of its output is in %s" % (what, log))
    return time.time() - start


def fill(venv):
    "Create `venv` where it is missing or broken, and install the checkout with its development requirements."
    stamp, started, log = venv / ".cop-stamp", venv / ".cop-started", venv / "install.log"
    wanted = digest()
    python = venv / "bin/python"
    if stamp.exists() and stamp.read_text() == wanted and python.exists() and not started.exists():
        return
    if (
        venv.exists()
        and not venv.is_dir()
        or venv.is_dir()
        and any(venv.iterdir())
        and not ((venv / "pyvenv.cfg").exists() or started.exists())
    ):
        sys.exit("%s is there, but no virtual environment: name another folder with VENV=…" % venv)
    if not started.exists():  # else an installation of ours was interrupted
        check_owner(venv)
    broken = not python.exists() or started.exists() and is_broken(venv)
    if broken:
        check_python()
    venv.mkdir(parents=True, exist_ok=True)
    started.touch()
    if broken:
        print("creating %s with Python %s" % (venv, sys.version.split()[0]), flush=True)
        if subprocess.call([sys.executable, "-m", "venv", "--clear", str(venv)]):
            sys.exit(
                "could not create %s: on Debian and Ubuntu, `apt install python3-venv` adds what is missing"
                % venv
            )
        started.touch()
    how_much = "about 6 GB, a few minutes" if broken else "only what is missing"
    print(
        "installing what settings.ini asks for, in the versions of constraints.txt: %s; details in %s"
        % (how_much, log),
        flush=True,
    )
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "-c",
        "constraints.txt",
        "-e",
        ".[dev]",
    ]
    seconds = run(install, log, "pip install")
    print("installed in %d s" % seconds, flush=True)
    stamp.write_text(wanted)
    started.unlink()


def check():
    "In an environment that is not ours, name what is missing and how to get it; change nothing."
    if sys.version_info < PYTHONS[0]:
        check_python()
    missing = [
        m
        for m in (
            *("torch", "torchvision", "timm", "nbdev", "papermill", "ipykernel", "build", "setuptools"),
            *("ruff", "importlinter"),
        )
        if find_spec(m) is None
    ]
    if find_spec("cop") is None:
        missing.append("cop itself")
    if missing:
        sys.exit(
            '%s lacks %s: `%s -m pip install -e ".[dev]"` adds it and keeps a torch that is new enough'
            % (sys.executable, ", ".join(missing), sys.executable)
        )


def answer(venv, *packages, checkout=None):
    "What `check_owner` says of an environment with some packages, cop of a checkout among them."
    for package in packages:
        info = venv / "lib/python3.11/site-packages" / (package + "-1.0.dist-info")
        info.mkdir(parents=True)
        if checkout:
            (info / "direct_url.json").write_text(json.dumps({"url": checkout.as_uri()}), encoding="utf-8")
    try:
        check_owner(venv)
    except SystemExit as e:
        return str(e)
    return ""


def self_test():
    "Raise an AssertionError if an environment that is not ours would be changed."
    import tempfile

    with tempfile.TemporaryDirectory() as d:
        other = Path(d, "my other checkout")
        assert answer(Path(d, "a"), "pip", "setuptools") == ""
        assert answer(Path(d, "b"), "pip", lib_name(), checkout=ROOT) == ""
        assert answer(Path(d, "c"), lib_name(), checkout=other) == "", "the other checkout is gone"
        other.mkdir()
        (other / "settings.ini").touch()
        said = answer(Path(d, "d"), lib_name(), checkout=other)
        assert "d runs the checkout %s" % other in said and "VENV=" in said, said
        said = answer(Path(d, "e"), "pip", "scipy", "numpy")
        assert "holds packages of other work (numpy …)" in said and "VENV=" in said, said


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check()
    elif sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) == 2:
        try:
            fill(Path(sys.argv[1]).absolute())
        except OSError as e:
            sys.exit("the environment cannot be written: %s; name another folder with VENV=…" % e)
    else:
        sys.exit(__doc__)
