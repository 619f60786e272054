"""Do all commands keep their promises when they are killed, starved and lied to?

    python tools/soak.py [--minutes 30] [--seed N] [--only TEXT…] [--episode N] [--out soak.json]

All commands of `cop` are run in turn on small data, disturbed at random (`KINDS`), and run again undisturbed,
as the line of an error says, until they end well. Then their artefacts must be, byte for byte (but for
times), those of an undisturbed run; a disturbed process must have ended with at most one line beside bars and
warnings. What was lost, wrong or silent is printed with the number of its episode, which --episode repeats;
the exit code is then 1. One process in ten is started as a user starts it; the others are forked from this
one, which has imported the packages: that takes a second instead of ten. Where the system lets one mount a
disk in memory (Linux, unshare), disks are filled up and made read-only; elsewhere these kinds are left out.
--minutes 0: each command once, undisturbed.
"""

import argparse
import fcntl
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch is imported
ROOT = Path(__file__).resolve().parent.parent
LIMIT = 300  # seconds after which an undisturbed process counts as hung
IN_NAMESPACE = "COP_SOAK_MAY_MOUNT"
_TRAINING = "photos --batch_size 4 --checkpoint_every 2 --log_every 1 --ema 0.5 --steps 6"
_TWO = "runs/orders,halton"
_VIT = '{"embed_dim":24,"depth":1,"num_heads":3}'


@dataclass
class Command:
    "A command, the folder of its results in runs/, and the commands whose results it reads."

    words: str
    out: str
    needs: tuple[str, ...] = ()

    def typed(self) -> list[str]:
        at = "--made" if self.words.startswith("evaluate images") else "--out"
        return [*self.words.split(), at, f"runs/{self.out}"]

    @property
    def has_pictures(self) -> bool:
        return "photos" in self.words.split()


COMMANDS = {
    "order": Command(
        "order photos --order variance --patch_size 2 --batch 2 --shard_size 8 --sheet 1", "orders"
    ),
    "show": Command("show photos --orders runs/orders --limit 6", "shown", ("order",)),
    "evaluate orders": Command(
        "evaluate orders photos --order runs/orders,halton --limit 8 --patch_size 2 --image_size 8",
        "evaluation",
        ("order",),
    ),
    "train comae": Command(
        f"train comae {_TRAINING} --patch_size 2 --encoder_width 16 --encoder_depth 1 --decoder_width 16 "
        "--decoder_depth 1 --targets 2",
        "comae",
    ),
    "order by comae": Command(
        "order photos --comae runs/comae --batch 4 --shard_size 8 --sheet 2", "collapse", ("train comae",)
    ),
    "train ranker": Command(
        f"train ranker {_TRAINING} --patch_size 2 --mixture 2 --width 16 --depth 1 --edge_width 8", "ranker"
    ),
    "order by ranker": Command(
        "order photos --ranker runs/ranker --batch 4 --shard_size 8 --sheet 2", "ranked", ("train ranker",)
    ),
    "train vit": Command(f"train vit {_TRAINING} --patch_size 2 --arguments {_VIT} --order variance", "vit"),
    "evaluate vit": Command(
        "evaluate vit photos --model runs/vit --order variance", "accuracy", ("train vit",)
    ),
    "train classifier": Command(f"train classifier {_TRAINING} --width 8", "classifier"),
    "train mar": Command(
        f"train mar {_TRAINING} --patch_size 2 --width 16 --depth 1 --heads 2 --buffer_size 2 "
        "--head_width 16 --head_depth 1 --diffusion_steps 4",
        "mar",
    ),
    "train cmar": Command(f"train cmar {_TRAINING} --model runs/mar --order halton", "cmar", ("train mar",)),
    "sample": Command(
        "sample --model runs/cmar --order runs/cmar/prior.safetensors --count 6 --num_iter 2 --batch 2",
        "samples",
        ("train cmar",),
    ),
    "evaluate images": Command(
        "evaluate images photos --extractor runs/classifier --boot 10 --splits 2",
        "samples",
        ("train classifier", "sample"),
    ),
}


def make_pictures(folder: Path) -> None:
    "Small pictures of three classes, in two parts."
    import numpy as np
    from PIL import Image

    chosen = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 8))
    for part, number in (("train", 12), ("test", 6)):
        for k, name in enumerate(("bag", "shirt", "shoe"), 1):
            (folder / part / name).mkdir(parents=True)
            for i in range(number):
                waves = [np.sin(a * 6 * x + b * 3 * k * y) for a, b in chosen.uniform(0.5, 3, (3, 2))]
                pixels = ((np.stack(waves, -1) * 0.45 + 0.5) * 255).astype("uint8")
                Image.fromarray(pixels).save(folder / part / name / f"{i:02d}.png")


