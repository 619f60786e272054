"""Times, ratios and limits that the benchmarks share; imported by bench.py and its tasks."""

import statistics
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


class Seconds(float):
    "The median of some rounds; `rounds` has all of them."

    def __new__(cls, rounds):
        middle = super().__new__(cls, statistics.median(rounds))
        middle.rounds = rounds
        return middle


def in_turn(functions, rounds, device="cpu", seconds=15):
    """Seconds of each function, in up to `rounds` calls.

    The functions are called in turn, once to warm up, then at least twice, and until `seconds` have passed.
    """
    times, begin = [[] for _ in functions], time.perf_counter()
    for n in range(rounds + 1):
        for f, t in zip(functions, times):
            start = time.perf_counter()
            f()
            if device == "cuda":
                torch.cuda.synchronize()
            if n:
                t.append(time.perf_counter() - start)
        if n > 1 and time.perf_counter() - begin > seconds:
            break
    return [Seconds(t) for t in times]


def fastest(function, rounds=5):
    "Seconds of the fastest of some calls, after one to warm up."
    function()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def product_rate(device="cpu", dtype=torch.float32, size=2048):
    "Floating-point operations a second of the product of two large matrices: the limit of the machine."
    a = torch.randn(size, size, device=device, dtype=dtype)
    return 2 * size**3 / fastest(lambda: a @ a)


def read_rate(size=2**26):
    "Bytes a second of a sum over numbers that no cache holds."
    x = torch.ones(size)
    return 4 * size / fastest(x.sum)


def product_flops(function):
    "Floating-point operations of all matrix products of a call, those of attention included."
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        function()
    return counter.get_total_flops()


def row(name, plain, ours, goal=0.0, limit=None, **more):
    """A line of the benchmark: what is compared, seconds of both sides, the ratio that is the goal, and
    `limit`, the seconds that the machine would need at least."""
    return dict(name=name, plain=plain, ours=ours, goal=goal, limit=limit, **more)


def counted(number, what):
    "1 image, 8 images."
    return f"{number:,} {what}{'' if number == 1 else 's'}"
