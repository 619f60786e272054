"""A rehearsal of a GPU without one: every public path that takes a device, on tensors that only say they
are there.

    python tools/check_devices.py [--only TEXT…]

A `Pretended` tensor holds its numbers on the CPU and says that its device is another. Every operation on
it is looked at: if one of its tensors was left on the CPU, PyTorch would raise on a GPU, and so does
this; a tensor that is made with device=DEVICE is pretended, too. Because the numbers are there, nothing
that depends on them has to be left out, and the answers are compared with those of the CPU. What is
called: the functions of `tools/good_inputs.py`, and a step of every training, backwards too. A step must
not wait for the GPU: what makes the CPU wait for a number is counted. Planted mistakes must be found. Exit
code 1 if something fails.
"""

import argparse
import copy
import inspect
import re
import sys
import warnings
from functools import cache

import good_inputs
import torch
from check_inputs import same, tensors_of
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

import cop
from cop.classify import dynamicvit, predictions, ranked
from cop.classify import training as vit_training
from cop.core import config
from cop.entropy import estimator, masked, mixture_model
from cop.generate import denoiser, features, mar, metrics
from cop.images import dataset
from cop.learn import comae, distillation, objectives, policy
from cop.orders import prior, source

aten = torch.ops.aten
# operations of a GPU's tensor that take some of the CPU: copies, and indices, which PyTorch moves itself
MIXED = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor, aten.index_put_.default}
MIXED |= {
    aten.index_put.default,
    aten._index_put_impl_.default,
    aten._unsafe_index.Tensor,
    aten.set_.source_Tensor,
}


DEVICE = "pretended"


class _Module:
    "What PyTorch asks of the module of a device."

    def get_amp_supported_dtype(self):
        return [torch.bfloat16, torch.float16]

    def is_available(self):
        return True

    def is_initialized(self):
        return True

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        pass


def pretend_device():
    "Register a device of which there is nothing but the name: streams and threads are those of the CPU."
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend(DEVICE, _Module())
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(…, device=…) goes through the CPU
    torch.autograd.set_multithreading_enabled(False)  # no thread for each device
    torch.inference_mode = lambda mode=True: torch.no_grad()  # its tensors cannot be subclasses


# operations of a GPU's tensor that make the CPU wait for it; copies do if they go to the CPU, and indices if
# they are masks
WAITING = (aten._local_scalar_dense.default, aten.nonzero.default, aten.is_nonzero.default)
WAITING += (aten.equal.default, aten.masked_select.default, aten._unique2.default, aten.unique_dim.default)
WAITING += (aten.repeat_interleave.Tensor,)
INDEXING = (aten.index.Tensor, aten.index_put_.default, aten.index_put.default)
COPIES = (aten._to_copy.default, aten.copy_.default)
WAITS = []  # those that were called


class WrongDevice(RuntimeError):
    "An operation got tensors of the GPU and of the CPU."


class Pretended(Tensor):
    "A tensor whose numbers are on the CPU, and which says that it is on a GPU."

    @staticmethod
    def __new__(cls, numbers):
        about = dict(dtype=numbers.dtype, layout=numbers.layout, device=DEVICE, requires_grad=False)
        strides = dict(strides=numbers.stride(), storage_offset=numbers.storage_offset())
        return Tensor._make_wrapper_subclass(cls, numbers.shape, **strides, **about)

    def __init__(self, numbers):
        self.numbers = numbers

    def __repr__(self):
        return f"Pretended({self.numbers})"

    def tolist(self):
        WAITS.append("tolist")
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class Rehearsal(TorchDispatchMode):
    "Also pretends tensors that are made on a GPU."

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


def waits_for_device(function, args, on_gpu):
    "Must the CPU wait until the GPU has a result?"
    if function in INDEXING:
        return any(isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1])
    return function in WAITING or function in COPIES and not on_gpu


