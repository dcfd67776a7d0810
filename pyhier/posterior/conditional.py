"""Effects given how closely the groups hang together: BDA3 figure 5.6 for any model on a plane."""

import numpy as np

from pyhier._types import Floats
from pyhier.models.interface import PlaneModel
from pyhier.quadrature.axes import coordinate_axis

# Eight sds each way with eight nodes a sd: the trapezoid rule is exact to rounding for anything
# near a normal distribution.
NODES, REACH = 129, 8.0
STEPS = 8  # of finding the mass; each may move or widen the nodes by their whole reach


def conditional_means(model: PlaneModel, closeness: Floats, near: tuple[float, float]) -> Floats:
    """Posterior mean of every group's effect given the coordinate that says how closely.

    Parameters
    ----------
    model : PlaneModel
    closeness : ndarray, shape (points,)
        Values of that coordinate: log tau, log K, log alpha.
    near : (float, float)
        Where the other coordinate may be: a first guess.

    Returns
    -------
    ndarray, shape (points, groups)
    """
    at = coordinate_axis(model.location).phi
    outer = np.repeat(closeness[:, None], NODES, axis=1)
    low, high = np.full((2, closeness.size, 1), np.array(near)[:, None, None])
    for _ in range(STEPS):
        inner = low + (high - low) * np.linspace(0.0, 1.0, NODES)
        phi = at(inner, outer).reshape(-1, 2)
        height = model.marginal.log_density(phi).reshape(inner.shape)
        weight = np.exp(height - height.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        mean = (weight * inner).sum(axis=1, keepdims=True)
        var = (weight * (inner - mean) ** 2).sum(axis=1, keepdims=True)
        # A mass narrower than the nodes are apart is known to one step only.
        step = (high - low) / (NODES - 1)
        reach = REACH * np.sqrt(var + (step * (var < step**2)) ** 2)
        low, high = mean - reach, mean + reach
    means = np.empty((closeness.size, len(model.labels)))
    for j in range(means.shape[1]):
        means[:, j] = (weight * model.theta_given(j, phi).mean.reshape(inner.shape)).sum(axis=1)
    return means