def pixels(data: bytes) -> bytes:
    "What a picture shows. Raises ValueError if it cannot be decoded."
    import io

    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return f"{picture.mode} {picture.size} ".encode() + picture.tobytes()
    except (OSError, SyntaxError) as e:
        raise ValueError(str(e)) from e


def is_picture(data: bytes) -> bool:
    try:
        return bool(pixels(data))
    except ValueError:
        return False


def malformed_picture(good: bytes, chosen: random.Random) -> tuple[str, bytes]:
    "The name and the bytes of a file that is no whole picture."
    i = chosen.randrange(8, len(good))
    cut, flipped = good[:i], good[:i] + bytes([good[i] ^ 0x55]) + good[i + 1 :]
    if is_picture(cut):  # without its last bytes, which say no more than that it ends
        cut = good[: len(good) // 2]
    if is_picture(flipped):
        flipped = cut
    return chosen.choice(
        (
            ("cut.png", cut),
            ("flipped.png", flipped),
            ("empty.png", b""),
            ("random.jpg", chosen.randbytes(200)),
            ("script.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n{} loop\n"),
            ("text.png", b"no picture at all\n"),
            ("huge.png", good[:16] + b"\xff\xff\xff\x7f" * 2 + good[24:]),
        )
    )


# Processes


def enter(words: list[str], error: int, desk: Path, whole: bool, largest: int | None) -> None:
    "The rest of a forked process: run a command in the folder `desk`, and end."
    code = 1
    try:
        os.setsid()
        os.chdir(desk)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream, to in enumerate((nothing, nothing, error)):
            os.dup2(to, stream)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        if whole:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
            os.execv(sys.executable, [sys.executable, "-m", "cop.cli.start", *words])
        sys.argv = ["cop", *words]
        code = call_main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def call_main(words: list[str]) -> int:
    "The exit code of `cop`."
    import atexit

    try:
        main = import_module("cop.cli.main").main
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as `start` of 94_cli_start
        main(words)
        code = 0
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    return code


@dataclass
class Ended:
    "What a process left."

    code: int | None  # negative: the signal that ended it; None: it hung
    error: str  # all that it wrote on stderr

    @property
    def lines(self) -> list[str]:
        "Lines on stderr without bars and warnings."
        kept = []
        for line in re.split(r"[\r\n]+", self.error):
            rest = re.sub(r"^.*?(\d+%\|.*?\[[^\]]*\]|\d+\w+ \[[^\]]*\])", "", line).strip()
            if rest and "warning:" not in rest:
                kept.append(rest)
        return kept


class Processes:
    "Starts commands and ends them, each by its id."

    def __init__(self, desk: Path):
        self.desk = desk
        self.running = {}  # process id: the pipe of its stderr, which no limit or disk concerns
        self.started = Counter()

    def start(self, words: list[str], whole: bool = False, largest: int | None = None) -> int:
        self.started["as a user starts it" if whole else "forked"] += 1
        sys.stdout.flush()
        reads, writes = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 2**20)  # it is read at the end
        signal.pthread_sigmask(
            signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM)
        )  # until it is ready for them
        process = os.fork()
        if not process:
            enter(words, writes, self.desk, whole, largest)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
        os.close(writes)
        self.running[process] = reads
        return process

    def wait(self, process: int, seconds: float = LIMIT) -> Ended | None:
        "What it left; None if it is still running after some seconds."
        end = time.monotonic() + seconds
        while True:
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                return self.left_by(process, os.waitstatus_to_exitcode(status))
            if time.monotonic() > end:
                return None
            time.sleep(0.005)

    def left_by(self, process: int, code: int | None) -> Ended:
        with os.fdopen(self.running.pop(process), "rb") as pipe:
            text = pipe.read().decode(errors="replace")
        return Ended(code, text)

    def stop(self, process: int) -> Ended:
        os.kill(process, signal.SIGKILL)
        return self.wait(process)

    def run(self, words: list[str], **how) -> Ended:
        "Run a command to its end."
        process = self.start(words, **how)
        ended = self.wait(process)
        return ended or Ended(None, self.stop(process).error)