def run(function, args, kwargs):
    "Run an operation on the CPU; raises WrongDevice where a GPU would."
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    pretended = any(isinstance(x, Pretended) for x in tensors)
    left = [x for x in tensors if not isinstance(x, Pretended) and x.ndim]
    if pretended and left and function not in MIXED:
        shape = tuple(left[0].shape)
        raise WrongDevice(f"{function} got a tensor of shape {shape} on the CPU and others on the GPU")
    device = kwargs.get("device")
    on_gpu = pretended if device is None else torch.device(device).type == DEVICE
    if function is aten.copy_.default:
        on_gpu = isinstance(args[0], Pretended)
    generator = kwargs.get("generator")
    if on_gpu and generator is not None and generator.device.type == "cpu":
        raise WrongDevice(f"{function} on the GPU got a generator of the CPU")
    if function is aten._fused_sdp_choice.default:
        return 0  # plain attention
    if pretended and waits_for_device(function, args, on_gpu):
        WAITS.append(str(function))
    numbers = lambda x: x.numbers if isinstance(x, Pretended) else x
    plain = tree_map(numbers, (args, kwargs))
    if device is not None:
        plain[1]["device"] = torch.device("meta" if torch.device(device).type == "meta" else "cpu")
    plain[1].pop("pin_memory", None)
    out = function(*plain[0], **plain[1])
    if not on_gpu:
        return out
    out = tree_map(lambda x: Pretended(x) if isinstance(x, Tensor) else x, out)
    if not pretended:
        return out
    return return_and_correct_aliasing(function, args, kwargs, out)


# on the CPU, whatever the device of the images and the model
KEPT = (dataset.ImageSet, source.OrderSource, prior.ClassPrior, predictions.Predictions, metrics.Statistics)
KEPT += (features.Features,)


def on_gpu(thing):
    "A copy whose tensors pretend to be on a GPU."
    if isinstance(thing, KEPT):
        return thing
    if isinstance(thing, nn.Parameter):
        return nn.Parameter(Pretended(thing.detach().clone()), thing.requires_grad)
    if isinstance(thing, Tensor):
        return Pretended(thing.clone())
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*map(on_gpu, thing))
    if isinstance(thing, (tuple, list)):
        return type(thing)(map(on_gpu, thing))
    if isinstance(thing, dict):
        return type(thing)((k, on_gpu(v)) for k, v in thing.items())
    ours = type(thing).__module__.startswith(("cop.", "timm.", "torch.nn"))
    if isinstance(thing, type) or not ours or not hasattr(thing, "__dict__"):
        return thing
    made = copy.copy(thing)
    for name, value in vars(thing).items():
        if name not in ("_hub_mixin_config", "training") and "hook" not in name:
            object.__setattr__(made, name, on_gpu(value)) if not isinstance(
                made, nn.Module
            ) else made.__dict__.update({name: on_gpu(value)})
    return made


def on_cpu(answer):
    return [x.numbers if isinstance(x, Pretended) else x for x in tensors_of(answer)]


def call(function, args, kwargs):
    torch.manual_seed(0)
    answer = function(*args, **kwargs)
    return list(answer) if inspect.isgenerator(answer) else answer


def rehearse(entry):
    "None, or what goes wrong when a function of the table is called with everything on the GPU."
    plain = inspect.unwrap(entry.function, stop=inspect.ismethod)
    owner = getattr(plain, "__self__", None)
    with torch.no_grad():
        expected = call(entry.function, entry.args, entry.kwargs)
        args, kwargs = on_gpu(entry.args), on_gpu(entry.kwargs)
        if owner is not None and not isinstance(owner, type):
            args, function = (on_gpu(owner), *args), plain.__func__
        else:
            function = on_gpu(plain)
        try:
            with Rehearsal():
                answer = call(function, args, kwargs)
        except Exception as error:  # noqa: BLE001: what it is, is the question
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return None if same(on_cpu(answer), tensors_of(expected), 1e-4) else "gives another answer"


def batch_of(k, **more):
    return {"image": k.images, "label": k.labels, "index": k.index, "key": k.keys, "step": 3} | more


