"""Adversarial problems of the models for counts: sparse, constant and huge data, many priors."""

import re
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

import pyhier as ph
from fuzz.counts_oracle import KNOWN, STEPS, Binomial, Oracle, Poisson
from fuzz.runner import SilentNaNError, UnknownError, WrongError

PROBS = np.array([1e-4, 0.025, 0.5, 0.975, 1.0 - 1e-4])
INSIDE = 1e-280, 1.0 - 1e-15  # draws beyond have lost their digits
TOLERANCE = 1e-8  # of means and probabilities: the promise
OF_SD = 1e-6  # both sums cut power tails off, and a second moment has more of them
DRAWS = 1000
FAR = 10.0 ** np.arange(-300.0, 301.0, 20.0)
REFUSALS = ("exact cannot", "improper", "does not converge", "prior")


@dataclass(frozen=True)
class Problem:
    """Counts and their sizes, with a prior as the package takes it and as the sum needs it."""

    family: str
    y: np.ndarray
    size: np.ndarray
    prior: object
    log_prior: object = field(repr=False)
    words: str = ""
    seed: int = 0

    def __str__(self):
        y, size = self.y.tolist(), self.size.tolist()
        data = f"{y}, {size}" if len(y) <= 8 else f"{len(y)} groups, {y[:4]} ... of {size[:4]} ..."
        return f"{self.family} {data}; {self.words}"

    @property
    def watch(self):
        """Two groups: the one with the most and the one with the least."""
        share = self.y / np.maximum(self.size, 1e-300)
        return sorted({int(np.argmax(share)), int(np.argmin(share))})


def counts(rng, groups):
    """Sizes over decades, and shares or rates that vary as they like."""
    top = rng.choice([0.7, 1.5, 3.0, 6.0, 9.0, 12.0], p=[0.2, 0.3, 0.25, 0.1, 0.08, 0.07])
    spread = rng.choice([0.0, 0.5, 2.0])
    n = np.floor(10.0 ** np.clip(top - spread * rng.random(groups), 0.0, 12.0))
    eta = rng.choice([0.5, 0.1, 0.01, 1e-4], p=[0.4, 0.3, 0.2, 0.1])
    k = 10.0 ** rng.uniform(-1.0, 8.0)
    return n, eta, k


def binomial(rng):
    """A beta-binomial problem."""
    groups = int(rng.choice([1, 2, 3, 5, 8, 20, 50], p=[0.08, 0.17, 0.25, 0.2, 0.15, 0.1, 0.05]))
    n, eta, k = counts(rng, groups)
    theta = np.clip(rng.beta(k * eta, k * (1.0 - eta), groups), 1e-12, 1.0 - 1e-12)
    y = rng.binomial(n.astype(np.int64), theta).astype(float)
    twist = rng.random()
    if twist < 0.08:
        y = np.zeros(groups)
    elif twist < 0.16:
        y = n.copy()
    elif twist < 0.24:
        y = np.zeros(groups)
        y[0] = min(1.0, n[0])
    elif twist < 0.3:
        n = np.full(groups, n[0])
        y = np.full(groups, y[0])
    mixed = ((y > 0.0) & (y < n)).any()
    prior, log_prior, words = binomial_prior(rng)
    while words.startswith("plain") and not mixed and rng.random() < 0.8:  # improper: a few do
        prior, log_prior, words = binomial_prior(rng)
    return Problem("binomial", y, n, prior, log_prior, words, int(rng.integers(2**31)))


def binomial_prior(rng):
    """A prior, its log density at (logit eta, log K), and its name."""
    kind = str(rng.choice(["bda3", "betabinexch", "eta, K", "alpha, beta", "callable"]))
    if kind == "bda3":
        return kind, lambda w, x: slope(w) - 0.5 * x, "plain bda3"
    if kind == "betabinexch":
        return kind, lambda w, x: x - 2.0 * np.logaddexp(0.0, x), "plain betabinexch"
    if kind == "callable":
        scale = 10.0 ** rng.uniform(0.0, 3.0)
        return (
            lambda a, b: -(a + b) / scale - np.log(a + b),
            lambda w, x: -np.exp(x) / scale + x + slope(w),
            f"callable, K exponential({scale:.4g})",
        )
    if kind == "eta, K":
        a, b = rng.uniform(0.5, 5.0, 2).tolist()
        s, scale = rng.uniform(0.3, 2.0), 10.0 ** rng.uniform(0.0, 4.0)
        of_k = str(rng.choice(["lognorm", "gamma", "halfcauchy"]))
        k = {
            "lognorm": stats.lognorm(s, scale=scale),
            "gamma": stats.gamma(2.0 * s, scale=scale),
            "halfcauchy": stats.halfcauchy(scale=scale),
        }[of_k]

        def log_prior(w, x):
            eta = -a * np.logaddexp(0.0, -w) - b * np.logaddexp(0.0, w) - stats_betaln(a, b)
            return eta + k.logpdf(np.exp(x)) + x

        words = f"eta beta({a:.4g}, {b:.4g}), K {of_k}({s:.4g}, scale={scale:.4g})"
        return {"eta": stats.beta(a, b), "K": k}, log_prior, words
    shapes = rng.uniform(0.6, 4.0, 2)
    scales = 10.0 ** rng.uniform(-1.0, 3.0, 2)
    first, second = (stats.gamma(s, scale=c) for s, c in zip(shapes, scales, strict=True))

    def of_shapes(w, x):
        log_a, log_b = x - np.logaddexp(0.0, -w), x - np.logaddexp(0.0, w)
        return sum(
            s * part - np.exp(part) / c - s * np.log(c) - gammaln(s)
            for part, s, c in zip((log_a, log_b), shapes, scales, strict=True)
        )

    words = f"alpha, beta gamma{shapes.round(4).tolist()}, scales {scales.round(4).tolist()}"
    return {"alpha": first, "beta": second}, of_shapes, words