# Comparison


def comparable(path: Path) -> bytes:
    "What must be equal in a file: all but times, checksums, and the sequence of texts in a safetensors head."
    data = path.read_bytes()
    try:
        if path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in data.splitlines()]
            return json.dumps([{**line, "seconds": 0} for line in lines]).encode()
        if path.name == "state.json":
            record = json.loads(data)
            record["files"] = sorted(record["files"])  # they are compared themselves
            return json.dumps({**record, "seconds": 0, "checksum": ""}, sort_keys=True).encode()
        if path.suffix == ".json":  # a file without its checksum is read as it is
            return json.dumps({**json.loads(data), "checksum": ""}, sort_keys=True).encode()
        if path.suffix == ".png":
            return pixels(data)
        if path.suffix == ".safetensors":
            start = 8 + int.from_bytes(data[:8], "little")
            return json.dumps(json.loads(data[8:start]), sort_keys=True).encode() + data[start:]
    except (ValueError, TypeError, KeyError):
        pass
    return data


def newest_checkpoint_alone(files: dict[str, Path]) -> dict[str, Path]:
    "Files without those of checkpoints before the last."
    step_of = {name: re.search(r"checkpoints/step-(\d+)/", name) for name in files}
    last = max((int(step[1]) for step in step_of.values() if step), default=0)
    return {name: path for name, path in files.items() if not step_of[name] or int(step_of[name][1]) == last}


def differences(folder: Path, wanted: Path, but: str = "") -> list[str]:
    "How a folder differs from the wanted one; paths that match the expression `but` are not looked at."
    have, want = (
        {
            str(p.relative_to(top)): p
            for p in top.rglob("*")
            if p.is_file()
            and ".damaged" not in str(p)
            and not (but and re.search(but, str(p.relative_to(top))))
        }
        for top in (folder, wanted)
    )
    # what was stopped kept a checkpoint of the step where it was, so the newest alone is the same
    have, want = (newest_checkpoint_alone(files) for files in (have, want))
    found = [f"{name} is missing" for name in sorted(want.keys() - have.keys())]
    found += [f"{name} is left over" for name in sorted(have.keys() - want.keys())]
    both = sorted(want.keys() & have.keys())
    return found + [f"{name} differs" for name in both if comparable(have[name]) != comparable(want[name])]


# Episodes


class Soak:
    "The folders of a soak, what it did and what it found."

    def __init__(self, folder: Path, seed: int):
        self.folder, self.seed = folder, seed
        self.desk, self.reference = folder / "desk", folder / "reference"
        for path in (self.desk, self.reference):
            path.mkdir()
        make_pictures(folder / "photos")
        self.processes = Processes(self.desk)
        self.seconds = {}  # command: of its undisturbed run, forked
        self.start_up = 0.0  # seconds that a process which a user starts takes longer
        self.done = Counter()  # (command, disturbance): number
        self.cured = Counter()  # command: how often a line was followed
        self.wrong = []
        self.episode, self.name, self.kind = 0, "", ""
        self.chosen = random.Random(seed)

    def say(self, what: str) -> None:
        "Note that something is wrong."
        self.wrong.append({"episode": self.episode, "command": self.name, "kind": self.kind, "what": what})
        print(f"WRONG in episode {self.episode}, {self.name}, {self.kind}: {what}", flush=True)

    def count(self, number: int = 1) -> None:
        self.done[self.name, self.kind] += number

    @property
    def command(self) -> Command:
        return COMMANDS[self.name]

    @property
    def out(self) -> Path:
        return self.desk / "runs" / self.command.out

    def prepare(self, finished: bool = False) -> None:
        "Clear the desk, and lay out what the command reads; also its own results, if it has `finished`."
        for path in self.desk.iterdir():
            shutil.rmtree(path)
        shutil.copytree(self.folder / "photos", self.desk / "photos")
        for name in self.command.needs + ((self.name,) if finished else ()):
            to = self.desk / "runs" / COMMANDS[name].out
            shutil.copytree(self.reference / name, to, dirs_exist_ok=True)

    def draws_whole(self) -> bool:
        "Is the next process started as a user starts it?"
        return self.chosen.random() < 0.1

    def run(self, **how) -> Ended:
        return self.processes.run(self.command.typed(), **how)

    def check(self, ended: Ended, *codes: int) -> None:
        "Say what is wrong with the end of a process."
        if "KeyboardInterrupt" in ended.error and str(ROOT / "cop") not in ended.error:
            return  # Python was interrupted before it came to the package
        if ended.code is None:
            self.say("it hung")
        elif ended.code not in codes:
            self.say(f"exit code {ended.code}: {' / '.join(ended.lines)[-400:]}")
        if len(ended.lines) > 1 or "Traceback" in ended.error:
            self.say(f"{len(ended.lines)} lines: {' / '.join(ended.lines)[-600:]}")
        if ended.code == 1 and not ended.lines:
            self.say("it ended with 1 and said nothing")

    def compare(self, but: str = "") -> None:
        for what in differences(self.out, self.reference / self.name, but):
            self.say(what)


