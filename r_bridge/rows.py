"""Regression from raw rows, for R: designs are R's own, and so are their columns' names."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pyhier.r_bridge.sent import beta_prior, by_name, described, positive_prior

import pyhier as ph
from pyhier._types import Floats
from pyhier.posterior import LatticePosterior
from pyhier.posterior.draws import DrawsPosterior


def _columns(sent: Mapping[str, Any]) -> dict[str, Floats]:
    """A matrix's columns by their names."""
    return dict(zip(sent["names"], sent["x"].T, strict=True))


def _regression(
    y: Floats, x: Mapping[str, Any], z: Mapping[str, Any], groups: Mapping[str, Any],
    correlated: bool, sigma: Any, weights: Any, offset: Any, prior_beta: Any, prior_sigma: Any,
    prior_tau: Any, prior_rho: Any,
) -> dict[str, Any]:  # fmt: skip
    if isinstance(prior_tau, Mapping):
        tau = {name: positive_prior("prior_tau", one) for name, one in by_name(prior_tau).items()}
    else:
        tau = positive_prior("prior_tau", prior_tau)
    model = ph.HierarchicalRegression(
        y, _columns(x), _columns(z), groups=by_name(groups), sigma=sigma, weights=weights,
        offset=offset, intercept=False, varying_intercept=False, correlated=correlated,
        prior_beta=_betas(prior_beta), prior_sigma=positive_prior("prior_sigma", prior_sigma),
        prior_tau=tau, prior_rho=prior_rho,
    )  # fmt: skip
    found: dict[str, Any] = described(model)
    return found


def _betas(sent: Any) -> Any:
    """Priors of coefficients by their names."""
    return {n: beta_prior(n, text) for n, text in by_name(sent).items()} if sent else None


def _hyperparameters(model: Any) -> list[str]:
    """Names of the coefficients, sigma, the taus and the correlations."""
    phi = np.zeros((1, len(model.coordinates)))
    return list(model.hyperparameters(phi))


# --- Questions to a posterior ---------------------------------------------------------------------


def _of_rows(posterior: Any, new: Any, noise: bool, probs: Floats) -> dict[str, Any]:
    """Mean, sd and quantiles of rows' means, or with the noise of their responses."""
    given = None
    if new is not None:
        given = _columns(new["x"]) | _columns(new["z"]) | by_name(new["groups"] or _NOTHING)
    made = posterior.rows.predictive if noise else posterior.rows.fitted
    table = made(given, probs.tolist())
    columns = dict(zip(("fit", "sd", "lwr", "upr"), table.to_numpy().T, strict=True))
    return {"columns": columns, "rows": list(range(1, len(table) + 1))}


_NOTHING: dict[str, Any] = {"names": [], "values": {}}


def _check_joint(posterior: Any, what: str) -> None:
    """Raise where only the marginals of a posterior are known."""
    if not isinstance(posterior, DrawsPosterior | LatticePosterior):
        raise TypeError(f"this posterior has no {what}: take hier_exact(), or hier_draws() of it")


def _own_coefficients(posterior: Any) -> dict[str, Any]:
    """Mean and sd of what every group adds to each coefficient, of shape (effects,)."""
    _check_joint(posterior, "distribution of differences")
    model = posterior.model
    names = [label.rsplit(",", 1)[1] for label in model.labels]
    if isinstance(posterior, DrawsPosterior):
        common = set(model.coefficients)
        found = []
        for label, name in zip(model.labels, names, strict=True):
            draws = posterior.draws_of(f"theta[{label}]")
            beta = f"beta[{name}]"
            own = draws - posterior.draws_of(beta) if beta in common else draws
            found.append((own.mean(), own.std(ddof=1)))
    else:
        marginals = (posterior[f"b[{label}]"] for label in model.labels)
        found = [(one.mean(), one.std()) for one in marginals]
    mean, sd = np.array(found).T
    return {"mean": mean, "sd": sd}


def _covariances(posterior: Any) -> dict[str, Any]:
    """Posterior means of the sds, correlations and covariances of the varying coefficients."""
    _check_joint(posterior, "covariances of coefficients")
    model, names = posterior.model, _hyperparameters(posterior.model)
    if isinstance(posterior, DrawsPosterior):
        values = {name: posterior.draws_of(name).ravel() for name in names}
        weight = np.full(len(values[names[0]]), 1.0 / len(values[names[0]]))
    else:
        phi = model.phi_at_psi(posterior.psi, posterior.collapsed.mean.T)
        values, weight = model.hyperparameters(phi), posterior.weight
    taus = [name for name in names if name.startswith("tau[")]
    within = [name[len("tau[") : -1] for name in taus]
    sd = np.array([weight @ values[name] for name in taus])
    covariance = np.diag([weight @ values[name] ** 2 for name in taus])
    correlation = np.eye(len(taus))
    for i, j in zip(*np.tril_indices(len(taus), -1), strict=True):
        rho = values.get(f"rho[{within[j]},{within[i]}]")
        if rho is not None:
            correlation[i, j] = correlation[j, i] = weight @ rho
            covariance[i, j] = covariance[j, i] = weight @ (rho * values[taus[i]] * values[taus[j]])
    known = model.sigma
    return {
        "sd": sd, "covariance": covariance, "correlation": correlation,
        "sigma": float(weight @ values["sigma"]) if known is None else known,
        "sigma2": float(weight @ values["sigma"] ** 2) if known is None else known**2,
    }  # fmt: skip


ENTRIES: dict[str, Callable[..., Any]] = {
    "regression": _regression,
    "of_rows": _of_rows,
    "own_coefficients": _own_coefficients,
    "covariances": _covariances,
}