def poisson(rng):
    """A Poisson-gamma problem."""
    groups = int(rng.choice([1, 2, 3, 5, 8, 20, 50], p=[0.08, 0.17, 0.25, 0.2, 0.15, 0.1, 0.05]))
    unit = 10.0 ** rng.uniform(-6.0, 6.0)
    e = unit * 10.0 ** (rng.choice([0.0, 0.5, 2.0]) * rng.uniform(-1.0, 1.0, groups))
    events = 10.0 ** rng.choice(
        [-0.5, 0.5, 1.5, 4.0, 8.0, 12.0], p=[0.25, 0.3, 0.25, 0.1, 0.06, 0.04]
    )
    alpha = 10.0 ** rng.uniform(-1.0, 8.0)
    theta = events / unit * rng.gamma(alpha, 1.0 / alpha, groups)
    y = rng.poisson(np.minimum(e * theta, 1e14)).astype(float)
    twist = rng.random()
    if twist < 0.08:
        y = np.zeros(groups)
    elif twist < 0.16:
        y = np.zeros(groups)
        y[0] = 1.0
    elif twist < 0.24:
        y, e = np.full(groups, y[0]), np.full(groups, e[0])
    rate = max(1.0, y.sum()) / e.sum()
    prior, log_prior, words = poisson_prior(rng, rate)
    while words.startswith("plain") and not y.any() and rng.random() < 0.8:  # improper: a few do
        prior, log_prior, words = poisson_prior(rng, rate)
    return Problem("poisson", y, e, prior, log_prior, words, int(rng.integers(2**31)))


def poisson_prior(rng, rate):
    """A prior, its log density at (log mu, log alpha), and its name."""
    kind = str(rng.choice(["poissgamexch", "alpha, mu", "callable"], p=[0.4, 0.4, 0.2]))
    if kind == "poissgamexch":
        return kind, lambda w, x: x - 2.0 * np.logaddexp(0.0, x), "plain poissgamexch"
    scale, tilt = 10.0 ** rng.uniform(-1.0, 4.0), rate * 10.0 ** rng.uniform(-2.0, 2.0)
    if kind == "callable":
        return (
            lambda alpha, mu: -alpha / scale - mu / tilt,
            lambda w, x: -np.exp(x) / scale - np.exp(w) / tilt + x + w,
            f"callable, alpha exponential({scale:.4g}), mu exponential({tilt:.4g})",
        )
    shape = rng.uniform(0.7, 3.0)
    s = rng.uniform(0.3, 3.0)
    mu, alpha = stats.gamma(shape, scale=tilt), stats.lognorm(s, scale=scale)

    def log_prior(w, x):
        of_mu = shape * (w - np.log(tilt)) - np.exp(w) / tilt - gammaln(shape)
        return of_mu - 0.5 * ((x - np.log(scale)) / s) ** 2 - np.log(s * np.sqrt(2.0 * np.pi))

    words = f"alpha lognorm({s:.4g}, scale={scale:.4g}), mu gamma({shape:.4g}, scale={tilt:.4g})"
    return {"alpha": alpha, "mu": mu}, log_prior, words


def slope(w):
    """Log of eta (1 - eta)."""
    return -np.logaddexp(0.0, w) - np.logaddexp(0.0, -w)


def gammaln(x):
    from scipy import special

    return special.gammaln(x)


def stats_betaln(a, b):
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def solve(problem):
    """What `exact` says, as plain numbers."""
    model_of = ph.BetaBinomial if problem.family == "binomial" else ph.PoissonGamma
    model = model_of(problem.y, problem.size, prior=problem.prior)
    post = ph.exact(model)
    names = ["theta_new", *(f"theta[{j + 1}]" for j in problem.watch)]
    location, spread = (model.coordinates[k] for k in (model.location, 1 - model.location))
    answer = {"log_z": post.log_z, "names": names}
    for key, name in (("location", location), ("spread", spread)):
        answer[key] = (float(post[name].mean()), float(post[name].std()))
    for name in names:
        marginal = post[name]
        x = marginal.ppf(PROBS)
        answer[name] = {
            "x": x, "below": marginal.cdf(x), "above": marginal.sf(x), "mean": marginal.mean(),
            "density": marginal.pdf(x), "far": (marginal.cdf(FAR), marginal.sf(FAR)),
        }  # fmt: skip
    drawn = post.sample(DRAWS, np.random.default_rng(problem.seed))
    answer["ranks"] = {name: _ranks(post[name], name, drawn) for name in names}
    return answer


