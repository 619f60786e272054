"""Every public function that takes tensors or numbers, called with bad ones: a right answer, or one line.

    python tools/check_inputs.py [--only TEXT…] [--list]

`tools/good_inputs.py` has good arguments for each function, and says why some are left out. The bad ones
are made from those by their type: NaN, infinity, empty batches, other dtypes, NumPy arrays, lists,
tensors of the meta device, views, numbers that are negative, huge or no numbers, words that do not
exist. A call passes if it gives the answer that the good arguments give, where they mean the same; or if
cop's own code raises one line; it fails if PyTorch, NumPy or Python raise instead, if an answer holds
NaN, if NaN or infinity are taken, or if it takes ten seconds. The same functions are called on one token
and on one image, and those of nearly linear time on ten thousand. Exit code 1 if a call fails, or if a
public function is missing in the table.
"""

import argparse
import dis
import importlib
import inspect
import itertools
import math
import pkgutil
import signal
import sys
import typing
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import cop

LIMIT = 10  # seconds of a call
RAISES = {dis.opmap["RAISE_VARARGS"], dis.opmap.get("RERAISE")}
PACKAGE = str(Path(cop.__file__).parent)


def modules():
    "The modules of the package that have public functions, commands left out."
    names = sorted(m.name for m in pkgutil.walk_packages(cop.__path__, "cop."))
    for name in names:
        if not name.endswith("_modidx") and ".cli" not in name and not name.startswith("cop.models"):
            yield importlib.import_module(name)


def public_callables():
    "Name → function, for every public function, and every public method and constructor of a public class."
    found = {}
    for module in modules():
        place = module.__name__.removeprefix("cop.")
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if inspect.isclass(thing):
                for key in vars(thing):
                    member = getattr(thing, key)
                    callable_here = inspect.isfunction(member) or inspect.ismethod(member)
                    if callable_here and (key in ("__init__", "__call__") or key[0] != "_"):
                        found[f"{place}.{name}.{key}"] = member
            elif inspect.isfunction(inspect.unwrap(thing)):
                found[f"{place}.{name}"] = thing
    return found


def takes_numbers(function):
    "Is one of the arguments a tensor or a number, by its annotation, or without one?"

    def numeric(annotation):
        if isinstance(annotation, str):
            return any(word in annotation for word in ("Tensor", "int", "float"))
        if annotation in (Tensor, int, float, inspect.Parameter.empty):
            return True
        inner = typing.get_args(annotation)
        is_callable = "Callable" in str(typing.get_origin(annotation))
        return not is_callable and any(numeric(a) for a in inner if not isinstance(a, (list, str)))

    parameters = list(inspect.signature(function).parameters.values())
    return any(numeric(p.annotation) for p in parameters if p.name not in ("self", "cls"))


def raised_here(error):
    "Did the package's own code raise it, as one line?"
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    ours = code.co_filename.startswith(PACKAGE) and code.co_code[trace.tb_lasti] in RAISES
    lines = str(error).strip().splitlines()
    return ours and len(lines) == 1 and isinstance(error, (ValueError, TypeError, IndexError, KeyError))


def tensors_of(answer):
    "All tensors and numbers of an answer, in sequence."
    if isinstance(answer, Tensor):
        return [answer]
    if isinstance(answer, (float, int)) and not isinstance(answer, bool):
        return [torch.tensor(float(answer), dtype=torch.float64)]
    if isinstance(answer, dict):
        return [t for value in answer.values() for t in tensors_of(value)]
    if isinstance(answer, (tuple, list)):
        return [t for value in answer for t in tensors_of(value)]
    return []


def has_nan(answer):
    return any(
        t.is_floating_point() and t.device.type != "meta" and t.isnan().any() for t in tensors_of(answer)
    )


def same(answer, expected, tolerance):
    a, b = tensors_of(answer), tensors_of(expected)
    if len(a) != len(b) or any(x.shape != y.shape for x, y in zip(a, b)):
        return False
    return all(
        torch.allclose(x.detach().double(), y.detach().double(), tolerance, tolerance, equal_nan=True)
        for x, y in zip(a, b)
    )


