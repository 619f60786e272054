"""Times and rates that the tasks of bench.py share."""

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


def seconds_of(function, device="cpu"):
    "Seconds of one call, until the device is done."
    start = time.perf_counter()
    function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


BLOCK = 0.1  # seconds: a function that takes less is called several times in a row, as `timeit` does
REST = 0.1  # seconds before a function's turn: threads of other libraries spin for a while after their work
SLOW = 1.0  # seconds: a call of this length is not changed much by what comes before it


def repeats(seconds):
    "How often a function is called in a row."
    return min(100, max(1, round(BLOCK / seconds)))


def expected(function, device):
    "About the seconds of a call: those of the second one, since the first prepares things."
    first = seconds_of(function, device)
    return first if first > SLOW else seconds_of(function, device)


def turn(function, about, device):
    "Seconds of a call that takes about so long: the mean of some in a row, after a rest (and a call)."
    time.sleep(REST)
    if about <= SLOW:
        seconds_of(function, device)
    count = repeats(about)
    return seconds_of(lambda: [function() for _ in range(count)], device) / count


def in_turn(functions, rounds, device="cpu", seconds=8):
    """Seconds of a call of each function, in turn: first to warm up, then in `rounds` rounds.

    Ends after fewer rounds, but not before the second, once `seconds` are over."""
    begin = time.perf_counter()
    about = [expected(function, device) for function in functions]
    times = [[] for _ in functions]
    while len(times[0]) < rounds and (len(times[0]) < 2 or time.perf_counter() - begin < seconds):
        for function, usual, found in zip(functions, about, times):
            found.append(turn(function, usual, device))
    return [Seconds(found) for found in times]


def fastest(function, rounds=5, device="cpu"):
    "Seconds of the fastest of some calls, after one to warm up."
    seconds_of(function, device)
    return min(seconds_of(function, device) for _ in range(rounds))


def product_rate(device="cpu", dtype=torch.float32):
    "Floating-point operations a second of the product of two large matrices: what the machine reaches."
    size = 2048 if device == "cpu" else 8192
    a = torch.randn(size, size, device=device, dtype=dtype)
    return 2 * size**3 / fastest(lambda: a @ a, device=device)


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
    """A line of the benchmark: what is compared, seconds of both sides, and the ratio that is the goal.

    `limit`: seconds of the matrix products (or the reading, or the decoding) of our side alone, at the rate
    that the machine reaches for large ones."""
    return dict(name=name, plain=plain, ours=ours, goal=goal, limit=limit, **more)


def counted(number, what):
    "1 image, 8 images."
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def type_name(dtype):
    "float32, bfloat16."
    return str(dtype).removeprefix("torch.")
