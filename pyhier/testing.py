"""Whether a model keeps its word: for models of your own, and for ours."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._random import RNG, Generator, as_generator
from pyhier._types import Floats
from pyhier.distributions.mixtures import FamilyMixture, flattened
from pyhier.inference import exact, grid, importance, laplace, rwmetrop
from pyhier.inference.exact import MOST
from pyhier.models.draws import Draws
from pyhier.models.interface import (
    Model,
    is_integrated,
    is_latticed,
    is_model,
    is_plane,
    is_reduced,
    log_likelihoods,
    new_effects_of,
    prior_effects,
    replicated,
)
from pyhier.posterior import Posterior

RARE = 1e-6  # chance of a false alarm in each test of draws
POINTS = 7  # phi at which densities are compared
DRAWS = 20_000


@dataclass(frozen=True)
class ModelCheck:
    """What `check_model` tried.

    Attributes
    ----------
    passed : tuple of str
        The checks that held.
    skipped : mapping of str to str
        Those that could not be made, and why.
    """

    passed: tuple[str, ...]
    skipped: Mapping[str, str]


class _SkippedError(Exception):
    """A check that this model gives no hold for."""


def check_model(
    model: Model, permuted: Callable[[Any], Model] | None = None, *, rng: RNG = 0
) -> ModelCheck:
    """Check that a model satisfies what the engines take for granted.

    Densities are held against finite differences and against one another, the marginal likelihood
    against Bayes' theorem for the effects, draws against the distributions that they are of, the
    prior's draws against its density, and one engine of each kind against quadrature.

    Parameters
    ----------
    model : Model
        With data; a few groups are enough, and quick.
    permuted : callable, optional
        Makes the model with its groups in another order, from an array of their places:
        ``lambda order: MyModel(y[order])``.
    rng : None, int, numpy.random.Generator or RStream
        Of the draws; fixed, so that a check that holds goes on holding.

    Returns
    -------
    ModelCheck

    Raises
    ------
    AssertionError
        If a check fails, saying which and by how much.
    TypeError
        If it is no model.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier.testing import check_model
    >>> pumps = ph.load_dataset("pumps")
    >>> found = check_model(ph.PoissonGamma(pumps["failures"], pumps["khours"]))
    >>> found.passed[:3]
    ('shapes', 'density', 'derivatives')
    """
    if not is_model(model):
        raise TypeError(f"model is a {type(model).__name__}: it must have coordinates, draw_theta")
    generator = as_generator(rng)
    passed, skipped = [], {}
    for name, check in _CHECKS.items():
        try:
            check(model, generator, permuted)
        except _SkippedError as why:
            skipped[name] = str(why)
        else:
            passed.append(name)
    return ModelCheck(tuple(passed), skipped)


def _near(model: Model, rng: Generator, n: int = POINTS) -> Floats:
    """Points about the mode, shape (n, p)."""
    fit = laplace(model)
    z = rng.standard_normal(n * fit.mode.size).reshape(n, -1)
    points: Floats = fit.mode + 0.5 * z @ np.linalg.cholesky(fit.var).T
    return points


def _close(what: str, found: Any, wanted: Any, rtol: float, atol: float = 0.0) -> None:
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol, err_msg=what)


def _shapes(model: Model, rng: Generator, _: Any) -> None:
    groups, target = len(model.labels), model.marginal
    p, phi = len(model.coordinates), target.start()
    assert phi.shape == (p,), f"start() has shape {phi.shape}: it must be ({p},)"
    many = np.tile(phi, (3, 2, 1))
    assert model.draw_theta(many, rng).shape == (3, 2, groups), "draw_theta: (..., groups)"
    several = len(new_effects_of(model))
    shape = (3, 2) if several == 1 else (3, 2, several)
    assert model.draw_new_theta(many, rng).shape == shape, f"draw_new_theta: (...) + {shape[2:]}"
    theta, data = model.draw_theta(many, rng), model.response.shape
    if not hasattr(model, "predict_given"):
        assert data == (groups,), "response: (groups,)"
    drawn = Draws(many, theta, model.draw_new_theta(many, rng))
    assert log_likelihoods(model, drawn).shape == (3, 2, *data), "log_likelihood: (..., data)"
    assert replicated(model, drawn, rng).shape == (3, 2, *data), "predict: (..., data)"
    assert prior_effects(model, many[0], rng).shape == (2, groups), "draw_prior_theta: (n, groups)"
    assert np.shape(model.log_prior(many)) == (3, 2), "log_prior: (...)"
    for name, values in model.hyperparameters(many).items():
        assert np.shape(values) == (3, 2), f"hyperparameters: {name} must be of shape (...)"


def _density(model: Model, rng: Generator, _: Any) -> None:
    """One point and many; likelihood times prior."""
    target, points = model.marginal, _near(model, rng)
    many = target.log_density(points)
    single = [target.density(point) for point in points]
    _close("density at one point and at many", many, single, 1e-9, 1e-9)
    parts = target.log_likelihood(points) + model.log_prior(points)
    apart = parts - many - target.log_constant
    _close("log likelihood + log prior is the log density", apart, apart[0], 0.0, 1e-7)


def _derivatives(model: Model, rng: Generator, _: Any) -> None:
    """Against differences, in units of the posterior's sds."""
    target, fit = model.marginal, laplace(model)
    sd = np.sqrt(np.diag(fit.var))
    for point in _near(model, rng, 3):
        gradient, hessian = target.derivatives(point)
        value, again = target.value_and_gradient(point)
        _close(
            "value_and_gradient", (value, *again), (target.density(point), *gradient), 1e-9, 1e-9
        )
        for k, step in enumerate(np.diag(1e-3 * sd)):
            ends = target.log_density(np.array([point + step, point - step]))
            slope = (ends[0] - ends[1]) / 2e-3
            _close(f"gradient in {model.coordinates[k]}", gradient[k] * sd[k], slope, 1e-4, 1e-4)
            rise = target.derivatives(point + step)[0] - target.derivatives(point - step)[0]
            bend = hessian[k] * sd * sd[k]
            _close(f"Hessian in {model.coordinates[k]}", bend, rise * sd / 2e-3, 1e-3, 1e-3)