def strided(x):
    "The same numbers as a view that is not contiguous."
    wide = torch.stack([x, x], -1)
    return wide[..., 0]


def with_one(x, value):
    "A copy of a tensor whose last number is another."
    x = x.clone(memory_format=torch.contiguous_format)
    x.view(-1)[-1] = value
    return x


ANY, REFUSE, SAME, CLOSE = "any", "refuse", "same", "close"  # what a variant may do; each may raise one line


def tensor_variants(x):
    "Name, value and expectation of the bad tensors made from a good one."
    yield "numpy", x.numpy(), SAME
    yield "list", x.tolist(), SAME
    yield "meta", torch.empty_like(x, device="meta"), REFUSE
    yield "view", strided(x), SAME
    yield "more dimensions", x[None], ANY
    if x.ndim:
        yield "empty", x[:0], ANY
    if not x.numel():
        return
    if x.is_floating_point():
        for value in (math.nan, math.inf, -math.inf):
            yield str(value), with_one(x, value), REFUSE
        yield "requires_grad", x.clone().requires_grad_(), SAME
        other = torch.float64 if x.dtype == torch.float32 else torch.float32
        yield str(other), x.to(other), CLOSE
        for dtype in (torch.bfloat16, torch.float16):
            yield str(dtype), x.to(dtype), ANY
        yield "int64", x.long(), ANY
        yield "bool", x > 0, ANY
        yield "complex", x.to(torch.complex64), REFUSE
    elif x.dtype == torch.bool:
        yield "int64", x.long(), SAME
        yield "float32", x.float(), SAME
        yield "none", torch.zeros_like(x), ANY
        yield "all", torch.ones_like(x), ANY
    else:
        yield "int32", x.int(), SAME if (x.int() == x).all() else ANY
        yield "float32", x.float(), ANY
        yield "bool", x.bool(), ANY
        if x.dtype != torch.uint8:
            yield "negative", with_one(x, -7), ANY
            yield "2**40", with_one(x, 2**40), ANY
            yield "NaN", with_one(x.float(), math.nan), REFUSE


def number_variants(x):
    if isinstance(x, int):
        yield "numpy", np.int64(x), SAME
        yield "1.5", 1.5, REFUSE
    else:
        yield "numpy", np.float64(x), SAME
        yield "numpy float32", np.float32(x), CLOSE
    yield "text", "no such", REFUSE
    yield "list", [x], REFUSE
    yield "None", None, ANY
    for value in (math.nan, math.inf, -math.inf):
        yield str(value), value, REFUSE
    for value in (0, -1, 2**63, 10**30, -(2**63)):
        yield str(value), value, ANY


def row_variants(x):
    "Of a row of whole numbers, such as a grid."
    yield "list", list(x), SAME
    yield "numpy", tuple(np.int64(k) for k in x), SAME
    yield "tensor", torch.tensor(x), SAME
    yield "none", (), ANY
    yield "more", (*x, 2), ANY
    yield "text", "no such", REFUSE
    for value in (0, -1, 10**30):
        yield str(value), (*x[:-1], value), ANY
    for value in (1.5, math.nan):
        yield str(value), (*x[:-1], value), REFUSE


def variants(x):
    "Name, value and expectation of every bad value made from a good one."
    if isinstance(x, Tensor):
        return list(tensor_variants(x))
    if isinstance(x, bool) or x is None:
        return []
    if isinstance(x, (int, float)):
        return list(number_variants(x))
    if isinstance(x, (tuple, list)) and x and all(type(k) is int for k in x):
        return list(row_variants(tuple(x)))
    return []


def late(*_):
    raise TimeoutError(f"took more than {LIMIT} s")


def call(function, args, kwargs):
    "The answer of a call, or its error; iterators are run to their end."
    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        torch.manual_seed(0)
        answer = function(*args, **kwargs)
        return list(answer) if inspect.isgenerator(answer) else answer, None
    except Exception as error:  # noqa: BLE001: what it is, is the question
        return None, error
    finally:
        signal.alarm(0)


