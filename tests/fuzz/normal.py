"""Adversarial problems of the normal model: data over many decades, and priors of all kinds."""

import re
from dataclasses import dataclass

import numpy as np

import pyhier as ph
from fuzz.counts import FAR, check_far
from fuzz.normal_oracle import Mu, Oracle, Prior
from fuzz.normal_priors import prior_for
from fuzz.runner import SilentNaNError, UnknownError, WrongError

PROBS = np.array([1e-6, 0.025, 0.25, 0.5, 0.75, 0.975, 1.0 - 1e-6])
TOLERANCE = 1e-9  # the promise
DRAWS = 2000
REFUSALS = ("exact cannot", "prior_tau", "prior_mu", "improper", "rescale")


@dataclass(frozen=True)
class Problem:
    """Data with priors; ``prior.words`` says which."""

    y: np.ndarray
    se: np.ndarray
    prior: Prior
    mu: Mu
    joint: object
    seed: int

    def __str__(self):
        y, se = self.y.tolist(), self.se.tolist()
        data = f"y={y}, se={se}" if len(y) <= 8 else f"{len(y)} groups"
        return f"{data}; {self.mu}; {self.prior.words}"

    @property
    def watch(self):
        return (0,) if self.y.size == 1 else (0, self.y.size - 1)


def make(rng):
    """Data about a scale anywhere in 16 decades, a prior of tau and one of mu."""
    unit = 10.0 ** rng.uniform(-8.0, 8.0)
    groups = int(rng.choice([1, 2, 3, 4, 6, 8, 12, 40, 200], p=[0.06, 0.1, *[0.13] * 6, 0.06]))
    decades = rng.choice([0.0, 0.3, 1.0, 3.0, 6.0], p=[0.15, 0.4, 0.25, 0.1, 0.1])
    se = unit * 10.0 ** (decades * rng.uniform(-1.0, 1.0, groups))
    tau = rng.choice([0.0, 1.0], p=[0.15, 0.85]) * unit * 10.0 ** rng.uniform(-3.0, 3.0)
    y = tau * rng.standard_normal(groups) + se * rng.standard_normal(groups)
    y += rng.choice([0.0, unit, 100.0 * unit, 1e6 * unit], p=[0.3, 0.5, 0.15, 0.05])
    twist = rng.random()
    if twist < 0.05:
        y = np.full(groups, y[0])
    elif twist < 0.1:
        y[0] += 10.0 ** rng.uniform(0.0, 4.0) * unit
    elif twist < 0.2:
        y = np.array([float(f"{v:.3g}") for v in y])
    prior, joint, mu = prior_for(rng, y, se)
    return Problem(y, se, prior, mu, joint, int(rng.integers(2**31)))


def solve(problem):
    """Everything that `exact` says, as plain numbers."""
    from scipy import stats

    priors = {"prior": problem.joint}
    if problem.joint is None:
        mu = problem.mu
        prior_mu = None if mu.sd is None else stats.norm(mu.mean, mu.sd)
        priors = {"prior_tau": problem.prior.argument, "prior_mu": prior_mu}
    model = ph.NormalNormal(problem.y, se=problem.se, **priors)
    names = ["tau", "mu", "theta_new", *(f"theta[{j + 1}]" for j in problem.watch)]
    return described(ph.exact(model), names, problem.seed)


def described(post, names, seed):
    """What a posterior says of some quantities, as plain numbers."""
    answer = {"log_z": post.log_z, "error": post.error, "names": names, "seed": seed}
    for name in names:
        marginal = post[name]
        x = marginal.ppf(PROBS)
        spread = x[4] - x[2]
        if name == "tau":
            x = np.concatenate([x, x[3] * np.array([0.1, 0.9, 1.1, 10.0])])
        else:
            x = np.concatenate([x, x[3] + spread * np.array([-20.0, -2.0, 0.3, 15.0])])
        answer[name] = {
            "moments": (marginal.mean(), marginal.std()), "x": x,
            "below": marginal.cdf(x), "above": marginal.sf(x), "log density": marginal.logpdf(x),
            "far": _far_out(marginal),
        }  # fmt: skip
    columns = post.columns((0.1, 0.9))
    answer["table"] = {key: np.asarray(values) for key, values in columns.items()}
    answer["draws"] = _ranks(post, names, seed)
    return answer


