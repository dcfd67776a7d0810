"""The named priors of tau that the data's standard errors scale, by log tau and the variances."""

from collections.abc import Callable

import numpy as np

from pyhier._types import Floats


def _log_totals(log_tau: Floats, var: Floats) -> Floats:
    """Log of var + tau^2, shape (nodes, groups)."""
    totals: Floats = np.log(var + np.exp(2.0 * np.ravel(log_tau))[:, np.newaxis])
    return totals


def _blocks(log_tau: Floats, var: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """A function of logs of var + tau^2, a few megabytes at a time; of log_tau's shape."""
    nodes, size = np.ravel(log_tau), max(1, 2**18 // var.size)
    if not nodes.size:
        return np.zeros(np.shape(log_tau))
    parts = [function(_log_totals(nodes[i : i + size], var)) for i in range(0, nodes.size, size)]
    return np.concatenate(parts).reshape(np.shape(log_tau))


def _weights(log_tau: Floats, var: Floats, power: float) -> Floats:
    """Log of the sum over groups of (var + tau^2)^-power."""

    def log_sum(totals: Floats) -> Floats:
        least = totals.min(axis=1, keepdims=True)
        sums = np.exp(power * (least - totals)).sum(axis=1)
        logs: Floats = np.log(sums) - power * least[:, 0]
        return logs

    return _blocks(log_tau, var, log_sum)


def _mean_log(log_tau: Floats, var: Floats) -> Floats:
    """Mean over groups of log(var + tau^2)."""
    return _blocks(log_tau, var, lambda totals: totals.mean(axis=1))


def _jeffreys(log_tau: Floats, var: Floats) -> Floats:
    return log_tau + 0.5 * _weights(log_tau, var, 2.0)


def _overall_jeffreys(log_tau: Floats, var: Floats) -> Floats:
    return _jeffreys(log_tau, var) + 0.5 * _weights(log_tau, var, 1.0)


def _berger_deely(log_tau: Floats, var: Floats) -> Floats:
    return log_tau - _mean_log(log_tau, var)


def _conventional(log_tau: Floats, var: Floats) -> Floats:
    return log_tau - 1.5 * _mean_log(log_tau, var)


def _dumouchel(log_tau: Floats, var: Floats) -> Floats:
    log_s0 = -0.5 * np.log(np.mean(1.0 / var))
    density: Floats = log_s0 - 2.0 * np.logaddexp(log_s0, log_tau)
    return density


def _dumouchel_quantile(u: Floats, var: Floats) -> Floats:
    return np.mean(1.0 / var) ** -0.5 * u / (1.0 - u)


def _ratio(log_tau: Floats, log_s2: float) -> Floats:
    """The density 2 s^2 tau / (s^2 + tau^2)^2: s^2 / (s^2 + tau^2) is uniform."""
    density: Floats = np.log(2.0) + log_s2 + log_tau - 2.0 * np.logaddexp(log_s2, 2.0 * log_tau)
    return density


def _ratio_quantile(u: Floats, log_s2: float) -> Floats:
    quantiles: Floats = np.sqrt(np.exp(log_s2) * u / (1.0 - u))
    return quantiles


def _shrinkage_scale(var: Floats) -> float:
    return -float(np.log(np.mean(1.0 / var)))


def _i2_scale(var: Floats) -> float:
    if var.size < 2:
        raise ValueError("prior_tau 'i2' needs at least 2 groups: take 'shrinkage'")
    weights = np.sort(np.min(var) / var)
    # Twice the sum over pairs: nothing cancels where one weight is all of them.
    spread = 2.0 * float(weights[1:] @ np.cumsum(weights)[:-1])
    return float(np.log((var.size - 1) * weights.sum() / spread * np.min(var)))


_OfData = Callable[[Floats, Floats], Floats]
# Log density; the quantile function where it is proper and normalised; its powers.
NAMED: dict[str, tuple[_OfData, _OfData | None, tuple[float, float]]] = {
    "sqrt": (lambda log_tau, var: -0.5 * log_tau, None, (-0.5, 0.5)),
    "jeffreys": (_jeffreys, None, (1.0, 1.0)),
    "overall-jeffreys": (_overall_jeffreys, None, (1.0, 2.0)),
    "berger-deely": (_berger_deely, None, (1.0, 1.0)),
    "conventional": (_conventional, None, (1.0, 2.0)),  # proper, but not normalised
    "dumouchel": (_dumouchel, _dumouchel_quantile, (0.0, 2.0)),
    "shrinkage": (
        lambda log_tau, var: _ratio(log_tau, _shrinkage_scale(var)),
        lambda u, var: _ratio_quantile(u, _shrinkage_scale(var)),
        (1.0, 3.0),
    ),
    "i2": (
        lambda log_tau, var: _ratio(log_tau, _i2_scale(var)),
        lambda u, var: _ratio_quantile(u, _i2_scale(var)),
        (1.0, 3.0),
    ),
}