CURES = (
    r"remove |again|another folder|another --out|elsewhere|use another|train (one|in)|let its command end"
    r"|name its|restore|new folder|wait for it"
)


def finish(soak: Soak, may_need_cure: bool, but: str = "") -> None:
    "Run the command undisturbed, doing what its line says, until it ends well; compare."
    for _ in range(5):
        ended = soak.run(whole=soak.draws_whole())
        soak.check(ended, 0, 1)
        if ended.code == 0:
            soak.compare(but)
            return
        line = " / ".join(ended.lines)
        if not may_need_cure:
            soak.say(f"it does not go on: {line}")
        follow(soak, line)
    soak.say(f"it does not end well: {line}")


def follow(soak: Soak, line: str) -> None:
    "Do what a line says: remove a file or a folder, or make again what was damaged."
    soak.cured[soak.name] += 1
    if not re.search(CURES, line):
        soak.say(f"no cure: {line}")
    paths = [Path(soak.desk, word.strip("(),:;'\"")) for word in line.split() if "/" in word]
    mine = [path for path in paths if path.is_file() and soak.out in path.parents]
    if mine and re.search(r"remove it\b", line):
        mine[0].unlink()
        return
    soak.prepare()  # another folder, and inputs made again


def signalled(soak: Soak, number: int, codes: tuple[int, ...]) -> None:
    "Runs that get a signal at a random moment."
    soak.prepare()
    for _ in range(soak.chosen.choice((1, 1, 2, 3))):
        whole = soak.draws_whole()
        longest = soak.seconds[soak.name] + soak.start_up * whole
        process = soak.processes.start(soak.command.typed(), whole)
        ended = soak.processes.wait(process, soak.chosen.uniform(0, 1.05 * longest))
        if ended is None:
            os.kill(process, number)
            soak.count()
            ended = soak.processes.wait(process) or Ended(None, soak.processes.stop(process).error)
        soak.check(ended, 0, *codes)
        if ended.code == 0:
            soak.compare()
    finish(soak, False)


def mount(desk: Path, **options: int | str) -> None:
    "Mount a disk in memory at the desk, or change it."
    again = ["remount"] * os.path.ismount(desk)
    words = ",".join(again + [f"{name}={value}" if value != "" else name for name, value in options.items()])
    subprocess.run(["mount", "-t", "tmpfs", "-o", words, "tmpfs", desk], check=True)


def full_disk(soak: Soak) -> None:
    "A disk that has room for a part of the results."
    mount(soak.desk, size="256m", nr_inodes=100_000)
    try:
        soak.prepare(finished=soak.chosen.random() < 0.2)
        now = os.statvfs(soak.desk)
        files = [p for p in (soak.reference / soak.name).rglob("*") if p.is_file()]
        if soak.chosen.random() < 0.75:
            room = soak.chosen.uniform(0, sum(p.stat().st_size + 4096 for p in files))
            mount(soak.desk, size=int((now.f_blocks - now.f_bfree) * now.f_frsize + room))
        else:
            inodes = now.f_files - now.f_ffree + soak.chosen.randint(1, len(files) + 4)
            mount(soak.desk, nr_inodes=inodes)
        soak.count()
        ended = soak.run(whole=soak.draws_whole())
        soak.check(ended, 0, 1)
        if ended.code == 0:
            soak.compare()
        mount(soak.desk, size="256m", nr_inodes=100_000)
        finish(soak, False)
    finally:
        subprocess.run(["umount", "-l", soak.desk], check=True)