def _far_out(marginal):
    """Both tails over all that doubles reach; none where a mixture refuses, as it says it does."""
    try:
        return marginal.cdf(FAR), marginal.sf(FAR)
    except ValueError as refusal:
        if "so far out" not in str(refusal):
            raise
        return None


def _ranks(post, names, seed):
    """Draws through their own marginals' distribution functions."""
    drawn = post.sample(DRAWS, np.random.default_rng(seed))
    ranks = {}
    for name in names:
        values = drawn["theta"][:, int(name[6:-1]) - 1] if name[:6] == "theta[" else drawn[name]
        ranks[name] = post[name].cdf(values)
    return ranks


def judge(problem, answer):
    """Every number against the sum; draws against the marginals."""
    if not problem.prior.proper and problem.y.size < 2 and problem.mu == Mu():
        raise WrongError("an improper posterior was taken")
    hold(answer, lambda cuts: Oracle(
        problem.y, problem.se, problem.prior, problem.mu, cuts, problem.watch
    ))  # fmt: skip


def hold(answer, oracle_of):
    """Hold an answer against an oracle, made for the tau at which it will be asked."""
    if not answer["error"] <= 1e-9:
        raise WrongError(f"the error is {answer['error']}")
    cuts = answer["tau"]["x"]
    if not np.isfinite(cuts).all():
        raise SilentNaNError(f"tau: quantiles {cuts}")
    oracle = oracle_of(cuts)
    # Relative: of a part of the mass an error of the whole is more.
    tolerance = TOLERANCE + 5.0 * answer["error"]
    _close("log_z", answer["log_z"], oracle.log_z, TOLERANCE + 1e-13 * abs(oracle.log_z))
    # What scipy itself rounds (ncf, by 7e-10) the oracle's own sum is off by too.
    mixtures, rounding = answer["names"][1:], oracle.prior_rounding()
    for name in answer["names"]:
        if answer[name]["far"] is not None:
            check_far(name, *answer[name]["far"], TOLERANCE)
        _check_moments(name, answer[name], oracle)
        far = name == mixtures[answer["seed"] % len(mixtures)]  # the dearest sums, of one of them
        _check_tails(name, answer[name], oracle, tolerance, far, rounding)
    _check_table(answer)
    _check_draws(answer)


def _close(what, found, right, tolerance):
    if right is None:
        return
    if np.isnan(found):
        raise SilentNaNError(f"{what} is NaN, right {right:.12g}")
    if not abs(found - right) <= tolerance:
        raise WrongError(f"{what} is {found:.12g}, right {right:.12g} (within {tolerance:.2g})")


def _check_moments(name, answer, oracle):
    mean, sd = answer["moments"]
    right = oracle.tau_moments() if name == "tau" else oracle.mixture_moments(name)
    x = answer["x"]
    size = max(x[4] - x[2] if right[1] is None else right[1], abs(mean) if name == "tau" else 0.0)
    if np.isnan(mean) or np.isinf(mean):
        if right[1] is not None:
            raise SilentNaNError(f"{name}: mean {mean}, right {right[0]:.12g}")
        return
    # Of the numbers' own size too: a double tells no more of a mean.
    _close(f"{name}: mean", mean, right[0], TOLERANCE * size + 4e-15 * abs(mean))
    if np.isfinite(sd) or np.isnan(sd):
        _close(f"{name}: sd", sd, right[1], TOLERANCE * (right[1] or 1.0) + 1e-15 * abs(mean))
    elif right[1] is not None and not oracle.goes_on:
        raise WrongError(f"{name}: sd {sd}, right {right[1]:.12g}")