def _bayes(model: Model, rng: Generator, _: Any) -> None:
    """p(y | phi) = p(y | theta) p(theta | phi) / p(theta | y, phi), whatever theta is."""
    if hasattr(model, "covariates"):
        raise _SkippedError("the groups' effects have not the distribution of a new one's")
    points = _near(model, rng)
    wanted = model.marginal.log_likelihood(points)
    for phi, total in zip(points, wanted - wanted[0], strict=True):
        found = _by_bayes(model, phi, rng) - _by_bayes(model, points[0], rng)
        _close("the marginal likelihood by Bayes' theorem", found, total, 1e-6, 1e-6)


def _by_bayes(model: Model, phi: Floats, rng: Generator) -> float:
    one = phi[np.newaxis]
    theta = model.draw_theta(one, rng)[0]
    new = _law(model, None, one).logpdf(theta)
    own = [_law(model, j, one).logpdf(value) for j, value in enumerate(theta)]
    drawn = Draws(one, theta[np.newaxis], np.empty(1))
    return float((log_likelihoods(model, drawn)[0] + new - np.array(own)).sum())


def _law(model: Model, quantity: int | str | None, phi: Floats) -> FamilyMixture:
    return FamilyMixture(*flattened(model.theta_given(quantity, phi), np.ones(1)))


def _draws(model: Model, rng: Generator, _: Any) -> None:
    """Draws of effects given phi against their distributions."""
    phi = _near(model, rng, 1)
    many = np.tile(phi, (2_000, 1))
    theta = model.draw_theta(many, rng)
    for j, label in enumerate(model.labels[:5]):
        _uniform(f"draw_theta of group {label}", _law(model, j, phi).cdf(theta[:, j]))
    new, names = model.draw_new_theta(many, rng), new_effects_of(model)
    if len(names) == 1:
        _uniform("draw_new_theta", _law(model, None, phi).cdf(new))
        return
    for k, name in enumerate(names):
        _uniform(f"draw_new_theta of {name}", _law(model, name, phi).cdf(new[:, k]))


def _uniform(what: str, u: Floats) -> None:
    from scipy.stats import kstest

    p = kstest(u, "uniform").pvalue
    assert p > RARE, f"{what}: the draws are not of the distribution that theta_given names, p={p}"