@cache
def trainings():
    "Name, model, loss and batch of a step of every training."
    k = good_inputs.Kit()
    torch.manual_seed(0)
    settings = config.TrainingConfig(steps=10)
    orders = source.training_orders(source.FixedOrder(k.order[0]), k.n, 0.5)
    tokens = {"tokens": k.tokens, "key": k.keys, "step": 3}
    pca_gaussian = good_inputs._pca_gaussian(k)
    graphs = (k.A, k.A.sum(2))
    prefixes = {"own_orders": k.order, "orders": k.order[:, None]}
    steps = [
        ("comae", k.comae, comae.comae_loss(k.pca), batch_of(k)),
        ("comae, subsets", k.subset_comae, comae.comae_loss(k.pca), batch_of(k)),
        ("mar", k.mar, mar.mar_loss(k.pca), batch_of(k)),
        ("cmar", k.mar, mar.mar_loss(k.pca, orders), batch_of(k)),
        ("vit", k.vit, vit_training.vit_loss(orders, settings), batch_of(k)),
        ("vit, flipped", k.vit, vit_training.vit_loss(flipped(k), settings), batch_of(k, flip=k.flips)),
        ("vit, all", k.vit, vit_training.vit_loss(orders, settings, "none"), batch_of(k)),
        ("dynamicvit", dynamic(k), vit_training.vit_loss(orders, settings, "time"), batch_of(k)),
        ("classifier", k.classifier, features._classifier_loss, batch_of(k)),
        ("neural", k.neural, masked.estimator_loss, tokens | prefixes),
        ("categorical", k.categorical, masked.estimator_loss, tokens),
        ("policy", k.policy, policy.policy_loss(k.gaussian, 0.05), tokens),
    ]
    for name, objective in (
        ("graphs", distillation.graph_objective(k.sample_set, graphs, k.grid)),
        ("scores", distillation.score_objective(k.sample_set, k.A.sum(1), k.grid)),
        ("drops", objectives.drop_objective(k.training_set, pca_gaussian, k.pca, candidates=2)),
        ("labels", ranked.label_objective(k.training_set, k.vit, pairs=2)),
        ("reconstruction", objectives.reconstruction_objective(k.training_set, k.pca, dict(decoder_depth=1))),
    ):
        student = distillation.Student(copy.deepcopy(k.ranker), objective.partner)
        sample = objective.images[0]
        more = {
            name: torch.stack([objective.images[i][name] for i in range(k.b)]) for name in tensors(sample)
        }
        steps.append((f"ranker, {name}", student, objective.loss, batch_of(k) | more))
    return steps


def tensors(sample):
    return [name for name, value in sample.items() if isinstance(value, Tensor)]


def flipped(k):
    stored = source.StoredOrder(k.order)
    return source.training_orders(stored, k.n)


def dynamic(k):
    return dynamicvit.DynamicViT.from_vit(k.vit, (1,))


def closures_on_gpu(function):
    "A loss whose teachers and models are on the GPU, as `train` moves them."
    cells = getattr(function, "__closure__", None) or ()
    held = []
    for cell in cells:
        value = cell.cell_contents
        if isinstance(value, nn.Module) or type(value).__module__.startswith("cop.entropy"):
            held.append((cell, value))
            cell.cell_contents = on_gpu(value)
        elif inspect.isfunction(value):
            held += closures_on_gpu(value)
    return held


# Steps that may make the CPU wait for the GPU, how often at most, and for what
ALLOWED_WAITS = {
    "comae, subsets": 1,  # the sizes of the subsets
    "mar": 2,  # labels and orders are checked
    "cmar": 2,
    "vit, flipped": 2,  # stored orders lie on the CPU
    "neural": 8,  # unseen tokens, of which there may be any number
    "categorical": 4,  # unseen tokens
    "policy": 33,  # an exact Gaussian groups the sets by their sizes
    "ranker, drops": 26,  # the estimator is on the CPU
}


def train_step(name, model, loss, batch):
    "None, or what goes wrong in a step on the GPU: the loss, its gradients, and the optimiser."
    torch.manual_seed(0)
    expected, _ = loss(copy.deepcopy(model).train(), dict(batch))
    torch.manual_seed(0)
    moved = on_gpu(model).train()
    held = [] if "drops" in name else closures_on_gpu(loss)  # drops are made where the estimator is
    try:
        with Rehearsal():
            moved_batch = on_gpu(batch)
            WAITS.clear()
            value, _ = loss(moved, moved_batch)
            value.backward()
            waits = list(WAITS)
            learned = [p for p in moved.parameters() if p.grad is not None]
            torch.optim.AdamW(learned, 1e-3, foreach=False).step()
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        for cell, value_before in held:
            cell.cell_contents = value_before
    if not learned:
        return "learns nothing"
    if len(waits) > ALLOWED_WAITS.get(name, 0):
        return f"waits for the GPU {len(waits)} times: {', '.join(waits)}"
    return None if same(on_cpu(value), [expected], 1e-3) else "gives another loss"