def read_only(soak: Soak) -> None:
    "A disk that cannot be written, before or amidst a run."
    mount(soak.desk, size="256m")
    try:
        soak.prepare()
        process = None
        if soak.chosen.random() < 0.3:  # some results are there
            process = soak.processes.start(soak.command.typed())
            soak.processes.wait(process, soak.chosen.uniform(0, soak.seconds[soak.name]))
            if process in soak.processes.running:
                soak.processes.stop(process)
        mount(soak.desk, ro="")
        soak.count()
        soak.check(soak.run(whole=soak.draws_whole()), 0, 1)
        mount(soak.desk, rw="")
        finish(soak, False)
    finally:
        subprocess.run(["umount", "-l", soak.desk], check=True)


def file_limit(soak: Soak) -> None:
    "A limit of the size of files (ulimit -f), as a quota would be."
    soak.prepare()
    sizes = [p.stat().st_size for p in (soak.reference / soak.name).rglob("*") if p.is_file()]
    soak.count()
    ended = soak.run(whole=soak.draws_whole(), largest=soak.chosen.randint(0, max(sizes)))
    soak.check(ended, 0, 1)
    if ended.code == 0:
        soak.compare()
    finish(soak, False)


def two_at_once(soak: Soak) -> None:
    "The same command twice in one folder."
    soak.prepare()
    first = soak.processes.start(soak.command.typed())
    early = soak.processes.wait(first, soak.chosen.uniform(0, 0.8 * soak.seconds[soak.name]))
    second = soak.run()
    soak.count()
    for ended in (early or soak.processes.wait(first), second):
        soak.check(ended, 0, 1)
        if ended.code and "is held by" not in ended.error:
            soak.say(f"it was not told who holds the folder: {' / '.join(ended.lines)}")
    soak.compare()
    finish(soak, False)


def damaged_json(value: object, seed: int) -> bytes:
    return import_module("cop.core.records").damaged_json(value, seed)


def damage(path: Path, chosen: random.Random) -> str:
    "Damage a file, and say how."
    data = path.read_bytes()
    how = chosen.choice(("a flipped bit", "cut off", "emptied", "deleted", "JSON of another kind"))
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "JSON of another kind" and path.suffix == ".json":
        path.write_bytes(damaged_json(json.loads(data), chosen.getrandbits(32)))
    elif how == "cut off":
        path.write_bytes(data[: chosen.randrange(len(data))])
    else:
        how, i = "a flipped bit", chosen.randrange(len(data))
        path.write_bytes(data[:i] + bytes([data[i] ^ 1 << chosen.randrange(8)]) + data[i + 1 :])
    return how


def files_to_damage(soak: Soak, inputs: bool, suffix: str = "") -> list[Path]:
    names = soak.command.needs if inputs else (soak.name,)
    folders = [soak.desk / "runs" / COMMANDS[name].out for name in names]
    if soak.name == "evaluate images" and not inputs:
        return [soak.out / "measures.json"]
    return sorted(p for folder in folders for p in folder.rglob(f"*{suffix}") if p.is_file())


def itself(soak: Soak, path: Path) -> str:
    "An expression for a damaged input that lies among the results: it stays as it is."
    return re.escape(str(path.relative_to(soak.out))) if soak.out in path.parents else ""


def damaged(soak: Soak, inputs: bool) -> None:
    "A file of the results, or of what the command reads, is damaged between two runs."
    soak.prepare(finished=not inputs)
    path = soak.chosen.choice(files_to_damage(soak, inputs))
    name = str(path.relative_to(soak.desk))
    how = damage(path, soak.chosen)
    soak.count()
    soak.done[soak.name, how] += 1
    kind, soak.kind = soak.kind, f"{soak.kind}: {name}, {how}"
    but = r"checkpoints/|metrics.jsonl|\.damaged" if re.search("checkpoints/|metrics.jsonl", name) else ""
    if not inputs:
        finish(soak, True, but)
    else:
        ended = soak.run(whole=soak.draws_whole())
        soak.check(ended, 0, 1)
        if ended.code == 0:
            soak.compare(itself(soak, path))
        else:
            follow(soak, " / ".join(ended.lines))
            finish(soak, bool(itself(soak, path)))  # what was removed is to be made again
    soak.kind = kind


