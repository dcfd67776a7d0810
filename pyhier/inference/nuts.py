"""The no-U-turn sampler on any model, in any of its parameterisations, and on any density."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import RNG, Generator, as_generator, for_chains
from pyhier._types import Floats
from pyhier._validation import float_array, numbers
from pyhier.inference.checkpoint import Checkpoint, Keeper, PathLike, open_checkpoint
from pyhier.inference.gradient import (
    GradientLike,
    bounded,
    bounds,
    check_gradient,
    gradient_density,
    need_density,
)
from pyhier.inference.hamiltonian import Metric, Settings, sample
from pyhier.inference.identity import Identity, identity_of, identity_of_model, identity_of_rng
from pyhier.inference.starts import Init, check_start, model_starts
from pyhier.kernels.gradients import constrain, unconstrain
from pyhier.models.draws import Draws
from pyhier.models.interface import Model, is_model, new_effects_of
from pyhier.models.joint import target_of
from pyhier.models.requirements import need_posterior
from pyhier.posterior.density_draws import DensityDraws
from pyhier.posterior.hamiltonian import NutsPosterior
from pyhier.rstats.streams import RStream

APART, FEW = 10.0, 100  # R-hat beyond which chains have not met; draws that say so


def nuts(
    model: Model | GradientLike,
    draws: int = 1_000,
    tune: int = 1_000,
    chains: int = 4,
    *,
    parameterization: str | None = None,
    target_accept: float = 0.8,
    max_treedepth: int = 10,
    metric: Metric = "diagonal",
    init: Init = None,
    start: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
    names: Sequence[str] | None = None,
    keep: Sequence[str] | None = None,
    check_gradient: bool = True,
    rng: RNG = None,
    progress: bool | None = None,
    checkpoint: PathLike | None = None,
    resume: bool | None = None,
) -> Any:
    """Sample a posterior by the no-U-turn sampler (multinomial, with Stan's warm-up).

    Parameters
    ----------
    model : Model, or log density with its gradient
        Any model; or a density of one's own: a callable ``f(x) -> (value, gradient)``, Python's or
        ``numba.njit``'s; a pair of functions, the log density's and its gradient's; a
        ``scipy.LowLevelCallable`` of the signature ``double (int, double *, double *, void *)``,
        which fills the gradient, or a pair of them.
    draws, tune, chains : int
        Draws to keep of each chain; iterations of warm-up before them; chains.
    parameterization : {"non-centred", "centred", "marginal"}, optional
        Of a model: which coordinates are sampled. "centred" are the effects themselves,
        "non-centred" their standardised distances from the mean; "marginal" are the
        hyperparameters alone, with the effects drawn exactly given each draw. Without it
        "non-centred" where the model has it, and "marginal" elsewhere. Spelled "centered" too.
    target_accept : float
        The acceptance that the step size is tuned to; higher means smaller steps.
    max_treedepth : int
        A trajectory is cut after 2^max_treedepth steps.
    metric : {"diagonal", "dense", "identity"}
        Whether the warm-up learns variances, a covariance (quadratic in memory) or nothing.
    init : {"prior", "uniform"} or mapping, optional
        Of a model, where chains start: at draws from the prior, effects given these and the data;
        uniformly between -2 and 2 in the coordinates; or at the values given of all
        hyperparameters by name, and of ``theta`` where wanted. Without it "prior" where the prior
        is proper, and otherwise about the posterior mode, widely.
    start : array_like, shape (p,) or (chains, p)
        Of a density: where the chains start.
    lower, upper : float or array_like, shape (p,), optional
        Of a density: what its coordinates lie between; None or infinite where there is no end.
    args : tuple
        Of a density: data that the function takes after ``x``.
    names : sequence of str, optional
        Of a density: names of its coordinates; ``x[0]``, ``x[1]``, ... without them.
    keep : sequence of str, optional
        Of a model: the quantities whose draws are kept, such as ``["mu", "tau"]``, so that memory
        does not grow with the groups. Hyperparameters are always kept. Without it everything is.
    check_gradient : bool
        Of a density: whether its gradient is compared with differences at the first start.
    rng : None, int, numpy.random.Generator or RStream
        The result does not depend on the number of threads.
    progress : bool, optional
        Whether to show a progress bar; without it, on a terminal when it takes over a second.
    checkpoint, resume
        As for `rwmetrop`: a file in which the run is kept, warm-up included, and gone on with.

    Returns
    -------
    NutsPosterior, or DensityDraws of a density of one's own
        After Ctrl-C, with the draws so far and a warning.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used; the density is not finite at a start; the gradient has the
        wrong length, or disagrees with differences; the model lacks the parameterisation (with
        why); or the chains of hyperparameters with effects have not met at all.

    Warns
    -----
    ConvergenceWarning
        By the result's ``summary``: of divergences, R-hat above 1.01, effective draws below 100 a
        chain, trees at their greatest depth and a low BFMI, with what to do.

    References
    ----------
    Hoffman, M. and Gelman, A. (2014). Journal of Machine Learning Research 15, 1593-1623.
    Betancourt, M. (2017). A conceptual introduction to Hamiltonian Monte Carlo. arXiv:1701.02434.

    Examples
    --------
    >>> import pyhier as ph
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"], labels=schools["school"],
    ...     prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5),
    ... )
    >>> post = ph.nuts(model, rng=1)
    >>> post.divergences, bool(3.0 < post["tau"].mean() < 3.6)  # exactly 3.29
    (0, True)

    A density of one's own, a standard normal one in three coordinates:

    >>> found = ph.nuts(lambda x: (-0.5 * x @ x, -x), draws=200, start=[0.0, 0.0, 0.0], rng=1)
    >>> found.draws.shape
    (4, 200, 3)
    """
    settings = Settings.of(draws, tune, chains, target_accept, max_treedepth, metric, progress)
    own = {"start": start, "lower": lower, "upper": upper, "names": names, "args": args or None}
    of_model = {"parameterization": parameterization, "init": init, "keep": keep}
    file = open_checkpoint(checkpoint, resume)
    kept = None if file is None else (file, _identity(model, settings, own | of_model, rng))
    if is_model(model):
        need_posterior("nuts", model)
        refuse("a density of one's own", own)
        return _of_model(model, settings, parameterization, init, keep, as_generator(rng), kept)
    need_density("nuts", model)
    refuse("a model", of_model)
    if start is None:
        raise ValueError("start is missing: a density needs a point to start from")
    return _of_density(model, settings, own, check_gradient, as_generator(rng), kept)


def _identity(model: Any, settings: Settings, more: Mapping[str, Any], rng: RNG) -> Identity:
    """What a run is of, for its checkpoint."""
    shared = {"engine": "nuts", **settings.asked(), **more}
    if settings.chains > 1 and isinstance(rng, RStream):  # a chain begins where the last one ends
        shared["draws"] = settings.draws
    own = identity_of_model(model) if is_model(model) else identity_of({"model": model})
    return own | identity_of(shared) | identity_of_rng(rng)


def refuse(of: str, given: Mapping[str, Any]) -> None:
    """Raise for the first argument that was given and is for another kind of target."""
    for name, value in given.items():
        if value is not None:
            raise TypeError(f"{name} is for {of}: leave it out")


# --- Models ---------------------------------------------------------------------------------------


def _of_model(
    model: Model,
    settings: Settings,
    parameterization: str | None,
    init: Init,
    keep: Sequence[str] | None,
    rng: Generator,
    file: tuple[Checkpoint, Identity] | None,
) -> NutsPosterior:
    target = target_of(model, parameterization)
    kept = None if keep is None else _kept(model, keep)
    generators = for_chains(rng, settings.chains)
    density = bounded(target.gradient, target.bounds)
    starts = model_starts(model, target, density, init, generators)
    columns = None if kept is None else target.columns(kept)
    keeper = None if file is None else Keeper(*file, rng)
    found = sample(density, starts, generators, settings, columns, keeper)
    points = _between(found.points, target.bounds, columns)
    drawn = target.restore(points, rng) if kept is None else _some(target, points, kept, rng)
    _need_meeting(model, target, drawn.phi)
    return NutsPosterior(
        model, drawn, found.trajectories(settings, target.parameterization),
        kept=None if kept is None else tuple(f"theta[{model.labels[j]}]" for j in kept),
        interrupted=found.interrupted,
    )  # fmt: skip


def _need_meeting(model: Model, target: Any, phi: Floats) -> None:
    """Refuse chains that stayed where they began, each within a fraction of what lies between them.

    So do non-centred ones where a group is known far better than the groups are spread: its
    coordinate is then all but a function of the hyperparameters, a ridge too narrow to walk along.
    """
    chains, draws, _ = phi.shape
    if target.parameterization == "marginal" or chains < 2 or draws < FEW:
        return
    between, within = phi.mean(axis=1).var(axis=0, ddof=1), phi.var(axis=1, ddof=1).mean(axis=0)
    apart = between > APART**2 * within
    if not apart.any():
        return
    others = [p for p in model.parameterizations if p != target.parameterization]  # type: ignore[attr-defined]
    raise ValueError(
        f"the chains have not met: those of {model.coordinates[int(apart.argmax())]} lie over "
        f"{APART:g} times as far apart as each is wide, so their draws say nothing of the "
        f"posterior; take parameterization={' or '.join(map(repr, others))}"
    )


def _kept(model: Model, keep: Sequence[str]) -> NDArray[np.intp]:
    """The groups whose effects are named."""
    if isinstance(keep, str) or not isinstance(keep, Iterable):
        raise TypeError(f"keep is {keep!r}: give a sequence of names, such as ['mu', 'tau']")
    hyper = model.hyperparameters(model.marginal.start())
    at = {f"theta[{label}]": j for j, label in enumerate(model.labels)}
    for name in keep:
        if name not in at and name not in hyper and name not in new_effects_of(model):
            raise KeyError(f"keep has {name!r}: no quantity has this name")
    return np.array([at[name] for name in keep if name in at], dtype=np.intp)


def _some(target: Any, points: Floats, kept: NDArray[np.intp], rng: Generator) -> Draws:
    """Hyperparameters, the effects of some groups and a new group's, a block of draws at a time."""
    chains, draws, _ = points.shape
    groups = len(target.model.labels)
    block = max(1, 2**22 // (groups * chains)) if target.parameterization == "marginal" else draws
    parts = [
        target.restore(points[:, i : i + block], rng, groups=kept) for i in range(0, draws, block)
    ]
    return Draws(*(np.concatenate([getattr(part, name) for part in parts], axis=1)
                   for name in ("phi", "theta", "theta_new")))  # fmt: skip


def _between(points: Floats, ends: Floats, columns: NDArray[np.intp] | None) -> Floats:
    """Points on the whole line put between their bounds, where there are any."""
    ends = ends if columns is None else ends[:, columns]
    if not np.isfinite(ends).any():
        return points
    return constrain(points, np.ascontiguousarray(ends[0]), np.ascontiguousarray(ends[1]))


# --- Densities of one's own -----------------------------------------------------------------------


def _of_density(
    function: Any,
    settings: Settings,
    own: Mapping[str, Any],
    check: bool,
    rng: Generator,
    file: tuple[Checkpoint, Identity] | None,
) -> DensityDraws:
    starts = _points(own["start"], settings.chains)
    p = starts.shape[1]
    names = coordinate_names(own["names"], p)
    inner = gradient_density(function, p, own["args"] or ())
    ends = bounds(own["lower"], own["upper"], p)
    density = bounded(inner, ends)
    if ends is not None:
        starts = inside(starts, ends)
    for point in starts:
        check_start(density, point, names)
    if check:
        check_gradient(density, starts[0])
    generators = for_chains(rng, settings.chains)
    keeper = None if file is None else Keeper(*file, rng)
    found = sample(density, starts, generators, settings, keeper=keeper)
    points = found.points if ends is None else _between(found.points, ends, None)
    return DensityDraws(points, names, found.trajectories(settings), found.interrupted)


def _points(start: Any, chains: int) -> Floats:
    points = numbers("start", start)
    if points.ndim not in (1, 2) or (points.ndim == 2 and len(points) != chains) or not points.size:
        raise ValueError(
            f"start has shape {points.shape}: give (p,), or ({chains}, p) to start each chain "
            "elsewhere"
        )
    points = float_array("start", start, points.ndim)
    return np.array(np.broadcast_to(points, (chains, points.shape[-1])))


def inside(starts: Floats, ends: Floats) -> Floats:
    """Starts, shape (chains, p), put on the whole line; an error where one is out of its bounds."""
    out = ~((starts > ends[0]) & (starts < ends[1])).all(axis=0)
    if out.any():
        k = int(np.flatnonzero(out)[0])
        raise ValueError(
            f"start[{k}] is {starts[:, k].min():g}: it must lie between lower ({ends[0, k]:g}) and "
            f"upper ({ends[1, k]:g})"
        )
    return unconstrain(starts, ends[0], ends[1])


def coordinate_names(names: Sequence[str] | None, p: int) -> tuple[str, ...]:
    """The names given, or ``x[0]``, ``x[1]``, ..."""
    if names is None:
        return tuple(f"x[{k}]" for k in range(p))
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"names is {names!r}: give {p} names, one a coordinate")
    found = tuple(map(str, names))
    if len(found) != p or len(set(found)) != p:
        raise ValueError(f"names is {list(names)}: give {p} different names, one a coordinate")
    return found
