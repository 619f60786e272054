"""Properties of public functions, tried by Hypothesis on inputs that nobody thought of.

    python tools/check_fuzz.py [--examples N] [--only TEXT…]

An input gives an answer with the property, or one line from cop's own code. The same examples are tried
in every run; --examples tries others and more. Exit code 1 if a property fails; the smallest input that
fails it is printed.
"""

import argparse
import contextlib
import gzip
import io
import math
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import good_inputs
import networkx
import numpy as np
import torch
from check_inputs import raised_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cop
from cop.classify.sparse_vit import keep_count, kept_tokens
from cop.cli import main as command
from cop.core.config import TrainingConfig
from cop.core.random import random_permutation
from cop.images.sources import read_idx, write_idx
from cop.orders.agreement import crop_order, flip_order, regrid_order
from cop.orders.graph import katz, pagerank
from cop.orders.rankings import collapse_order, graph_rankings
from cop.orders.store import load_orders, save_orders

TRIED = {}  # name of a property: [its function, examples]
FOLDER = Path(tempfile.mkdtemp(prefix="cop-fuzz-"))


def prop(share, **strategies):
    "A property with a share of all examples; what it raises must be one line of cop's."

    def add(function):
        def guarded(**inputs):
            TRIED[function.__name__][1] += 1
            try:
                function(**inputs)
            except AssertionError:
                raise
            except Exception as error:  # noqa: BLE001: what it is, is the question
                assert raised_here(error), f"{type(error).__name__}: {error}\n{traceback.format_exc()}"

        TRIED[function.__name__] = [given(**strategies)(guarded), 0, share]
        return function

    return add


sizes = st.integers(1, 6)
grids = st.tuples(sizes, sizes)
keys = st.integers(-(2**63), 2**63 - 1)
odd = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.lists(st.integers())
)
numbers = st.one_of(st.floats(0, 9), st.floats(), st.sampled_from([0.0, 1e-300, 1e300, 5e-324]))


def graph_of(flat, n, dtype):
    values = (flat * (n * n))[: n * n]
    return torch.tensor(values, dtype=torch.float64).view(1, n, n).to(dtype)


graphs = st.builds(
    graph_of,
    st.lists(numbers, min_size=1, max_size=36),
    st.integers(0, 6),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.int64]),
)


def is_order(order, batch, n):
    assert order.dtype == torch.int64 and tuple(order.shape) == (batch, n), order
    assert (order.sort(1).values == torch.arange(n)).all(), order


@prop(3, A=graphs, method=st.one_of(st.sampled_from(graph_rankings()), st.text(max_size=4)))
def collapse(A, method):
    is_order(collapse_order(A, method), 1, A.shape[1])


@prop(2, A=graphs, damping=st.one_of(st.floats(0, 0.99), odd), tol=st.one_of(st.just(1e-8), odd))
def pagerank_sums_to_one(A, damping, tol):
    try:
        scores = pagerank(A, damping, tol=tol)
    except RuntimeError as error:
        assert "did not converge" in str(error)
        return
    assert (scores >= 0).all() and torch.allclose(scores.sum(1), torch.ones(1, dtype=torch.float64)), scores


@prop(1, A=graphs)
def pagerank_is_that_of_networkx(A):
    ours = pagerank(A, tol=1e-12)[0]
    largest = float(A.double().max()) or 1.0
    graph = networkx.from_numpy_array((A[0].double() / largest).numpy(), create_using=networkx.DiGraph)
    theirs = networkx.pagerank(graph, tol=1e-12, max_iter=10_000)
    if largest > 1e-290:
        assert np.allclose(ours.numpy(), list(theirs.values()), atol=1e-6), (ours, theirs)


@prop(1, A=graphs, attenuation=st.one_of(st.floats(0, 0.99), odd))
def katz_sums_to_one(A, attenuation):
    scores = katz(A, attenuation)
    assert scores.isfinite().all() and torch.allclose(scores.sum(1), torch.ones(1, dtype=torch.float64)), (
        scores
    )


@prop(2, grid=grids, key=keys, flip=st.lists(st.booleans(), min_size=1, max_size=3))
def flipping_twice_changes_nothing(grid, key, flip):
    order = random_permutation(torch.tensor([key] * len(flip)), grid[0] * grid[1])
    once = flip_order(order, grid, torch.tensor(flip))
    is_order(once, len(flip), grid[0] * grid[1])
    assert torch.equal(flip_order(once, grid, torch.tensor(flip)), order)


@prop(2, grid=grids, key=keys, box=st.lists(st.floats(width=32), min_size=4, max_size=4))
def a_crop_is_an_order(grid, key, box):
    order = random_permutation(torch.tensor([key]), grid[0] * grid[1])
    is_order(crop_order(order, grid, torch.tensor([box])), 1, grid[0] * grid[1])
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assert torch.equal(crop_order(order, grid, whole), order)


@prop(2, grid=grids, new=st.one_of(grids, st.tuples(odd, odd)), key=keys)
def another_grid_gives_an_order(grid, new, key):
    order = random_permutation(torch.tensor([key]), grid[0] * grid[1])
    is_order(regrid_order(order, grid, new), 1, new[0] * new[1])
    assert torch.equal(regrid_order(order, grid, grid), order)