def _prior(model: Model, rng: Generator, _: Any) -> None:
    """Draws of the prior against its density, in boxes between their own quantiles."""
    from scipy.stats import chisquare

    try:
        phi = model.draw_prior(DRAWS, rng)
    except ValueError as why:
        raise _SkippedError(str(why)) from None
    p, cells = phi.shape[1], 4
    if p > 2:
        raise _SkippedError("the prior has more than two coordinates")
    ends = np.quantile(phi, np.linspace(0.05, 0.95, cells + 1), axis=0)
    inside = ((phi > ends[0]) & (phi < ends[-1])).all(axis=1)
    counts = np.histogramdd(phi[inside], [ends[:, k] for k in range(p)])[0]
    mass = _mass(model, ends, cells)
    p_value = chisquare(counts.ravel(), mass.ravel() / mass.sum() * counts.sum()).pvalue
    assert p_value > RARE, f"draw_prior and log_prior are not of one distribution, p={p_value}"


def _mass(model: Model, ends: Floats, cells: int) -> Floats:
    """The prior's mass in boxes, by Gauss-Legendre rules of 8 nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    p, width = ends.shape[1], np.diff(ends, axis=0)
    places = [(ends[:-1, k, None] + 0.5 * width[:, k, None] * (nodes + 1.0)).ravel()
              for k in range(p)]  # fmt: skip
    shares = [(0.5 * width[:, k, None] * weights).ravel() for k in range(p)]
    mesh = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1)
    density = np.exp(model.log_prior(mesh))
    for k in range(p):
        density = density * shares[k].reshape([-1 if i == k else 1 for i in range(p)])
    shape = [size for _ in range(p) for size in (cells, 8)]
    total: Floats = density.reshape(shape).sum(axis=tuple(range(1, 2 * p, 2)))
    return total


def _pickles(model: Model, rng: Generator, _: Any) -> None:
    again = pickle.loads(pickle.dumps(model))
    point = model.marginal.start()
    assert again.marginal.density(point) == model.marginal.density(point), "pickling changes it"


def _permuted(model: Model, rng: Generator, permuted: Callable[[Any], Model] | None) -> None:
    """The order of the groups says nothing."""
    if permuted is None:
        raise _SkippedError(
            "give permuted=, which makes the model with its groups in another order"
        )
    order = np.argsort(rng.standard_normal(len(model.labels)))
    other, points = permuted(order), _near(model, rng)
    found = other.marginal.log_density(points)
    _close("the density of permuted groups", found, model.marginal.log_density(points), 1e-10, 1e-9)
    for place, j in enumerate(order[:3]):
        law = _law(other, place, points[:1]).mean()
        _close("a permuted group's effect", law, _law(model, int(j), points[:1]).mean(), 1e-10)


def _reference(model: Model) -> Posterior:
    few = (is_integrated(model) or is_latticed(model)) and len(model.psi) <= MOST
    if is_reduced(model) or is_plane(model) or few:
        return exact(model)
    if len(model.coordinates) > 3:
        raise _SkippedError(
            "it has more than three coordinates: no quadrature to hold engines against"
        )
    return grid(model, 60)


def _engines(model: Model, rng: Generator, _: Any) -> None:
    """One engine of each kind: chains, weights, draws of the normal approximation restored."""
    reference = _reference(model)
    draws = DRAWS if model.marginal.density.compiled else DRAWS // 10
    chain = rwmetrop(model, draws, burn_in=500, chains=2, rng=rng, progress=False)
    weighted = importance(model, draws, rng=rng)
    sds = {name: reference[name].std() for name in reference.names}
    for name in [n for n, sd in sds.items() if 0.0 < sd < np.inf][:12]:
        wanted, sd = reference[name].mean(), sds[name]
        ess = float(chain.diagnostics()["ess_bulk"][name])
        for engine, found, size in (
            ("rwmetrop", chain[name].mean(), ess),
            ("importance", weighted[name].mean(), weighted.ess),
        ):
            off = abs(found - wanted) / (sd / np.sqrt(size))
            assert off < 6.0, f"{engine}: the mean of {name} is {off:.1f} standard errors off"


_CHECKS: dict[str, Callable[[Model, Generator, Any], None]] = {
    "shapes": _shapes,
    "density": _density,
    "derivatives": _derivatives,
    "marginal likelihood": _bayes,
    "draws of effects": _draws,
    "prior": _prior,
    "pickling": _pickles,
    "permutation": _permuted,
    "engines": _engines,
}
