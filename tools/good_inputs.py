"""Good arguments of the public functions that take tensors or numbers, and why some functions are left out.

`tools/check_inputs.py` makes bad arguments from these, and fails if a public function is missing here.
"""

import re
import warnings
from functools import cache, cached_property
from typing import NamedTuple

import torch

import cop
from cop.classify import accuracy, cost, dynamicvit, predictions, ranked, sparse_vit
from cop.classify import orders as vit_orders
from cop.classify import training as vit_training
from cop.core import checks, config, layers, random, statistics
from cop.entropy import estimator, evaluation, gaussian_model, information, masked, mixture_entropy
from cop.generate import cmar, diffusion, features, mar, mar_model, metrics, plan
from cop.images import dataset, tokenizers
from cop.images.kl16 import KL16
from cop.learn import certainty, comae, distillation, objectives, policy
from cop.learn import ranker as ranker_module
from cop.orders import agreement, graph, lookup, prior, rankings, registry, source, training_free
from cop.report import curves, verdicts

PATCH = 4  # pixels
CLASSES = 3
VIT = dict(patch_size=PATCH, in_chans=1, num_classes=CLASSES, embed_dim=24, depth=2, num_heads=2)
MAR_FIELDS = dict(
    vae_stride=1,
    vae_embed_dim=3,
    class_num=CLASSES,
    encoder_embed_dim=16,
    encoder_depth=1,
    encoder_num_heads=2,
    decoder_embed_dim=16,
    decoder_depth=1,
    decoder_num_heads=2,
    diffloss_w=16,
    diffloss_d=1,
    num_sampling_steps="3",
    buffer_size=2,
    diffusion_batch_mul=1,
)


class Kit:
    "Tensors and small models of one patch grid and batch."

    def __init__(self, grid=(4, 4), batch=4, dim=3):
        self.grid, self.b, self.d = grid, batch, dim
        self.n = grid[0] * grid[1]
        self.keys = random.hash_keys(5, torch.arange(batch))
        self.index = torch.arange(batch)
        self.labels = torch.arange(batch) % CLASSES
        self.tokens = random.random_normal(self.keys, self.n, dim)
        self.order = random.random_permutation(self.keys, self.n)
        self.other = random.random_permutation(self.keys, self.n, stream=1)
        self.observed = self.order.argsort(1) < self.n // 2
        self.candidates = ~self.observed
        self.some = torch.arange(self.n) % 3 == 0  # targets
        self.counted = self.some.expand(batch, -1).clone()
        h, w = (PATCH * k for k in grid)
        self.images = (random.random_uniform(self.keys, 1, h, w, stream=2) * 256).to(torch.uint8)
        self.boxes = torch.tensor([[0.1, 0.2, 0.5, 0.5]]).expand(batch, -1).clone()
        self.flips = torch.arange(batch) % 2 == 0

    @cached_property
    def A(self):
        A = random.random_uniform(self.keys, self.n, self.n, stream=3)
        return A.masked_fill(torch.eye(self.n, dtype=torch.bool), 0)

    @cached_property
    def training_set(self):
        keys = random.hash_keys(6, torch.arange(40))
        h, w = (PATCH * k for k in self.grid)
        images = (random.random_uniform(keys, 1, h, w) * 256).to(torch.uint8)
        return dataset.ImageSet(images, torch.arange(40) % CLASSES, [f"class{i}" for i in range(CLASSES)])

    @cached_property
    def sample_set(self):
        return dataset.ImageSet(self.images, self.labels, [f"class{i}" for i in range(CLASSES)])

    @cached_property
    def training_tokens(self):
        keys = random.hash_keys(7, torch.arange(40))
        return random.random_normal(keys, self.n, self.d)

    @cached_property
    def pixels(self):
        return tokenizers.PixelPatches.fit(self.training_set.tensor, PATCH)

    @cached_property
    def pca(self):
        return tokenizers.PCAPatches.fit(self.training_set.tensor, self.d, PATCH)

    @cached_property
    def gaussian(self):
        return gaussian_model.GaussianTokens.fit(self.training_tokens, 0.2)

    @cached_property
    def mixture(self):
        return cop.MixtureTokens.fit(self.training_tokens, 2, 0.2)

    @cached_property
    def neural(self):
        torch.manual_seed(0)
        return cop.NeuralTokens(self.n, self.d, components=2, width=8, depth=1, readers=2, draws=4).eval()

    @cached_property
    def categorical(self):
        torch.manual_seed(0)
        return cop.CategoricalTokens(self.n, self.d, codes=5, width=8, depth=1).eval()

    @cached_property
    def estimators(self):
        both = estimator.Ensemble(self.gaussian, self.mixture)
        return dict(
            gaussian=self.gaussian,
            mixture=self.mixture,
            neural=self.neural,
            categorical=self.categorical,
            ensemble=both,
        )

    @cached_property
    def comae(self):
        torch.manual_seed(0)
        sizes = dict(encoder_width=16, encoder_depth=1, encoder_heads=2, decoder_width=16, decoder_depth=1)
        return comae.CoMAE(self.grid, self.d, decoder_heads=2, targets=min(2, self.n), **sizes).eval()

    @cached_property
    def subset_comae(self):
        more = dict(targets=4, subset_share=0.5)
        return comae.CoMAE(self.grid, self.d, 16, 1, 2, 16, 1, 2, **more).eval()

    @cached_property
    def ranker(self):
        torch.manual_seed(0)
        size = tuple(PATCH * k for k in self.grid)
        return ranker_module.Ranker(size, PATCH, width=16, depth=1, heads=2, edge_width=8).eval()

    @cached_property
    def policy(self):
        torch.manual_seed(0)
        return policy.AcquisitionPolicy(self.n, self.d, width=8, depth=1).eval()

    @cached_property
    def mar(self):
        torch.manual_seed(0)
        return mar_model.MAR(img_size=self.grid[0], **MAR_FIELDS).eval()

    @cached_property
    def latents(self):
        return self.tokens.mT.reshape(self.b, self.d, *self.grid).contiguous()

    @cached_property
    def vit(self):
        torch.manual_seed(0)
        size = tuple(PATCH * k for k in self.grid)
        return sparse_vit.SparseViT("vit_tiny_patch16_224", dict(VIT, img_size=size)).eval()

    @cached_property
    def dynamic(self):
        torch.manual_seed(0)
        size = tuple(PATCH * k for k in self.grid)
        return dynamicvit.DynamicViT("vit_tiny_patch16_224", dict(VIT, img_size=size), stages=(1,)).eval()

    @cached_property
    def predictions(self):
        keeps = predictions.distinct_keeps(self.n)[0]
        u = random.random_uniform(random.hash_keys(9, torch.arange(len(keeps))), 20)
        return predictions.Predictions(keeps, self.n, u < 0.5, u < 0.8, 1 - u / 2, "ab" * 32)

    @cached_property
    def features(self):
        keys = random.hash_keys(8, torch.arange(30))
        return features.Features(
            random.random_normal(keys, 4), random.random_normal(keys, 3), "classifier-ab"
        )

    @cached_property
    def statistics(self):
        return metrics.Statistics.of(self.features)

    @cached_property
    def classifier(self):
        torch.manual_seed(0)
        return features.Classifier(1, CLASSES, width=16).eval()


