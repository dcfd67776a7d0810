"""The compiled no-U-turn sampler beside a NumPy twin, and what makes either of them wrong."""

import numpy as np
import pytest

from pyhier.inference.warmup import schedule
from pyhier.kernels.gradients import PythonGradient
from pyhier.kernels.hamiltonian import COLUMN_NAMES, Chain

ALL = np.zeros(0, np.intp)


def window_metric(draws, last):
    """Variances, shrunk as by five more draws with 1e-3 of the last metric's."""
    n = len(draws)
    return n / (n + 5) * np.var(draws, axis=0, ddof=1) + 5e-3 / (n + 5) * last


class Twin:
    """The sampler as its references write it, with the kernel's order of random numbers.

    ``rule`` says when a stretch turns; "right" is the generalised criterion, on every subtree and
    between its halves. ``metric_of`` makes the metric of a window's draws; ``momentum`` draws it.
    """

    def __init__(self, density, rng, x, target=0.8, depth=10, rule="right", **wrong):
        self.density, self.rng, self.x = density, rng, np.array(x, float)
        self.value, self.g = density(self.x)
        self.inverse, self.step = np.ones(self.x.size), 1.0
        self.target, self.depth, self.rule, self.wrong = target, depth, rule, wrong
        self.restart()

    def momentum(self):
        z = np.array([self.rng.standard_normal() for _ in self.x])
        return (
            z * np.sqrt(self.inverse) if self.wrong.get("momentum") else z / np.sqrt(self.inverse)
        )

    def energy(self, s):
        return 0.5 * s["r"] @ (self.inverse * s["r"]) - s["value"]

    def leapfrog(self, s, step):
        r = s["r"] + 0.5 * step * s["g"]
        x = s["x"] + step * self.inverse * r
        value, g = self.density(x)
        return {"x": x, "r": r + 0.5 * step * g, "g": g, "value": value}

    def turns(self, left, right, rho):
        ends = (left, left) if self.rule == "left end only" else (left, right)
        return any(rho @ (self.inverse * s["r"]) <= 0.0 for s in ends)

    def joined_turns(self, a, b, forward):
        """Of two neighbouring trees, given as (left, right, rho) in time."""
        a, b = (a, b) if forward else (b, a)
        if self.turns(a[0], b[1], a[2] + b[2]):
            return True
        if self.rule == "no halves":
            return False
        return self.turns(a[0], b[0], a[2] + b[0]["r"]) or self.turns(a[1], b[1], b[2] + a[1]["r"])

    def grow(self, s, depth, sign):
        """(left, right, rho), picked, log weight; None where it turns or diverges."""
        if depth == 0:
            new = self.leapfrog(s, sign * self.step)
            rise = self.energy(new) - self.start_energy
            rise = np.inf if np.isnan(rise) else rise
            self.n += 1
            self.acceptance += min(1.0, np.exp(-rise))
            if rise > 1000.0:
                self.diverged = True
                return None
            return (new, new, new["r"]), new, -rise
        first = self.grow(s, depth - 1, sign)
        if first is None:
            return None
        second = self.grow(first[0][1 if sign > 0 else 0], depth - 1, sign)
        if second is None:
            return None
        total = np.logaddexp(first[2], second[2])
        picked = second[1] if self.rng.random() < np.exp(second[2] - total) else first[1]
        a, b = first[0], second[0]
        ends = (a[0], b[1]) if sign > 0 else (b[0], a[1])
        if self.rule != "whole only" and self.joined_turns(a, b, sign > 0):
            return None
        return (*ends, a[2] + b[2]), picked, total

    def transition(self):
        s = {"x": self.x, "r": self.momentum(), "g": self.g, "value": self.value}
        self.start_energy, self.n, self.acceptance, self.diverged = self.energy(s), 0, 0.0, False
        tree, picked, weight, depth, reached = (s, s, s["r"]), s, 0.0, 0, True
        while depth < self.depth:
            sign = 1.0 if self.rng.random() < 0.5 else -1.0
            more = self.grow(tree[1 if sign > 0 else 0], depth, sign)
            if more is None:
                reached = False
                break
            depth += 1
            if self.rng.random() < np.exp(min(0.0, more[2] - weight)):
                picked = more[1]
            weight = np.logaddexp(weight, more[2])
            ends = self.joined_turns(tree, more[0], sign > 0)
            left, right = (tree, more[0]) if sign > 0 else (more[0], tree)
            tree = (left[0], right[1], left[2] + right[2])
            if ends:
                reached = False
                break
        self.x, self.value, self.g = picked["x"], picked["value"], picked["g"]
        return [
            self.value, self.energy(picked), self.acceptance / self.n, self.step, depth, self.n,
            self.diverged, reached,
        ]  # fmt: skip

    # Dual averaging, and windows of variances.

    def restart(self):
        self.error, self.smoothed, self.count = 0.0, 0.0, 0
        self.centre = np.log(10.0 * self.step)

    def find_step(self):
        direction = 0
        while True:
            s = {"x": self.x, "r": self.momentum(), "g": self.g, "value": self.value}
            rise = self.energy(self.leapfrog(s, self.step)) - self.energy(s)
            smooth = bool(rise < -np.log(0.8))
            if direction == 0:
                direction = 1 if smooth else -1
            elif smooth != (direction > 0):
                return
            self.step *= 2.0**direction

    def average(self, acceptance):
        self.count += 1
        share = 1.0 / (self.count + 10.0)
        self.error = (1.0 - share) * self.error + share * (self.target - acceptance)
        log_step = self.centre - np.sqrt(self.count) / 0.05 * self.error
        weight = self.count**-0.75
        self.smoothed = weight * log_step + (1.0 - weight) * self.smoothed
        self.step = np.exp(log_step)

    def warm_up(self, tune):
        plan, seen = schedule(tune), []
        for i in range(1, tune + 1):
            self.average(self.transition()[2])
            seen.append((self.x, self.g))
            renewed = False
            if i in plan.early:
                self.inverse = np.std([x for x, _ in seen], 0) / np.std([g for _, g in seen], 0)
                seen, renewed = [], True
            if i in plan.windows:
                if i > plan.windows[0]:
                    metric_of = self.wrong.get("metric_of", window_metric)
                    self.inverse = metric_of(np.array([x for x, _ in seen]), self.inverse)
                    renewed = True
                seen = [] if "seen" not in self.wrong else seen
            if renewed:
                self.find_step()
                self.restart()
        if tune:
            self.step = np.exp(self.smoothed) if self.count else self.step

    def run(self, tune, draws):
        self.find_step()
        self.restart()
        self.warm_up(tune)
        rows = [(self.transition(), self.x) for _ in range(draws)]
        return np.array([x for _, x in rows]), np.array([s for s, _ in rows], dtype=float)


