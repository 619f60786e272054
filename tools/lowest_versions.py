"""Install the lowest versions that settings.ini allows into this environment, and import every module.

    python tools/lowest_versions.py            install, then import
    python tools/lowest_versions.py --print    print what would be installed

For continuous integration: `>=` becomes `==`, and requirements without a lowest version stay as they are.
What `tools/run_tests.py` needs to run notebooks is installed beside them.
"""

import re
import subprocess
import sys

from run_tests import ROOT, settings

RUNNER = ("nbdev", "execnb", "ghapi")  # those of dev_requirements that run notebooks
BESIDE = ["ipython<9"]  # later versions do not show figures of matplotlib 3.8

IMPORT_ALL = """
import cop, importlib, pkgutil, sys
names = [m.name for m in pkgutil.walk_packages(cop.__path__, "cop.") if not m.name.endswith("_modidx")]
failed = {}
for name in names:
    try:
        importlib.import_module(name)
    except ImportError as e:
        failed[name] = e
for name, e in failed.items():
    print(f"{name}: {e}")
print(len(names) - len(failed), "of", len(names), "modules can be imported from", cop.__path__[0])
sys.exit(bool(failed))
"""


def lowest(requirement: str) -> str:
    "A requirement with its lowest version: torch>=2.11,<3 becomes torch==2.11."
    return re.sub(r">=([^,]+).*", r"==\1", requirement)


def requirements() -> list[str]:
    cfg = settings()
    runner = [r for r in cfg["dev_requirements"].split() if re.match(r"[\w-]+", r)[0] in RUNNER]
    return [lowest(r) for r in cfg["requirements"].split()] + runner + BESIDE


def main() -> int:
    if sys.argv[1:] == ["--print"]:
        print("\n".join(requirements()))
        return 0
    if sys.argv[1:]:
        sys.exit(__doc__)
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    steps = (
        [*pip, *requirements()],
        [*pip, "--no-deps", "-e", str(ROOT)],
        [sys.executable, "-P", "-c", IMPORT_ALL],
    )
    return next((code for step in steps if (code := subprocess.call(step, cwd=ROOT))), 0)


if __name__ == "__main__":
    sys.exit(main())