def _ranks(marginal, name, drawn):
    """Draws through their marginal's distribution function, given that they are no ends."""
    values = drawn["theta"][:, int(name[6:-1]) - 1] if "[" in name else drawn[name]
    low, high = INSIDE[0], INSIDE[1] if marginal.support[1] == 1.0 else 1.0 / INSIDE[0]
    below, above = marginal.cdf(low), marginal.cdf(high)
    inside = values[(values > low) & (values < high)]
    return (marginal.cdf(inside) - below) / (above - below)


def judge(problem, answer):
    """Every number against a sum, a finer one where that is in doubt; draws against marginals."""
    _check_draws(answer["ranks"])
    for step in STEPS:
        try:
            return _hold(problem, answer, step)
        except (UnknownError, WrongError):
            if step == STEPS[-1]:
                raise
    return None


def _hold(problem, answer, step):
    likelihood = Binomial if problem.family == "binomial" else Poisson
    oracle = Oracle(likelihood(problem.y, problem.size), problem.log_prior, step)
    noise = 1e-15 * problem.size.max() ** 0.5 if problem.family == "binomial" else 1e-12
    close("log_z", answer["log_z"], oracle.log_z, TOLERANCE + noise)
    _check_coordinates(answer, oracle)
    for name in answer["names"]:
        group = None
        if name != "theta_new":
            j = int(name[6:-1]) - 1
            group = (problem.y[j], problem.size[j])
            right = oracle.expectation(lambda w, x, g=group: oracle.likelihood.mean(g, w, x))
            close(f"{name}: mean", answer[name]["mean"], right, TOLERANCE * right)
        check_far(name, *answer[name]["far"], TOLERANCE)
        _check_tails(name, answer[name], oracle, group)


def close(what, found, right, tolerance):
    """Raise an error where a number is none, or not the right one."""
    if np.isnan(found):
        raise SilentNaNError(f"{what} is NaN, right {right:.12g}")
    if not abs(found - right) <= tolerance:
        raise WrongError(f"{what} is {found:.12g}, right {right:.12g} (within {tolerance:.2g})")


def check_far(name, below, above, tolerance):
    """Distribution functions over all that doubles reach: they rise from 0 to 1."""
    if np.isnan([below, above]).any():
        raise SilentNaNError(f"{name}: NaN far out, {below}, {above}")
    fall = np.concatenate([np.diff(below), -np.diff(above)]).min()
    ends = min(below.min(), above.min()), max(below.max(), above.max())
    off = np.abs(below + above - 1.0).max()
    if ends[0] < 0.0 or ends[1] > 1.0 + tolerance or fall < -tolerance or off > tolerance:
        raise WrongError(f"{name}: far out {ends}, falls by {-fall:.2g}, sums off by {off:.2g}")


def _check_coordinates(answer, oracle):
    for key, k in (("location", 0), ("spread", 1)):
        mean, sd = answer[key]
        if not np.isfinite(sd):  # no second moment: the sum's would not end
            continue
        right = oracle.expectation(lambda w, x, k=k: (w, x)[k] + 0.0 * w)
        square = oracle.expectation(lambda w, x, k=k, m=right: ((w, x)[k] - m) ** 2 + 0.0 * w)
        close(f"{key}: mean", mean, right, TOLERANCE * np.sqrt(square) + 1e-14 * abs(right))
        close(f"{key}: sd", sd, np.sqrt(square), OF_SD * np.sqrt(square))


def _check_tails(name, answer, oracle, group):
    for q, x, below, above, density in zip(
        PROBS, *(answer[key] for key in ("x", "below", "above", "density")), strict=True
    ):
        where = f"{name} at {x:.12g}: "
        if np.isnan([x, below, above]).any():
            raise SilentNaNError(f"{where}{below}, {above}")
        if x < 1e-290 or x >= 1e290 or 1.0 - x == 0.0:  # no double is nearer
            continue
        right = oracle.tails(group, x)
        digits = 4e-16 * x * density if np.isfinite(density) else 0.0
        allowed = TOLERANCE + KNOWN + digits
        close(where + "below", below, right[0], allowed)
        close(where + "above", above, right[1], allowed)
        if not abs(right[0] - q) <= allowed:
            raise WrongError(f"{where}quantile of {q}, below it {right[0]:.12g}")


def _check_draws(ranks):
    for name, u in ranks.items():
        if np.isnan(u).any():
            raise SilentNaNError(f"draws of {name}: NaN")
        p = stats.kstest(u, "uniform").pvalue if u.size else 1.0
        if p < 1e-8:
            raise WrongError(f"draws of {name} are not the marginal's: p = {p:.2g}")


def may_refuse(problem, reason):
    """Only with a reason that names what it is; under a named prior where it is improper."""
    if not re.search("|".join(REFUSALS), reason):
        return False
    improper, huge = "posterior is improper" in reason, problem.y.max() > 1e10
    return improper or huge or not problem.words.startswith("plain")