def funnel(x):
    """y ~ N(x1, 1) and x1 ~ N(0, exp(x0)^2), x0 ~ N(0, 1): a corner that takes small steps."""
    w = np.exp(-2.0 * x[0])
    value = -0.5 * x[0] ** 2 - x[0] - 0.5 * w * x[1] ** 2 - 0.5 * (x[1] - 1.0) ** 2
    return value, np.array([-x[0] - 1.0 + w * x[1] ** 2, -w * x[1] - (x[1] - 1.0)])


def normal(x):
    scale = np.array([0.1, 1.0, 10.0])
    return -0.5 * float(((x / scale) ** 2).sum()), -x / scale**2


def steep(x):
    """Of any number of coordinates: the loops take eight at once and then the rest."""
    scale = np.geomspace(0.5, 2.0, x.size)
    return -0.5 * float(((x / scale) ** 2).sum()), -x / scale**2


def kernel_run(density, p, seed, tune, draws, metric="diagonal", target=0.8, depth=10, pieces=(7,)):
    plan, rng = schedule(tune), np.random.default_rng(seed)
    chain = Chain(
        PythonGradient(density, (), p), rng.bit_generator, False, np.full(p, 0.3), metric, tune,
        plan.early, plan.windows, target, depth, ALL,
    )  # fmt: skip
    out, stats = np.empty((draws, p)), np.empty((draws, len(COLUMN_NAMES)))
    counts, i = np.zeros(2, np.int64), 0
    while counts[0] < tune + draws:
        chain.run(out, stats, counts, min(pieces[i % len(pieces)], tune + draws - counts[0]))
        i += 1
    return out, stats, chain