def malformed_json(soak: Soak, number: int = 12) -> None:
    "JSON files of other types, keys and bytes, one a run."
    kind = soak.kind
    for _ in range(number):
        inputs = bool(soak.command.needs) and soak.chosen.random() < 0.6
        soak.prepare(finished=not inputs)
        files = files_to_damage(soak, inputs, ".json")
        if not files:
            continue
        path = soak.chosen.choice(files)
        seed = soak.chosen.getrandbits(32)
        path.write_bytes(damaged_json(json.loads(path.read_bytes()), seed))
        soak.count()
        soak.kind = f"{kind}: {path.relative_to(soak.desk)}, seed {seed}"
        ended = soak.run()
        soak.check(ended, 0, 1)
        if ended.code == 0:
            soak.compare(itself(soak, path) if inputs else "checkpoints/" * ("checkpoints" in str(path)))
        soak.kind = kind


def other_picture(soak: Soak, replaced: bool) -> None:
    "A picture vanishes or is replaced, before or amidst a run; afterwards it is back."
    finished = replaced and soak.chosen.random() < 0.5
    soak.prepare(finished)
    path, other = soak.chosen.sample(sorted((soak.desk / "photos" / "train").rglob("*.png")), 2)
    good, process = path.read_bytes(), None
    if not finished and soak.chosen.random() < 0.7:
        process = soak.processes.start(soak.command.typed())
        soak.processes.wait(process, soak.chosen.uniform(0, soak.seconds[soak.name]))
    if replaced:
        path.write_bytes(other.read_bytes())
    else:
        path.unlink()
    soak.count()
    if process not in soak.processes.running:  # none was begun, or it is done
        process = soak.processes.start(soak.command.typed())
    soak.check(soak.processes.wait(process), 0, 1)
    path.write_bytes(good)
    finish(soak, True, "png$" if soak.name == "show" else "")


def malformed_pictures(soak: Soak) -> None:
    "Files that are no whole pictures lie among the others; with --skip_errors they are left out."
    soak.prepare()
    folders = sorted(p for p in (soak.desk / "photos").rglob("*") if p.is_dir() and p.parent.name != "photos")
    good = next(folders[0].glob("*.png")).read_bytes()
    made = []
    for i in range(30):
        name, data = malformed_picture(good, soak.chosen)
        made.append(soak.chosen.choice(folders) / f"bad-{i}-{name}")
        made[-1].write_bytes(data)
    soak.count(len(made))
    skip = soak.chosen.random() < 0.5
    ended = soak.processes.run([*soak.command.typed(), *(["--skip_errors"] if skip else [])])
    soak.check(ended, 0, 1)
    if skip and ended.code:
        soak.say(f"--skip_errors did not skip: {' / '.join(ended.lines)}")
    for path in made:
        path.unlink()
    finish(soak, True)


_ALL, _READS = (lambda command: True), (lambda command: bool(command.needs))
_PICTURES = lambda command: command.has_pictures
KINDS = {  # disturbance: what does it, for which commands, how often
    "SIGKILL": (partial(signalled, number=signal.SIGKILL, codes=(-9,)), _ALL, 8),
    "Ctrl-C": (partial(signalled, number=signal.SIGINT, codes=(130, -2)), _ALL, 2),
    "SIGTERM": (partial(signalled, number=signal.SIGTERM, codes=(143, -15)), _ALL, 1),
    "full disk": (full_disk, _ALL, 3),
    "read-only disk": (read_only, _ALL, 1),
    "limit of file size": (file_limit, _ALL, 1),
    "two at once": (two_at_once, _ALL, 2),
    "damaged result": (partial(damaged, inputs=False), _ALL, 3),
    "damaged input": (partial(damaged, inputs=True), _READS, 2),
    "malformed JSON": (malformed_json, _ALL, 3),
    "vanished picture": (partial(other_picture, replaced=False), _PICTURES, 1),
    "replaced picture": (partial(other_picture, replaced=True), _PICTURES, 1),
    "malformed pictures": (malformed_pictures, _PICTURES, 1),
}


# The whole


def undisturbed(soak: Soak, names: list[str]) -> bool:
    "The reference: every command once, forked. False if one fails."
    for soak.name in names:
        soak.prepare()
        begin = time.monotonic()
        ended = soak.run()
        soak.seconds[soak.name] = time.monotonic() - begin
        soak.check(ended, 0)
        if soak.wrong:
            return False
        shutil.copytree(soak.out, soak.reference / soak.name)
    begin = time.monotonic()
    soak.prepare()
    soak.check(soak.run(whole=True), 0)
    soak.start_up = max(0, time.monotonic() - begin - soak.seconds[soak.name])
    soak.compare()
    return True


def may_mount() -> bool:
    return IN_NAMESPACE in os.environ