class Entry(NamedTuple):
    "A public function and arguments that it takes."

    name: str
    function: object
    args: tuple
    kwargs: dict
    batch: int  # images

    @property
    def table(self):
        import good_inputs

        return good_inputs


class _Entries(list):
    def __init__(self, kit):
        super().__init__()
        self.kit = kit

    def add(self, function, *args, name=None, **kwargs):
        if isinstance(function, type):
            name = name or f"{function.__module__}.{function.__qualname__}.__init__"
        if name is None:
            plain = getattr(function, "__func__", function)
            owner = getattr(function, "__self__", None)
            if owner is None:
                name = f"{plain.__module__}.{plain.__name__}"
            else:
                cls = owner if isinstance(owner, type) else type(owner)
                cls = next(c for c in cls.__mro__ if plain.__name__ in vars(c))
                name = f"{cls.__module__}.{cls.__qualname__}.{plain.__name__}"
        self.append(Entry(name.removeprefix("cop."), function, args, kwargs, self.kit.b))


def _core(e, k):
    e.add(checks.check_grid, k.grid)
    e.add(checks.check_order, k.order, k.n)
    e.add(checks.check_targets, k.counted, (k.b, k.n))
    e.add(checks.targets_last, k.order, k.counted)
    e.add(checks.check_observed, k.observed, k.n)
    e.add(checks.check_greedy, (k.b, k.n), k.counted, "expected", 1, 2, None)
    e.add(checks.check_lengths, torch.tensor([0, k.n // 2]), k.n)
    e.add(checks.check_seed, 3)
    e.add(checks.check_held, "tokens", k.tokens)
    e.add(
        config.TrainingConfig,
        100,
        8,
        1e-3,
        0.0,
        0.05,
        0.05,
        (0.9, 0.95),
        1.0,
        0.9,
        "no",
        3,
        0,
        10,
        50,
        2,
        1.0,
    )
    e.add(random.splitmix64, k.keys)
    e.add(random.hash_keys, 3, k.index)
    e.add(random.random_uniform, k.keys, 2, 3, stream=1)
    e.add(random.random_normal, k.keys, 2, 3, stream=1)
    e.add(random.random_permutation, k.keys, k.n, 1)
    values = k.tokens[0].mT.tolist()
    e.add(statistics.mean_interval, torch.tensor([*values[0], 1.0]), 0.9)
    e.add(statistics.subset_intervals, torch.tensor([*values[0], 1.0]), 2, 0.9)
    e.add(statistics.bootstrap_means, k.tokens.double(), 5, 0)
    e.add(statistics.quantile_interval, torch.linspace(0, 1, 20).double(), 0.9)
    e.add(statistics.resampled_interval, torch.linspace(0, 1, 20).double().view(2, 10), 10, 0, 0.9)
    variants = {name: {"budget": {}, "values": {0: 1.0, 1: 2.0}} for name in "ab"}
    e.add(statistics.paired_differences, variants, "a", 0.9)
    e.add(layers.rotary_angles, k.grid, 8, 100.0)


def _images(e, k):
    images = k.images
    e.add(dataset.check_classes, k.labels)
    e.add(dataset.check_indices, k.index)
    e.add(dataset.ImageSet, images, k.labels)
    e.add(k.sample_set.images, k.index)
    e.add(k.sample_set.file_name, 0)
    e.add(k.sample_set.check_labels, CLASSES)
    e.add(k.sample_set.spread, 2)
    e.add(dataset.evenly_spaced, 10, 3)
    sample = {"image": images[0], "label": 0, "index": 0}
    e.add(dataset.random_flip, sample, 3)
    e.add(dataset.crop_sample, sample, (0, 1, 3, 2))
    e.add(tokenizers.patch_grid, 12, 16, PATCH)
    e.add(tokenizers.check_tokens, k.tokens, k.n, k.d)
    for tokenizer in (k.pixels, k.pca):
        e.add(tokenizer.encode, images)
        e.add(tokenizer.decode, tokenizer.encode(images))
    e.add(k.pixels.cut, images)
    e.add(k.pca.check_tokens, k.tokens)
    e.add(tokenizers.PixelPatches, PATCH, images.shape[2:], 1)
    e.add(tokenizers.PCAPatches, 3, PATCH, images.shape[2:], 1)
    e.add(tokenizers.PixelPatches.fit, images, PATCH)
    e.add(tokenizers.PCAPatches.fit, images, 2, PATCH)
    e.add(tokenizers.fit_tokenizer, k.training_set, "pca", PATCH, 3)
    kl16 = _kl16()
    rgb = (random.random_uniform(k.keys[:2], 3, 32, 32) * 256).to(torch.uint8)
    with torch.no_grad():
        moments = kl16.moments(rgb)
    e.add(torch.no_grad()(kl16.encode), rgb, name="images.kl16.KL16.encode")
    e.add(torch.no_grad()(kl16.moments), rgb, name="images.kl16.KL16.moments")
    e.add(torch.no_grad()(kl16.both_moments), rgb, name="images.kl16.KL16.both_moments")
    e.add(kl16.sample, moments)
    e.add(torch.no_grad()(kl16.decode), kl16.sample(moments), name="images.kl16.KL16.decode")
    e.add(KL16, (32, 32), 32, 0.2)


@cache
def _kl16():
    torch.manual_seed(0)
    return KL16((32, 32), base_channels=32).eval()


def _orders(e, k):
    A, order, grid = k.A, k.order, k.grid
    e.add(graph.check_graph, A)
    e.add(graph.strongest_edges, A[0], 3, 0)
    e.add(graph.pagerank, A, 0.85, torch.full((k.n,), 1.0), tol=1e-8, max_iter=500)
    e.add(graph.katz, A, 0.5)
    e.add(graph.to_networkx, A[0], grid)
    e.add(graph.graph_agreement, A, A.mT.contiguous())
    e.add(rankings.order_from_scores, A.sum(1))
    for name in rankings.graph_rankings():
        e.add(rankings.collapse_order, A, name)
    e.add(rankings.pagerank_order, A, damping=0.8)
    e.add(rankings.pagerank_transposed_order, A, damping=0.8)
    e.add(rankings.pagerank_reversed_order, A, damping=0.8)
    e.add(rankings.katz_order, A, attenuation=0.8)
    e.add(rankings.coverage_order, A, 1.0, A.sum(1), k.counted, steps=k.n // 3)
    e.add(rankings.discounted_pagerank_order, A, 0.8, torch.full((k.n,), 1.0), k.counted)
    e.add(rankings.gaussian_order, A, A.sum(2), 2, A.sum(1), k.counted)
    e.add(rankings.collapse_order, A, "coverage", self_information=A.sum(2))
    e.add(agreement.flip_order, order, grid, k.flips)
    e.add(agreement.crop_order, order, grid, k.boxes)
    e.add(agreement.regrid_order, order, grid, (2, 3))
    e.add(agreement.kendall_tau, order, k.other)
    e.add(agreement.top_overlap, order, k.other, 1)
    for make in (
        training_free.shuffled_order,
        training_free.raster_order,
        training_free.raster_reversed_order,
        training_free.centre_order,
        training_free.farthest_order,
        training_free.halton_order,
    ):
        e.add(make, grid)
    e.add(registry.register_order, "mine", ("tokens",), "fixed", most=100)
    e.add(training_free.random_order, k.index, k.n, 3)
    e.add(training_free.random_order, k.b, k.n, 3)
    e.add(training_free.reverse_order, order)
    for make in (
        training_free.patch_variance,
        training_free.variance_order,
        training_free.edge_energy,
        training_free.edge_energy_order,
        training_free.variance_coverage_order,
    ):
        e.add(make, k.images, PATCH)
    _sources(e, k)


def _sources(e, k):
    fixed = source.FixedOrder(k.order[0])
    e.add(source.FixedOrder, k.order[0])
    e.add(source.RandomOrder, k.n, 3)
    e.add(source.StoredOrder, k.order)
    e.add(source.ComputedOrder, lambda images: k.order[: len(images)], n_tokens=k.n)
    random_source, stored = source.RandomOrder(k.n), source.StoredOrder(k.order)
    computed = source.ComputedOrder(lambda images: training_free.variance_order(images, PATCH))
    for one in (random_source, fixed, stored, computed):
        e.add(one, k.images, k.index, name="orders.source.OrderSource.__call__")
    e.add(stored, k.images, k.index, k.flips, k.boxes, name="orders.source.OrderSource.__call__")
    classes = prior.ClassPrior(k.order, k.labels, k.grid)
    e.add(prior.ClassPrior, k.order, k.labels, k.grid)
    e.add(prior.ClassPrior.build, k.order, k.labels, k.grid, 2)
    e.add(classes.sample, k.labels, 0, k.index)
    e.add(classes.mean, k.labels)
    for one in (fixed, random_source, source.PriorOrder(classes)):
        e.add(one.for_labels, k.labels, k.index, 3)
    for one in (fixed, random_source, stored, computed):
        e.add(one.check, k.sample_set, k.n)
    e.add(source.training_orders, fixed, k.n, 0.5)
    e.add(prior.order_consistency, torch.cat([k.order, k.other]), torch.cat([k.labels, k.labels]), 20, 0)
    e.add(lookup.order_source, "raster", k.grid, seed=3)
    e.add(lookup.order_source, k.order[0], k.grid)
    e.add(lookup.baseline_orders, k.images, PATCH, 0, k.index)


def _estimators(e, k):
    lengths = torch.tensor([0, k.n // 2])
    some = {"order": k.order, "tokens": k.tokens, "targets": k.counted}
    if k.n < 2:
        some["targets"] = None
    for name, model in k.estimators.items():
        e.add(model.residual_entropy, **some, lengths=lengths)
        e.add(model.residual_surprisal, **some, lengths=lengths)
        e.add(model.token_surprisal, k.order, k.tokens)
        e.add(model.conditional_entropy, k.observed, k.tokens)
        e.add(model.conditional_surprisal, k.observed, k.tokens)
        e.add(model.sample, k.observed, k.tokens, 2, 3)
        if name != "categorical" or k.n < 20:
            for oracle in ("expected", "hindsight"):
                e.add(model.greedy_order, k.tokens, k.counted, oracle, 1, 2, 3)
        e.add(information.pointwise_graph, model, k.tokens, k.counted, 2, 0)
        e.add(information.information_graph, model, k.tokens)
    e.add(information.surprisal_order, k.gaussian, k.tokens)
    e.add(information.pointwise_order, k.gaussian, k.tokens)
    e.add(k.gaussian.conditional_information, k.observed[0])
    e.add(k.mixture.entropy_bounds, k.observed, k.tokens)
    e.add(k.mixture.log_prob, k.tokens)
    e.add(k.mixture.posterior, k.observed, k.tokens)
    e.add(gaussian_model.GaussianTokens, k.gaussian.mean, k.gaussian.covariance, k.n, k.gaussian.extra)
    e.add(gaussian_model.GaussianTokens.fit, k.training_tokens, 0.2)
    m = k.mixture
    e.add(cop.MixtureTokens, m.weights, m.means, m.covariances, k.n, 8, 0)
    e.add(cop.MixtureTokens.fit, k.training_tokens, 2, 0.2)
    e.add(cop.NeuralTokens, k.n, k.d, 2, 0.05, 8, 1, 2, 4)
    e.add(cop.CategoricalTokens, k.n, k.d, 5, 8, 1)
    e.add(evaluation.sample_targets, k.keys, k.n, 0.4, 3)
    e.add(evaluation.sample_targets, k.b, k.n, 0.4, 3)
    e.add(evaluation.noisy, k.tokens, 0.1, k.index, 3)
    curve = torch.linspace(9, 0, k.n + 1).expand(k.b, -1).clone()
    e.add(evaluation.area, curve, 0, max(1, k.n // 2))
    areas = random.random_uniform(k.keys, 64).double() + 2
    e.add(evaluation.gap_closed, areas[:, 0] - 0.5, areas, areas[:, 1] - 1, 0.9, 20, 0)
    e.add(evaluation.order_information, 9, 3)
    small = gaussian_model.GaussianTokens.fit(k.training_tokens[:, :4], 0.2)
    e.add(evaluation.optimal_order, small, k.tokens[0, :4], None, 2)
    e.add(masked.sample_order, k.keys, k.n, k.order[:, None])
    e.add(masked.sample_observed, k.keys, k.n, k.order[:, None])
    e.add(masked.PrefixImages, k.tokens, {"some": k.order}, True)
    e.add(mixture_entropy.sobol_points, 3, 4, 2, 0)


def _learn(e, k):
    with torch.no_grad():
        ranking = k.ranker(k.images)
    e.add(k.comae.dependencies, k.tokens, 8)
    e.add(certainty.certainty_graph, k.subset_comae, k.tokens, True, 8)
    e.add(certainty.mean_certainty_graph, k.subset_comae, k.tokens, True, 8)
    graph = certainty.certainty_graph(k.subset_comae, k.tokens)
    e.add(certainty.read_certainty, *graph, k.order[0])
    e.add(certainty.certainty_order, k.subset_comae, k.tokens)
    e.add(certainty.pointwise_certainty_order, k.subset_comae, k.tokens)
    e.add(certainty.mean_certainty_order, k.subset_comae, k.tokens)
    e.add(comae.CoMAE, k.grid, k.d, 16, 1, 2, 16, 1, 2, 0.3, targets=2, temperature=0.5, budget_weight=0.1)
    e.add(k.ranker.dependencies, k.images)
    e.add(k.ranker.scores, k.images)
    for reading in ("score", "pagerank", "coverage"):
        e.add(k.ranker.order, k.images, reading)
    e.add(k.ranker.scores, k.images / 255)
    e.add(ranker_module.Ranker, k.images.shape[2:], PATCH, 16, 1, 2, 8, 0.85, 2)
    for make in (
        ranker_module.ranker_order,
        ranker_module.ranker_pagerank_order,
        ranker_module.ranker_coverage_order,
    ):
        e.add(make, k.images, k.ranker)
    e.add(k.policy.order, k.tokens, k.counted, k.n // 3)
    e.add(policy.AcquisitionPolicy, k.n, k.d, 8, 1)
    e.add(policy.policy_order, k.tokens, k.policy)
    e.add(distillation.mean_rank, k.order)
    e.add(distillation.uniform_rank, k.n)
    e.add(distillation.DistillationImages, k.sample_set, scores=ranking.scores)
    e.add(distillation.score_objective, k.sample_set, ranking.scores, k.grid)
    graphs = (k.A, k.A.sum(2))
    e.add(distillation.graph_objective, k.sample_set, graphs, k.grid, "coverage", 1.0, 1.0)
    e.add(objectives.drop_objective, k.training_set, _pca_gaussian(k), k.pca, 0.05, 2, 0.1)
    e.add(policy.policy_loss, k.gaussian, 0.05, 0.25, 2)


def _pca_gaussian(k):
    return gaussian_model.GaussianTokens.fit(k.pca.encode(k.training_set.tensor), 0.2)


def _generate(e, k):
    how = dict(cfg=1.5, temperature=0.9, cfg_schedule="linear")
    e.add(plan.masked_after, 16, 4)
    e.add(plan.SamplingPlan, (3, 4), (5, 5), "ddim")
    e.add(plan.sampling_plan, "detail", (4, 4), 4, 20, "dpm", 3)
    e.add(mar.guidance_scale, 2.0, "linear", 3, 16)
    e.add(mar.to_latents, k.tokens, k.grid)
    e.add(mar.to_tokens, k.latents)
    if k.grid[0] == k.grid[1]:
        num = max(1, k.n // 8)
        e.add(k.mar.sample, k.labels, k.order, num, **how)
        e.add(k.mar.sample, labels=k.labels, order=k.order[0], num_iter=num, known=(k.latents, k.some))
        e.add(k.mar.sample, labels=k.labels, order=None, num_iter=num, cfg=1.0)
        e.add(k.mar.steps, k.labels, k.order, num, **how)
        e.add(k.mar.loss, k.latents, k.labels, k.order, 0.75)
        e.add(k.mar.check_labels, k.labels, k.b)
        e.add(k.mar.patchify, k.latents)
        e.add(k.mar.unpatchify, k.tokens)
        e.add(k.mar.masked_tokens, 0.75)
        e.add(cmar.sample_images, k.mar, k.pca, k.labels, k.index, k.order[0], 0, num, 2)
        e.add(cmar.loss_along, k.mar, k.tokens, k.labels, k.order, [0, k.n // 2], 2, 0)
        e.add(cmar.bound_along, k.mar, k.tokens, k.labels, k.order, num, 2, 0)
    e.add(mar_model.sample_mask_ratio, 0.3, 0.7)
    e.add(mar_model.MAR, k.grid[0], **MAR_FIELDS)
    e.add(cmar.gaussian_greedy_order, k.training_tokens)
    e.add(cmar.image_noise, k.keys, k.d)
    e.add(diffusion.diffusion_tables, 5, 100)
    e.add(diffusion.DiffusionHead, k.d, 16, 16, 1, 5, 3.0)
    e.add(features.Classifier, 1, CLASSES, 16)
    with torch.no_grad():
        extract = features.Extractor("classifier", "ab" * 8, k.classifier, 48, [1])
        e.add(extract, k.images, 2, name="generate.features.Extractor.__call__")
    e.add(metrics.Statistics, k.statistics.mean, k.statistics.covariance, 30)
    e.add(metrics.evaluate_samples, k.features, k.features, 2, 3)
    e.add(metrics.frechet_interval, k.features, k.statistics, 4, 0, 0.9)
    e.add(metrics.frechet_difference, k.features, k.features, k.statistics, 4, 0, 0.9)
    e.add(metrics.size_bias, k.features, k.statistics, [10, 20], 2, 0)


def _classify(e, k):
    e.add(sparse_vit.kept_tokens, 0.78, k.n)
    e.add(sparse_vit.keep_count, k.n, keep=0.5)
    e.add(sparse_vit.keep_count, k.n, patches=1)
    no_grad = torch.no_grad()
    e.add(no_grad(k.vit.forward), k.images, k.order, patches=1, name="classify.sparse_vit.SparseViT.forward")
    e.add(
        no_grad(k.vit.forward), k.images, k.order[0], keep=0.5, name="classify.sparse_vit.SparseViT.forward"
    )
    e.add(no_grad(k.vit.forward), k.images / 255, name="classify.sparse_vit.SparseViT.forward")
    e.add(k.vit.grid_of, k.images)
    name = "classify.dynamicvit.DynamicViT.forward"
    e.add(no_grad(k.dynamic.forward), k.images, None, keep=0.5, name=name)
    e.add(k.dynamic.counts, keep=0.5)
    size = tuple(PATCH * g for g in k.grid)
    e.add(dynamicvit.DynamicViT, "vit_tiny_patch16_224", dict(VIT, img_size=size), (1,), 2.0, 0.5, 0.5)
    e.add(dynamicvit.DynamicViT.from_vit, k.vit, (1,))
    e.add(no_grad(k.dynamic.survivors), k.images, keep=0.5, name="classify.dynamicvit.DynamicViT.survivors")
    e.add(no_grad(vit_orders.attention_order), k.vit, k.images, name="classify.orders.attention_order")
    e.add(vit_orders.supervised_order, k.vit, k.sample_set, 8)
    e.add(vit_orders.coarser, k.vit, 2 * PATCH)
    if k.n > 1:
        both = ranked.RankedViT(k.ranker, k.vit)
        e.add(no_grad(both.forward), k.images, keep=0.5, name="classify.ranked.RankedViT.forward")
        e.add(ranked.label_objective, k.training_set, k.vit, 1, 1.0, k.order[0], 0)
    e.add(ranked.same_patches, k.ranker, k.grid, PATCH)
    p = k.predictions
    e.add(predictions.Predictions, p.keeps, k.n, p.top1, p.top5, p.confidence, "ab" * 32)
    e.add(p.at, 0.5)
    e.add(predictions.distinct_keeps, k.n)
    e.add(predictions.evaluate, k.vit, k.sample_set, k.order[0], torch.tensor([1, k.n]), 2)
    e.add(accuracy.per_image, p, 0.5)
    e.add(accuracy.accuracy_curve, p)
    e.add(accuracy.accuracy_interval, p, 0.5, "top1", 20, 0, 0.9)
    e.add(accuracy.accuracy_difference, p, p, 0.5, "top1", 20, 0, 0.9)
    e.add(accuracy.mcnemar, p, p, 0.5)
    e.add(accuracy.calibration_error, p, 0.5, 5)
    e.add(accuracy.knee_interval, p, "top1", 4, 0, 0.9)
    e.add(accuracy.knee, torch.linspace(0, 1, 100).double().sqrt().flip(0), k.n)
    e.add(cost.vit_macs, 16, 24, 2, 4, 1, 4.0, 16, 3)
    e.add(cost.count_macs, k.vit, tuple(k.images.shape[1:]), patches=1)
    e.add(vit_training.mask_rate, 0.3)
    e.add(vit_training.kept_in_step, 3, 10, k.n, "draws", 0, 1)
    e.add(vit_training.Augment, True, 2, 0.8)
    e.add(vit_training.trivial_augment, k.images, 2)
    e.add(vit_training.blank, k.images)


def _report(e, k):
    images, order, grid = k.images, k.order, k.grid
    e.add(verdicts.order_spread, order, grid)
    e.add(verdicts.signed, 0.5)
    e.add(verdicts.demo_orders, images, k.index, PATCH, k.gaussian, order, k.A, 0)
    e.add(verdicts.order_curves, k.gaussian, {"some": order})
    e.add(verdicts.half_known, torch.linspace(9, 0, k.n + 1)[None])
    e.add(cop.rank, images, order="variance", patch_size=PATCH, seed=0, batch=2)
    e.add(cop.rank, k.images, patch_size=PATCH, order="halton")
    e.add(curves.plot_gaps, {"a": (0.1, 0.0, 0.2)})


PARTS = (_core, _images, _orders, _estimators, _learn, _generate, _classify, _report)


@cache
def entries():
    "Good arguments of every function in the table, on a grid of 4 × 4 patches."
    return _of_kit(Kit(), PARTS)


def _of_kit(kit, parts):
    made = _Entries(kit)
    warnings.simplefilter("ignore")
    for part in parts:
        part(made, kit)
    return made


def sizes():
    "Other sizes, each with its entries: one token, one image, ten thousand tokens where that is fast."
    yield "one image", _of_kit(Kit(batch=1), PARTS)
    yield "one token", _of_kit(Kit(grid=(1, 1)), (_core, _images, _orders, _estimators))
    yield "a column of tokens", _of_kit(Kit(grid=(5, 1)), (_core, _images, _orders, _learn, _report))
    yield "ten thousand tokens", _many()


def _many():
    k = Kit(grid=(100, 100), batch=1)
    e = _Entries(k)
    for make in (
        training_free.raster_order,
        training_free.centre_order,
        training_free.halton_order,
        training_free.shuffled_order,
        training_free.raster_reversed_order,
    ):
        e.add(make, k.grid)
    e.add(checks.check_order, k.order, k.n)
    e.add(agreement.flip_order, k.order, k.grid)
    e.add(agreement.crop_order, k.order, k.grid, k.boxes)
    e.add(agreement.regrid_order, k.order, k.grid, (50, 200))
    e.add(agreement.top_overlap, k.order, k.other, 2200)
    e.add(agreement.kendall_tau, k.order, k.other)
    e.add(training_free.variance_order, k.images, PATCH)
    e.add(training_free.edge_energy_order, k.images, PATCH)
    e.add(rankings.order_from_scores, k.tokens[..., 0])
    e.add(k.pixels.encode, k.images)
    e.add(verdicts.order_spread, k.order, k.grid)
    return e


nan_of_one = ()  # functions whose answer is undefined for one image or token

_PART = "part of a network: the model that holds it checks what enters"
_STEP = "part of a training step: its batch comes from a set that was checked, and a step that is not "
_STEP += "finite ends the training"
_INNER = "a step of the estimator that is tested through its public questions"
_TRAINS = "a training: its numbers are those of TrainingConfig and of the model, which are tested"
_NAMES = "numbers classes by their names, which 90_labels tests"
_FILES = "reads or writes files: images, stores of orders and weights have tests of their own"
_PAGE = "a part of a page that run_demo or a command fills with what it computed"
_HOOK = "what a subclass defines; the subclasses are tested"

# Functions that are not called here, each with the reason; a pattern of the whole name
LEFT_OUT = {
    r"core\.layers\.(Block\..*|rotate|turns)": _PART,
    r"classify\.dynamicvit\.(TokenPredictor\..*|embed_patches|masked_attention|masked_block)": _PART,
    r"entropy\.masked\.(MaskedMixer\.(__init__|forward|states)|Mix.*|PositionwiseLinear\..*)": _PART,
    r"entropy\.neural\.(LinearReader\..*|NeuralTokens\.forward)": _PART,
    r"generate\.diffusion\.(Head(Block|Net|Output)|TimeEmbedding)\..*": _PART,
    r"generate\.(features\.Classifier\.forward|denoiser\.Denoiser\..*)": _PART,
    r"generate\.mar_model\.(MAR\.(conditions|decode|encode|prefix)|QueryBlock\.forward|tokens_at)": _PART,
    r"learn\.selection\.(SelectionEncoder|TargetTransformer|TokenDecoder)\..*": _PART,
    r"learn\.ranker\.Ranker\.(encode|forward|graph|interpolate_positions|teleport_vector|start)": _PART,
    r"learn\.ranker\.propagate|learn\.selection\.target_sequences"
    r"|learn\.policy\.AcquisitionPolicy\.forward": _PART,
    r"classify\.sparse_vit\.SparseViT\.normalise|classify\.training\.Augment\.__call__": _PART,
    r"learn\.comae\.CoMAE\.(forward|losses|reconstruct|select|decode|sample_sources)": _STEP,
    r"learn\.comae\.CoMAE\.(subset_losses|uncertainty)": _STEP,
    r"learn\.selection\.(contrastive_loss|inject_noise|keep_fraction|mask_entropy)": _STEP,
    r"learn\.distillation\.(choice_loss|Student\.forward)": _STEP,
    r"learn\.objectives\.(hide|leave_one_out|predicted_drops|Reconstruction\.forward)": _STEP,
    r"learn\.policy\.one_step_drops|classify\.ranked\.exchanges|classify\.training\.vit_loss": _STEP,
    r"generate\.diffusion\.DiffusionHead\.(loss|terms)": _STEP,
    r"entropy\.(categorical\.Categorical|neural\.Neural)Tokens\.(draw|embed|encode|entropy)": _INNER,
    r"entropy\.(categorical\.Categorical|neural\.Neural)Tokens\.(prepare|standardise|surprisal)": _INNER,
    r"entropy\..*\.left_after|entropy\.estimator\.reveal_greedily": _INNER,
    r"entropy\.conditioning\..*": _INNER,
    r"orders\.graph\.by_chunks": "takes graphs that `check_graph` has checked",
    r"entropy\.mixture_entropy\.(label_information|mixture_entropy"
    r"|normal_log_density|pairwise_bounds)": _INNER,
    r"entropy\.mixture_pairs\..*": _INNER,
    r"entropy\.estimator\.Estimator\.(conditional_.*|sample)|images\.tokenizers\.Tokenizer\..*code": _HOOK,
    r"orders\.source\..*\.orders_for|orders\.source\.OrderSource\.for_labels": _HOOK,
    r"orders\.registry\.OrderEntry\.__init__": "what `register_order` keeps, after it was checked there",
    r"generate\.features\.Extractor\.__init__|learn\.distillation\.Objective\.__init__": _HOOK,
    r".*\.train(_[a-z]+)?|.*\.reconstruction_objective|.*\.cmar_variant|.*\.teacher_graphs": _TRAINS,
    r"entropy\.masked\.MaskedMixer\.fit|learn\.policy\.AcquisitionPolicy\.fit": _TRAINS,
    r"core\.(files\.(digest|fingerprint)|hub\.weight_differences)|images\.kl16\.KL16\.load_public": _FILES,
    r"images\.(pictures\.load_pictures|sources\.(first_of_each_class"
    r"|load_images|write_idx))": _FILES,
    r"images\.((datasets|shards)\..*|dataset\.ImageSet\.(open|marks_at)|pictures\.as_tensor)": _FILES,
    r"orders\.(store|parquet|engines)\..*|generate\.metrics\.reference_statistics": _FILES,
    r"core\.(sharded|ahead)\..*|images\.latents\..*": _FILES,
    r".*\.(load|from)_p.*": _FILES,
    r"report\.(page|demo|demo_images)\..*|report\.verdicts\.(DemoRun\.__init__|caution)": _PAGE,
    r"report\.verdicts\.(describe_spacing|evaluate_demo_orders)|report\.rank\.short_name": _PAGE,
    r"images\.(decoding|folders)\..*|core\.records\..*|orders\.lookup\.save_order": _FILES,
    r"report\.results\.save_figure|images\.dataset\.ImageSet\.check_unchanged": _FILES,
    r"report\.(claims|evidence)\..*": _FILES,
    r"images\.labels\..*|orders\.prior\.ClassPrior\.aligned": _NAMES,
    r"core\.config\.learning_rate": "its step is counted by the loop of a training",
    r"report\.curves\.plot_curves|report\.plots\..*": _PAGE,
    r"report\.cost\..*": "counts and times a job that `cop cost` has checked (101_cli_cost)",
    r"report\.(evaluate\.evaluate_orders|rank\.RankedImages\..*)": "tested in 72_rank and 73_evaluate",
}

# name: ends of variants that a function may take, each name with the reason
ALLOWED = {
    # NaN where no row has a ranking, as documented
    "orders.graph.graph_agreement": ("1=int64", "1=bool"),
    # it ignores the tokens
    "entropy.gaussian_model.GaussianTokens.conditional_entropy": ("1=nan", "1=inf", "1=-inf"),
    # asks for shapes only
    "classify.sparse_vit.SparseViT.grid_of": ("meta",),
    # pixels are rounded: one more or less in float64
    "images.kl16.KL16.decode": ("torch.float64",),
}


def reason(name):
    "Why a function is left out, if it is."
    return next((why for pattern, why in LEFT_OUT.items() if re.fullmatch(pattern, name)), None)


def unused_reasons(names):
    "Patterns that leave nothing out."
    return [pattern for pattern in LEFT_OUT if not any(re.fullmatch(pattern, name) for name in names)]