@pytest.mark.parametrize(
    ("density", "p", "tune"),
    [
        (funnel, 2, 0),
        (funnel, 2, 10),
        (normal, 3, 0),
        (normal, 3, 60),
        (normal, 3, 300),
        (steep, 8, 0),
        (steep, 21, 60),
    ],
)
def test_kernel_is_its_twin(density, p, tune):
    """Every draw and statistic, warm-up included. Rounding grows along a chain, the faster the more
    the density bends: not to the last bit, and of the funnel not for long."""
    out, stats, chain = kernel_run(density, p, 3, tune, 40)
    twin = Twin(density, np.random.default_rng(3), np.full(p, 0.3))
    draws, table = twin.run(tune, 40)
    np.testing.assert_allclose(chain.metric, twin.inverse, rtol=1e-6)
    np.testing.assert_allclose(out, draws, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(stats, table, rtol=1e-4, atol=1e-4)


def test_a_depth_that_is_reached():
    out, stats, _ = kernel_run(normal, 3, 5, 0, 30, metric="identity", depth=2)
    draws, table = Twin(normal, np.random.default_rng(5), np.full(3, 0.3), depth=2).run(0, 30)
    np.testing.assert_allclose(out, draws, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(stats, table, rtol=1e-8, atol=1e-8)
    assert stats[:, COLUMN_NAMES.index("reached_max_treedepth")].any()


@pytest.mark.parametrize("rule", ["left end only", "no halves", "whole only"])
def test_another_turning_rule_is_another_chain(rule):
    """The negative control: the comparison above sees each part of the rule."""
    out, _, _ = kernel_run(funnel, 2, 3, 60, 40)
    twin = Twin(funnel, np.random.default_rng(3), np.full(2, 0.3), rule=rule)
    assert np.abs(twin.run(60, 40)[0] - out).max() > 0.1


WRONG_METRICS = {
    "precisions": {"metric_of": lambda draws, last: 1.0 / window_metric(draws, last)},
    "sds": {"metric_of": lambda draws, last: draws.std(axis=0)},
    "not shrunk": {"metric_of": lambda draws, last: draws.var(axis=0, ddof=1)},
    "towards 1e-3": {"metric_of": lambda draws, last: window_metric(draws, np.ones(3))},
    "all windows": {"seen": True},
}


@pytest.mark.parametrize("wrong", WRONG_METRICS)
def test_another_adaptation_is_another_chain(wrong):
    """The negative control of the warm-up: the comparison sees how the metric is made."""
    out, _, chain = kernel_run(normal, 3, 3, 300, 40)
    twin = Twin(normal, np.random.default_rng(3), np.full(3, 0.3), **WRONG_METRICS[wrong])
    draws, _ = twin.run(300, 40)
    # As far as the right twin is within 1e-5 and 1e-6.
    assert np.abs(draws - out).max() > 0.1
    assert np.abs(chain.metric / twin.inverse - 1.0).max() > 1e-3


def test_pieces_do_not_matter():
    """The chain is the same however it is cut, to the last bit."""
    whole = kernel_run(funnel, 2, 1, 120, 50, pieces=(1000,))
    cut = kernel_run(funnel, 2, 1, 120, 50, pieces=(1, 13, 2))
    for a, b in zip(whole[:2], cut[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def correlated(x):
    precision = np.linalg.inv(np.array([[1.0, 0.98], [0.98, 1.0]]))
    return -0.5 * float(x @ precision @ x), -precision @ x


def test_dense_metric_finds_the_covariance():
    """And with it the trajectories are short."""
    _, dense, chain = kernel_run(correlated, 2, 2, 500, 300, metric="dense")
    _, diagonal, _ = kernel_run(correlated, 2, 2, 500, 300)
    # The last window has 200 draws, so an sd is known to 1 / sqrt(2 x 200) or a little worse.
    np.testing.assert_allclose(chain.metric, [[1.0, 0.98], [0.98, 1.0]], rtol=0.5)
    steps = COLUMN_NAMES.index("n_steps")
    assert dense[:, steps].mean() < 0.5 * diagonal[:, steps].mean()


def moments_off(draws, sds):
    """Largest distance of mean squares from the truth, in Monte Carlo errors by 50 batches."""
    batches = (draws / sds).reshape(50, -1, draws.shape[1]) ** 2
    means = batches.mean(axis=1)
    return np.abs((means.mean(0) - 1.0) / (means.std(0, ddof=1) / np.sqrt(50))).max()


@pytest.mark.parametrize("metric", ["diagonal", "dense", "identity"])
def test_a_normal_density_has_its_variances(metric):
    out, _, _ = kernel_run(normal, 3, 11, 300, 6_000, metric=metric)
    assert moments_off(out, np.array([0.1, 1.0, 10.0])) < 4.0


@pytest.mark.parametrize("wrong", [{"rule": "whole only"}, {"momentum": True}])
def test_wrong_samplers_are_far_off(wrong):
    """Where subtrees may turn unseen, a trajectory could not have grown from all of its points; a
    momentum that does not fit the kinetic energy leaves another density. The same look at the
    variances finds both."""
    twin = Twin(normal, np.random.default_rng(11), np.full(3, 0.3), **wrong)
    twin.inverse, twin.step = np.array([0.04, 1.0, 30.0]), 0.9
    rows = [(twin.transition(), twin.x)[1] for _ in range(4_000)]
    assert moments_off(np.array(rows), np.array([0.1, 1.0, 10.0])) > 6.0
