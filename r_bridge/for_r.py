"""The side of pyhier that the R package calls: plain things in, plain things out.

`crossing` carries them; here is what R may ask for.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyhier.r_bridge import counts, crossing, rows
from pyhier.r_bridge.crossing import Handle
from pyhier.r_bridge.sent import by_name, described, moderators, normal_priors, tau_prior

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier._types import Floats
from pyhier.posterior import (
    EffectLatticePosterior,
    ExactPosterior,
    LatticePosterior,
    Posterior,
    SampleMarginal,
)
from pyhier.posterior.diagnostics import ConvergenceWarning, diagnose, find_trouble
from pyhier.posterior.draws import DrawsPosterior, as_draws
from pyhier.rstats import RStream


def call(name: str, arguments: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    """Run one of `ENTRIES` for R: see `crossing.run`."""
    answer: dict[str, Any] = crossing.run(ENTRIES[name], arguments)
    return answer


# --- Models ---------------------------------------------------------------------------------------


def _normal(
    y: Floats,
    given: str,
    spread: Floats,
    labels: Any,
    prior_mu: Any,
    prior_tau: Any,
    mods: Any = None,
) -> Any:
    keywords: dict[str, Any] = {given: spread, "labels": labels}
    if mods is None:
        return described(ph.NormalNormal(y, **keywords, **normal_priors(prior_mu, prior_tau)))
    keywords |= moderators(mods)
    return described(ph.NormalNormal(y, **keywords, prior_tau=tau_prior(prior_tau)))


def _multilevel(
    y: Floats,
    given: str,
    spread: Floats,
    levels: Any,
    prior_mu: Any,
    prior_tau: Any,
    mods: Any = None,
) -> Any:
    keywords: dict[str, Any] = {given: spread, "levels": by_name(levels)}
    if isinstance(prior_tau, Mapping):
        keywords["prior_tau"] = {name: tau_prior(one) for name, one in by_name(prior_tau).items()}
    else:
        keywords["prior_tau"] = tau_prior(prior_tau)
    if mods is None:
        keywords["prior_mu"] = normal_priors(prior_mu, None)["prior_mu"]
    else:
        keywords |= moderators(mods)
    return described(ph.MultilevelNormal(y, **keywords))


def _normal_raw(values: Floats, groups: list[str], variance: Any, **priors: Any) -> Any:
    model = ph.NormalNormal.from_raw(values, groups, variance=variance, **normal_priors(**priors))
    return described(model)


def _phi_at(model: Any, values: Mapping[str, float]) -> Any:
    """The coordinates at values of the hyperparameters."""
    return model.phi_at(**values)


# --- Engines --------------------------------------------------------------------------------------


DETAILS = ("accept", "ess", "pareto_k", "log_bound", "estimate", "edge", "limits")


def _engine(engine: str, model: Any, **arguments: Any) -> dict[str, Any]:
    found = getattr(ph, engine)(model, **arguments)
    answer = _drawn(found) if isinstance(found, DrawsPosterior) else _posterior(found)
    answer.update({name: getattr(found, name) for name in DETAILS if hasattr(found, name)})
    if hasattr(found, "burn_in"):
        answer["burn_in"] = found.burn_in.transpose(1, 0, 2)
    return answer


def _given(model: Any, values: Mapping[str, float]) -> dict[str, Any]:
    return _posterior(ph.given(model, **values))


def _posterior(posterior: Posterior) -> dict[str, Any]:
    return {"handle": Handle(posterior), "names": list(posterior.names)}


def _drawn(posterior: DrawsPosterior) -> dict[str, Any]:
    """A posterior of draws with all of them, shape (draw, chain, variable), as R keeps draws."""
    coordinates = posterior.model.coordinates
    variables = [*coordinates, *(name for name in posterior.names if name not in coordinates)]
    chains, size, _ = posterior.phi.shape
    draws = np.empty((size, chains, len(variables)), order="F")
    for i, name in enumerate(variables):
        draws[..., i] = posterior.draws_of(name).T
    return {**_posterior(posterior), "draws": draws, "variables": variables}


def _fit(fit: ph.LaplaceFit) -> dict[str, Any]:
    return {"mode": fit.mode, "var": fit.var, "int": fit.int, "converge": fit.converge}


def _laplace_model(model: Any, start: Any) -> dict[str, Any]:
    return _fit(ph.laplace(model, start))


def _draws(posterior: Posterior, n: float, rng: RStream) -> dict[str, Any]:
    return _drawn(as_draws(posterior, int(n), rng))


class _Chains(DrawsPosterior):
    """Markov chains that R has kept."""

    markov = True


def _remake(model: Any, phi: Floats, theta: Any, theta_new: Floats, markov: bool) -> dict[str, Any]:
    """The posterior of draws that a saved R object holds, shape (draw, chain, ...)."""
    effects = None if theta is None else np.ascontiguousarray(theta.transpose(1, 0, 2))
    phi = np.ascontiguousarray(phi.transpose(1, 0, 2))
    new = np.ascontiguousarray(theta_new.T if theta_new.ndim == 2 else np.swapaxes(theta_new, 0, 1))
    made = (_Chains if markov else DrawsPosterior)(model, phi, effects, new)
    return _posterior(made)


# --- Questions to a posterior ---------------------------------------------------------------------


def _table(posterior: Posterior, probs: Floats) -> dict[str, Any]:
    return {"columns": posterior.columns(probs.tolist()), "rows": list(posterior.names)}


def _summary(posterior: Posterior, probs: Floats) -> Any:
    """The table; of Markov chains with diagnostics, and a warning where one is bad."""
    return posterior.summary(probs.tolist()) if posterior.markov else _table(posterior, probs)


def _diagnose(draws: Floats, names: list[str]) -> Any:
    """Diagnostics of draws of shape (draw, chain, variable), a row a variable; a warning if bad."""
    columns = diagnose([draws[..., i].T for i in range(draws.shape[-1])])
    trouble = find_trouble(names, columns, draws.shape[1])
    if trouble:
        warnings.warn(f"{trouble}. Run longer (m)", ConvergenceWarning, stacklevel=1)
    return {"columns": columns, "rows": names}


def _marginal(posterior: Posterior, name: str, what: str, x: Any) -> Any:
    marginal = posterior[name]
    functions: dict[str, Callable[[], Any]] = {
        "d": lambda: marginal.pdf(x),
        "p": lambda: marginal.cdf(x),
        "q": lambda: marginal.ppf(x),
        "hdi": lambda: np.array(marginal.hdi(x)),
        "mean": marginal.mean,
        "sd": marginal.std,
    }
    return functions[what]()


def _probability(posterior: Any, event: str) -> dict[str, float]:
    found = posterior.probability(event)
    return {"probability": float(found), "se": found.se}


def _shrinkage(posterior: Posterior) -> Any:
    return posterior.shrinkage()


def _predict(posterior: Posterior, size: Any, draws: float, rng: RStream, x: Any = None) -> Any:
    """Draws of new data, shape (draw, group); of new groups by their sizes and covariates."""
    if size is None:
        made = posterior.predict(draws=int(draws), rng=rng)
    else:
        made = posterior.predict_new(size, x=x, draws=int(draws), rng=rng)
    return made.reshape(-1, made.shape[-1])


def _simulate(posterior: Posterior, n: float, rng: RStream) -> Floats:
    """Data sets of as many draws, shape (n, group)."""
    made = as_draws(posterior, int(n), rng).predict(rng=rng)
    return made.reshape(-1, made.shape[-1])


def _deviations(posterior: Any, centre: str, probs: Floats) -> dict[str, Any]:
    """How far each group's effect is from their centre: mean, sd and quantiles, a row a group."""
    names = [f"theta[{label}]" for label in posterior.model.labels]
    found: list[Any]
    if isinstance(posterior, DrawsPosterior):
        middle = posterior.draws_of(centre)
        found = [SampleMarginal(posterior.draws_of(name) - middle) for name in names]
    elif isinstance(posterior, ExactPosterior):
        found = [posterior.difference(name, centre) for name in names]
    else:
        raise TypeError(
            "the differences of these effects from their mean have no exact distribution: take "
            "ranef(hier_draws(fit, 4000)), or fitted(fit), which has the effects themselves"
        )
    rows = np.array([(one.mean(), one.std(), *one.ppf(probs)) for one in found])
    columns = dict(zip(("pred", "se", "pi.lb", "pi.ub"), rows.T, strict=True))
    return {"columns": columns, "rows": names}


