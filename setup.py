"Packaging: everything that varies is in settings.ini, which nbdev reads too."

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
parser = ConfigParser(delimiters=["="], interpolation=None)
parser.read(here / "settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]
status = {
    "1": "1 - Planning",
    "2": "2 - Pre-Alpha",
    "3": "3 - Alpha",
    "4": "4 - Beta",
    "5": "5 - Production/Stable",
}
shipped_models = ["ranker-photos", "ranker-fashion", "ranker-label", "comae-fashion"]
shipped = ["cop.models"]  # a folder without code: models that work offline from a wheel
extra = "_requirements"  # `dev_requirements` in settings.ini becomes the extra `dev`, and so on

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=cfg["keywords"].split(),
    classifiers=[
        f"Development Status :: {status[cfg['status']]}",
        f"Intended Audience :: {cfg['audience']}",
        f"Natural Language :: {cfg['language']}",
        "Programming Language :: Python :: 3",
    ],
    packages=[*find_packages(include=[cfg["lib_path"], cfg["lib_path"] + ".*"]), *shipped],
    package_dir={"cop": "cop", "cop.models": "data/checkpoints"},
    package_data={
        "cop": ["py.typed"],
        "cop.report": ["templates/*"],
        "cop.models": [f"{name}/**/*" for name in shipped_models],
    },
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(),
    extras_require={k[: -len(extra)]: v.split() for k, v in cfg.items() if k.endswith(extra)},
    entry_points={"console_scripts": cfg["console_scripts"].split()},
    zip_safe=False,
)