def _check_tails(name, answer, oracle, tolerance, far, rounding):
    # Beside ends and poles of its prior tau is as good as the whole is.
    of_whole = tolerance - TOLERANCE if name == "tau" else 0.0
    for i, x in enumerate(answer["x"]):
        if not np.isfinite(x):
            raise SilentNaNError(f"{name}: quantile {x}")
        if name == "tau":
            (below, above), log_density = oracle.tau_tails(x), None
        else:
            below, above, log_density = oracle.mixture_tails(name, x, far)
        given = answer["log density"][i]
        # The last digits of x count where the density is steep, and those of log tau.
        if name == "tau" and x == 0.0:  # so small that no double tells it
            if oracle.weight[0] < PROBS[i]:
                raise WrongError("tau: a quantile is 0")
            continue
        digits = 8e-16 * (1.0 + abs(np.log(x))) if name == "tau" else 8e-16
        digits = max(digits * abs(x), np.spacing(abs(x)))  # the least doubles have few
        slack = np.exp(min(given + np.log(digits), 700.0))
        at_end = name == "tau" and x >= oracle.prior.high * (1.0 - 4e-16)
        if at_end or not np.isfinite(slack):  # at a pole doubles tell no more
            continue
        where = f"{name} at {x:.12g}: "
        for what, right in (("below", below), ("above", above)):
            if right > 1e-25:
                allowed = tolerance * right + slack + of_whole + 1e-25
                _close(where + what, answer[what][i], right, allowed)
        if i < PROBS.size:
            q = PROBS[i]
            wrong = below - q if q < 0.5 else (1.0 - q) - above
            allowed = tolerance * min(q, 1.0 - q) + slack + of_whole
            if not abs(wrong) <= allowed and not _no_nearer(oracle, name, x, far, q):
                raise WrongError(f"{where}quantile of {q}, below it {below:.12g}")
        if log_density is not None and np.isfinite(log_density):
            # x is rounded too: by so much, times how steep the log density may be.
            digits = 1e-15 * abs(x) / oracle_sd(oracle, name) * (2.0 + abs(log_density)) ** 0.5
            allowed = tolerance + 1e-15 * abs(log_density) + digits
            allowed += 2.0 * max(rounding, oracle.far_rounding)
            # Less another log, of the whole, both of the size of the evidence's and so rounded.
            allowed += 4e-16 * abs(oracle.log_z)
            _close(where + "log density", given, log_density, allowed)


def _no_nearer(oracle, name, x, far, q):
    """Whether a quantile lies between the doubles beside x, a sd apart or more."""
    if name == "tau":
        return False
    beside = (oracle.mixture_tails(name, np.nextafter(x, end), far)[0] for end in (-np.inf, np.inf))
    return next(beside) <= q <= next(beside)


def oracle_sd(oracle, name):
    """The least sd among the components that matter."""
    sd = oracle.law(name)[1]
    return float(sd[oracle.weight > 1e-12].min())


def _check_table(answer):
    for key, values in answer["table"].items():
        if key != "mean" and np.isnan(values).any():
            raise SilentNaNError(f"summary: column {key} holds NaN")


def _check_draws(answer):
    from scipy.stats import kstest

    for name, u in answer["draws"].items():
        x = answer[name]["x"]
        # A mean of 5e9 with a sd of 1e-6 has a handful of doubles: draws take steps, and no fewer.
        if np.spacing(np.abs(x[3])) > 0.03 * (x[4] - x[2]):
            continue
        if np.isnan(u).any():
            raise SilentNaNError(f"draws of {name}: NaN")
        p = kstest(u, "uniform").pvalue
        if p < 1e-8:
            raise WrongError(f"draws of {name} are not the marginal's: p = {p:.2g}")


def may_refuse(problem, reason):
    """Only with a reason that names the prior, the data or what the quadrature cannot do."""
    return bool(re.search("|".join(REFUSALS), reason)) and not _plain(problem)


def _plain(problem):
    """Whether there is no excuse: a prior that scipy knows, near the data."""
    return problem.prior.words.startswith("plain")


__all__ = ["UnknownError", "judge", "make", "may_refuse", "solve"]