def _covariance(posterior: Any, names: list[str]) -> Floats:
    """Posterior covariance of the coefficients, the names of which are given."""
    if isinstance(posterior, DrawsPosterior):
        return np.atleast_2d(np.cov([posterior.draws_of(name).ravel() for name in names]))
    if isinstance(posterior, EffectLatticePosterior):
        coefficients = posterior.phi[:, : len(names)]
        return np.atleast_2d(np.cov(coefficients.T, aweights=posterior.weight, ddof=0))
    if len(names) == 1:
        return np.array([[posterior[names[0]].var()]])
    bare = [name.removeprefix("beta[").removesuffix("]") for name in names]
    variance = np.array([posterior[name].var() for name in names])
    both = np.array([[_var_of_sum(posterior, a, b) for b in bare] for a in bare])
    covariance: Floats = 0.5 * (both - variance[:, None] - variance)
    return covariance


def _coefficients(posterior: Any, names: list[str]) -> Floats:
    """Posterior means of the coefficients alone, without the rest of the table."""
    if isinstance(posterior, EffectLatticePosterior):
        return np.asarray(posterior.weight @ posterior.phi[:, : len(names)])
    return np.array([posterior[name].mean() for name in names])


def _var_of_sum(posterior: Any, a: str, b: str) -> float:
    weights = {a: 2.0} if a == b else {a: 1.0, b: 1.0}
    return float(posterior.linear(weights).var())