names = st.one_of(
    st.sampled_from(sorted(cop.list_orders())), st.text(max_size=5), odd, st.lists(st.integers(-1, 9))
)


@prop(3, spec=names, grid=st.one_of(st.none(), grids, st.tuples(odd, odd)), number=odd)
def a_source_gives_orders(spec, grid, number):
    source = cop.order_source(spec, grid, seed=number)
    h, w = grid or source.grid
    images = torch.zeros(2, 1, 4 * h, 4 * w, dtype=torch.uint8)
    is_order(source(images, torch.arange(2)), 2, h * w)


@prop(1, grid=grids, key=keys, n=st.integers(0, 5), damage=st.one_of(st.none(), st.binary(max_size=40)))
def stored_orders_come_back(grid, key, n, damage):
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    orders = random_permutation(torch.arange(n) + key // 2, grid[0] * grid[1])
    save_orders(folder, orders, grid, "image")
    if damage is not None:
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        files[key % len(files)].write_bytes(damage)
        load_orders(folder)
    else:
        assert torch.equal(load_orders(folder), orders)


@prop(
    2,
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    raw=st.binary(max_size=60),
    zipped=st.booleans(),
)
def idx_files_come_back(shape, raw, zipped):
    path = FOLDER / ("x.idx.gz" if zipped else "x.idx")
    x = torch.arange(math.prod(shape)).view(shape).to(torch.uint8)
    write_idx(path, x)
    assert torch.equal(read_idx(path), x)
    good = path.read_bytes()
    for damaged in (
        raw,
        good[: len(raw)],
        good[:-1] + raw,
        b"\0\0\x08" + raw,
        gzip.compress(b"\0\0\x08" + raw),
    ):
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError):
            read_idx(path)


@prop(2, n=st.one_of(st.integers(1, 300), odd), patches=odd, keep=st.one_of(odd, st.floats(0, 1)))
def a_keep_count_is_one_to_n(n, patches, keep):
    assert 1 <= keep_count(n, patches, keep) <= n
    assert keep_count(n, keep=1.0) == n


@prop(1, rate=st.one_of(st.floats(0, 1), odd), n=st.one_of(st.integers(1, 300), odd))
def a_mask_rate_leaves_one_to_n(rate, n):
    assert 1 <= kept_tokens(rate, n) <= n


KIT = good_inputs.Kit(batch=2)


@prop(
    2,
    patches=odd,
    keep=st.one_of(odd, st.floats(0, 1)),
    key=keys,
    dtype=st.sampled_from([torch.int64, torch.int32]),
)
def a_sparse_vit_answers(patches, keep, key, dtype):
    order = random_permutation(torch.tensor([key, key // 2]), KIT.n).to(dtype)
    with torch.no_grad():
        every = KIT.vit(KIT.images)
        assert torch.allclose(KIT.vit(KIT.images, order, KIT.n), every, atol=1e-4)
        assert KIT.vit(KIT.images, order, patches, keep).isfinite().all()


fields = st.sampled_from(list(vars(TrainingConfig())) + ["x"])


@prop(3, changes=st.dictionaries(fields, odd, max_size=2))
def a_training_is_described_or_refused(changes):
    if "x" not in changes:
        config = TrainingConfig(**changes)
        assert config.lr > 0 and config.steps >= 1 and 0 <= config.seed < 2**63


yaml = st.one_of(
    st.text(max_size=20),
    st.dictionaries(st.sampled_from(["order", "seed", "limit", "out", "device", "x"]), odd, max_size=3).map(
        str
    ),
    st.binary(max_size=20),
)


@prop(2, text=yaml, verb=st.sampled_from(["order", "show", "sample"]))
def a_run_file_is_read_or_refused(text, verb):
    path = FOLDER / "run.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    parse(verb, ["--config", str(path)])


words = st.one_of(
    st.sampled_from(
        ["--seed", "--order", "--limit", "--out", "--source", "--help", "-1", "1e9", "halton", "--config"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
    st.integers().map(str),
)


@prop(2, typed=st.lists(words, max_size=5), verb=st.sampled_from(["order", "show"]))
def what_is_typed_is_parsed_or_refused(typed, verb):
    parse(verb, typed)


def parse(verb, typed):
    "Parse the options of a verb: options, or the end of the program with 0, 1 or 2, and no traceback."
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            with command.one_line_errors(f"cop {verb}"):
                command._parse(verb, typed)
        except SystemExit as end:
            assert end.code in (0, 1, 2), end.code
            assert end.code != 1 or len(said.getvalue().strip().splitlines()) == 1, said.getvalue()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=0, help="about so many, chosen anew; 0: the same 400")
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    total, wrong = args.examples or 400, 0
    shares = sum(entry[2] for entry in TRIED.values())
    for name, (function, _, share) in TRIED.items():
        if args.only and not any(o in name for o in args.only):
            continue
        how = dict(deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False)
        try:
            examples = max(10, round(total * share / shares))
            tried = settings(max_examples=examples, derandomize=not args.examples, **how)(function)
            tried()
        except Exception as error:  # noqa: BLE001
            wrong += 1
            print(f"{name}: {error}", *getattr(error, "__notes__", []), sep="\n", flush=True)
    print(f"{len(TRIED)} properties, {sum(entry[1] for entry in TRIED.values())} examples, {wrong} failures")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