def judge(answer, error, expected, what, value):
    "None if a call passes, else what is wrong with it."
    if error is not None:
        said = str(error).strip().splitlines() or [""]
        return None if raised_here(error) else f"raises {type(error).__name__}: {said[0][:90]}"
    if what == REFUSE:
        return "is taken"
    if has_nan(answer) and not has_nan(expected):
        return "gives NaN"
    if what in (SAME, CLOSE) and not same(answer, expected, 1e-3 if what == CLOSE else 1e-5):
        return "gives another answer"
    return None


def one_changed(args, kwargs):
    "Every call in which one argument is a bad one: its name, positional and named arguments, expectation."
    for place in [*range(len(args)), *kwargs]:
        good = args[place] if isinstance(place, int) else kwargs[place]
        for name, value, what in variants(good):
            if isinstance(place, int):
                yield f"{place}={name}", (*args[:place], value, *args[place + 1 :]), kwargs, what, value
            else:
                yield f"{place}={name}", args, {**kwargs, place: value}, what, value


def batches(args, kwargs, batch):
    "The calls in which every tensor of the batch is cut to no image, and to the first."
    is_batch = lambda x: isinstance(x, Tensor) and x.ndim and len(x) == batch
    for name, size in (("no image", 0), ("one image", 1)):
        cut = lambda x, size=size: x[:size] if is_batch(x) else x
        if any(map(is_batch, [*args, *kwargs.values()])):
            yield name, tuple(map(cut, args)), {k: cut(v) for k, v in kwargs.items()}, ANY, None


def check(entry, allowed):
    "Call a function with its good and its bad arguments; the failures, and how many calls there were."
    expected, error = call(entry.function, entry.args, entry.kwargs)
    if error is not None:
        return [f"{entry.name}: good arguments raise {type(error).__name__}: {error}"], 1
    changes = itertools.chain(
        one_changed(entry.args, entry.kwargs), batches(entry.args, entry.kwargs, entry.batch)
    )
    wrong, changes = [], list(changes)
    for name, args, kwargs, what, value in changes:
        problem = judge(*call(entry.function, args, kwargs), expected, what, value)
        if problem and not any(name.endswith(a) for a in allowed.get(entry.name, ())):
            wrong.append(f"{entry.name}({name}) {problem}")
    return wrong, len(changes) + 1


def check_size(entries, what):
    "Calls of other sizes: an answer without NaN, or one line."
    wrong = []
    for entry in entries:
        answer, error = call(entry.function, entry.args, entry.kwargs)
        if error is not None and not raised_here(error):
            wrong.append(f"{entry.name} on {what}: {type(error).__name__}: {str(error)[:90]}")
        elif has_nan(answer) and entry.name not in entry.table.nan_of_one:
            wrong.append(f"{entry.name} on {what} gives NaN")
    return wrong, len(entries)


def missing(table, functions):
    "Public functions without good arguments, and entries of the table that are no public function."
    wanted = {name for name, function in functions.items() if takes_numbers(function)}
    listed = {entry.name for entry in table.entries()}
    left_out = {name for name in functions if table.reason(name)}
    for name in sorted(wanted - listed - left_out):
        yield f"{name} takes tensors or numbers, and tools/good_inputs.py has no good arguments for it"
    for name in sorted(listed - set(functions)):
        yield f"{name} of tools/good_inputs.py is no public function"
    for pattern in table.unused_reasons(functions):
        yield f"{pattern} of tools/good_inputs.py leaves nothing out"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument(
        "--list", action="store_true", help="list the public functions that must be in the table"
    )
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    import good_inputs as table

    functions = public_callables()
    wrong = list(missing(table, functions))
    if args.list:
        print("\n".join(wrong))
        return 1
    count = 0
    chosen = lambda entries: [e for e in entries if not args.only or any(o in e.name for o in args.only)]
    for entry in chosen(table.entries()):
        found, calls = check(entry, table.ALLOWED)
        wrong, count = wrong + found, count + calls
    for what, sized in table.sizes():
        found, calls = check_size(chosen(sized), what)
        wrong, count = wrong + found, count + calls
    print("\n".join(wrong))
    print(f"{len(chosen(table.entries()))} functions, {count:,} calls, {len(wrong)} failures")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