def _predict_at(
    posterior: Any, size: Floats, x: Any, probs: Floats, groups: Any = None
) -> dict[str, Any]:
    """New estimates of new groups with these standard errors and covariates, a row a group.

    Groups are the names of upper levels' groups that they may lie in, a column a level.
    """
    of_counts = hasattr(posterior.model, "new_likelihood")
    if not of_counts and not isinstance(posterior, ExactPosterior | LatticePosterior):
        raise TypeError("new groups are predicted by hier_exact()")
    covariates = [None] * len(size) if x is None else x
    within: list[dict[str, str]] = [{}] * len(size)
    if groups:
        levels = by_name(groups)
        paths = [
            dict(zip(levels, path, strict=True)) for path in zip(*levels.values(), strict=True)
        ]
        old = map(posterior.model.nesting.innermost, paths)
        within = [{} if group is None else {"group": group} for group in old]
    made = [
        posterior.predictive(float(se), row, **inside)
        for se, row, inside in zip(size, covariates, within, strict=True)
    ]
    rows = np.array([(one.mean(), one.std(), *one.ppf(probs)) for one in made])
    columns = dict(zip(("fit", "sd", "lwr", "upr"), rows.T, strict=True))
    return {"columns": columns, "rows": [str(i + 1) for i in range(len(rows))]}


def _own_effects(posterior: Any, level: str, probs: Floats) -> dict[str, Any]:
    """What every group of a level has beside the levels above, a row a group."""
    if not hasattr(posterior, "effects"):
        raise TypeError("random effects by level are of hier_exact()")
    found = posterior.effects(level, probs.tolist(), own=True)
    columns = dict(zip(("pred", "se", "pi.lb", "pi.ub"), found.to_numpy().T, strict=True))
    return {"columns": columns, "rows": list(found.index)}


def _log_likelihood(model: Any, values: Mapping[str, float]) -> float:
    """Log likelihood of the hyperparameters, the effects integrated out."""
    return float(model.marginal.log_likelihood(model.phi_at(**values)[np.newaxis])[0])


def _weights(posterior: Any) -> Any:
    """Share of each estimate in the posterior mean of mu."""
    if not hasattr(posterior, "weights"):
        raise TypeError("weights are of exact posteriors of the normal model")
    return posterior.weights()["mu"].to_numpy()


def _log_evidence(posterior: Any) -> float:
    return float(posterior.log_evidence)


def _validation(path: str) -> dict[str, Any]:
    """A report of ``pyhier validate`` as columns, with the versions compared."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    columns: dict[str, list[Any]] = {}
    for row in report["functions"]:
        for name, value in row.items():
            if not isinstance(value, list):
                columns.setdefault(name, []).append(float("inf") if value == "inf" else value)
    return {"columns": columns, "versions": report["versions"]}


# --- LearnBayes -----------------------------------------------------------------------------------


def _logpost(logpost: Any, data: Any) -> tuple[Any, tuple[Any, ...]]:
    if not isinstance(logpost, str):
        return logpost, ()
    known = {name: getattr(lb, name) for name in lb.__all__}
    known = {name: value for name, value in known.items() if hasattr(value, "compiled_for")}
    if logpost not in known:
        raise ValueError(f"logpost is '{logpost}': the compiled ones are {', '.join(known)}")
    return known[logpost], (data,)


def _laplace(logpost: Any, mode: Floats, data: Any) -> dict[str, Any]:
    function, args = _logpost(logpost, data)
    return _fit(lb.laplace(function, mode, *args))


def _sampler(name: str, logpost: Any, data: Any, arguments: Mapping[str, Any], rng: RStream) -> Any:
    """One of LearnBayes' samplers, whose arguments are in its order."""
    function, args = _logpost(logpost, data)
    given = list(arguments.values())
    if name == "simcontour":  # its data comes before the last
        given, args = [given[0], args[0] if args else None], (given[1],)
    found = getattr(lb, name)(function, *given, *args, rng=rng)
    return found if isinstance(found, np.ndarray) else vars(found)


ENTRIES: dict[str, Callable[..., Any]] = {
    "normal": _normal,
    "normal_raw": _normal_raw,
    "multilevel": _multilevel,
    "phi_at": _phi_at,
    "engine": _engine,
    "given": _given,
    "laplace_model": _laplace_model,
    "draws": _draws,
    "remake": _remake,
    "table": _table,
    "summary": _summary,
    "diagnose": _diagnose,
    "deviations": _deviations,
    "covariance": _covariance,
    "coefficients": _coefficients,
    "predict_at": _predict_at,
    "own_effects": _own_effects,
    "log_likelihood": _log_likelihood,
    "weights": _weights,
    "marginal": _marginal,
    "probability": _probability,
    "shrinkage": _shrinkage,
    "predict": _predict,
    "simulate": _simulate,
    "log_evidence": _log_evidence,
    "laplace": _laplace,
    "sampler": _sampler,
    "validation": _validation,
    **counts.ENTRIES,
    **rows.ENTRIES,
}