def disturb(soak: Soak, names: list[str], episode: int) -> None:
    "One episode: a command, a disturbance, and what follows."
    soak.episode, soak.chosen = episode, random.Random(f"{soak.seed} {episode}")
    soak.name = names[episode % len(names)]
    kinds = [kind for kind, (_, fits, _) in KINDS.items() if fits(soak.command)]
    kinds = [kind for kind in kinds if may_mount() or "disk" not in kind]
    soak.kind = soak.chosen.choices(kinds, [KINDS[kind][2] for kind in kinds])[0]
    KINDS[soak.kind][0](soak)


def with_needs(asked: list[str]) -> list[str]:
    "The commands whose names contain a text, and those whose results they read, in sequence."
    wanted = {name for name in COMMANDS if not asked or any(text in name for text in asked)}
    for name in reversed(COMMANDS):
        if name in wanted:
            wanted.update(COMMANDS[name].needs)
    return [name for name in COMMANDS if name in wanted]


def summary(soak: Soak, seconds: float) -> dict:
    "What was done and what was found."
    kinds, commands = Counter(), {}
    for (name, kind), number in sorted(soak.done.items()):
        kinds[kind] += number
        commands.setdefault(name, {})[kind] = number
    return {
        "seed": soak.seed,
        "minutes": round(seconds / 60, 1),
        "episodes": soak.episode,
        "processes": dict(soak.processes.started),
        "disturbances": dict(kinds),
        "commands": commands,
        "lines that were followed": sum(soak.cured.values()),
        "wrong": soak.wrong,
    }


def report(found: dict) -> None:
    "Print a summary."
    print(f"seed {found['seed']}, {found['minutes']} minutes, {found['episodes']} episodes")
    for name in ("processes", "disturbances"):
        print(f"{name}: " + ", ".join(f"{kind} {number:,}" for kind, number in found[name].items()))
    for name, kinds in found["commands"].items():
        print(f"  {name:18}" + ", ".join(f"{kind} {number:,}" for kind, number in kinds.items()))
    print(f"lines on stderr that were followed: {found['lines that were followed']:,}")
    print(f"lost, wrong or silent: {len(found['wrong'])}")


def import_packages() -> None:
    "What forked processes need not import."
    for module in {f"cop.cli.{module}" for _, module in import_module("cop.cli.main").VERBS.values()}:
        import_module(module)
    for module in ("cop.report.evaluate", "matplotlib.pyplot", "tyro", "yaml", "torchvision.io"):
        import_module(module)


def soak_for(args: argparse.Namespace, soak: Soak) -> None:
    "Episodes until the time is over."
    end = time.monotonic() + 60 * args.minutes
    import_packages()
    names = with_needs(args.only)
    if not undisturbed(soak, names):
        return
    print(f"undisturbed, {', '.join(f'{name} {soak.seconds[name]:.1f} s' for name in names)}", flush=True)
    if args.episode is not None:
        disturb(soak, names, args.episode)
        return
    for episode in range(1, 10**9):
        if time.monotonic() > end:
            return
        disturb(soak, names, episode)


def in_namespace() -> None:
    "Start again where one may mount disks that nobody else sees, if the system lets one."
    words = ["unshare", "--user", "--map-root-user", "--mount"]
    if (
        may_mount()
        or not shutil.which("unshare")
        or subprocess.run([*words, "true"], capture_output=True).returncode
    ):
        return
    os.environ[IN_NAMESPACE] = "1"
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, help="of all that is random (default: the time)")
    parser.add_argument("--only", nargs="*", default=[], help="commands whose names contain one of these")
    parser.add_argument("--episode", type=int, help="repeat this one alone (its --seed, its --only)")
    parser.add_argument("--out", help="write the summary as JSON")
    args = parser.parse_args()
    in_namespace()
    os.nice(5)
    begin = time.monotonic()
    os.environ["PYTHONPATH"] = str(ROOT)
    sys.path.insert(0, str(ROOT))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="cop-soak-"))  # forked processes leave it when they end
    soak = Soak(folder, int(time.time()) if args.seed is None else args.seed)
    try:
        soak_for(args, soak)
    except KeyboardInterrupt:
        print("interrupted")
    finally:
        for process in list(soak.processes.running):
            soak.processes.stop(process)
        shutil.rmtree(folder, ignore_errors=True)
    found = summary(soak, time.monotonic() - begin)
    report(found)
    if args.out:
        Path(args.out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