class Planted(nn.Module):
    "A model with a constant that does not move with it."

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x * self.weight + torch.arange(3)


def planted():
    "Mistakes that must be found: a constant, an index and random numbers of the CPU; and no others."
    x = torch.ones(2, 3)
    generator = torch.Generator()
    mistakes = {
        "a constant of the CPU": lambda x: Planted()(x.cpu()) + on_gpu(Planted())(x),
        "an index of the CPU": lambda x: x.gather(1, torch.zeros(2, 1, dtype=torch.int64)),
        "a table of the CPU": lambda x: torch.cat([x, torch.zeros(2, 3)]),
        "a mask of the CPU": lambda x: x.masked_fill(torch.ones(3, dtype=torch.bool), 0),
        "a generator of the CPU": lambda x: torch.rand(3, device=x.device, generator=generator),
        "NumPy": lambda x: x.numpy(),
    }
    good = {
        "on the device": lambda x: x * torch.arange(3, device=x.device),
        "a number": lambda x: x * torch.tensor(2.0),
        "values": lambda x: x[x > 0].sum().item() + len(x.nonzero()),
        "to the CPU and back": lambda x: (x.cpu() + torch.ones(3)).to(x.device) + x,
    }
    waiting = {
        "a number": lambda x: x.sum().item(),
        "a mask": lambda x: x[x > 0],
        "a copy": lambda x: x.cpu(),
        "different values": lambda x: x.unique(),
    }
    for name, function in waiting.items():
        WAITS.clear()
        with Rehearsal():
            function(on_gpu(x))
        if not WAITS:
            yield f"planted: that the CPU waits for {name} is not found"
    for name, function in {**mistakes, **good}.items():
        try:
            with Rehearsal():
                function(on_gpu(x))
            found = False
        except (WrongDevice, TypeError, RuntimeError):
            found = True
        if found != (name in mistakes):
            yield f"planted: {name} is {'found' if found else 'not found'}"


_CPU = "a mixture is fitted, and its entropies are computed, on the CPU, with scikit-learn and SciPy"
# Functions that are not called with everything on the GPU, or estimators, each with the reason
NOT_HERE = {
    "entropy.mixture_model.MixtureTokens.*": _CPU,
    "entropy.estimator.Ensemble.*": _CPU,
    "images.dataset.crop_sample": "runs in the processes that load data",
    "entropy.evaluation.optimal_order": "tries all sets of a few tokens, on the CPU",
}
ON_CPU = (mixture_model.MixtureTokens, estimator.Ensemble)


def left_out(entry):
    "Why a function is not called."
    plain = inspect.unwrap(entry.function, stop=inspect.ismethod)
    if isinstance(getattr(plain, "__self__", None), ON_CPU) or any(isinstance(x, ON_CPU) for x in entry.args):
        return _CPU
    found = [why for pattern, why in NOT_HERE.items() if re.fullmatch(pattern, entry.name)]
    return "a constructor" if inspect.isclass(entry.function) else (found or [None])[0]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    pretend_device()
    denoiser.Denoiser.__init__.__defaults__ = (512, False)  # CUDA graphs cannot be pretended
    chosen = lambda name: not args.only or any(o in name for o in args.only)
    wrong, count = list(planted()), 0
    for entry in good_inputs.entries():
        if chosen(entry.name) and not left_out(entry):
            count += 1
            if problem := rehearse(entry):
                wrong.append(f"{entry.name}: {problem}")
    for step in trainings():
        if chosen(step[0]):
            count += 1
            if problem := train_step(*step):
                wrong.append(f"training, {step[0]}: {problem}")
    print("\n".join(wrong))
    print(f"{count} paths, {len(wrong)} failures; cop {cop.__version__}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
