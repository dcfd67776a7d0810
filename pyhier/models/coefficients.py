"""The coefficients of a linear predictor integrated out of sums over groups, with their prior."""

import numpy as np

from pyhier._types import Floats
from pyhier.kernels import linear_groups as kernel
from pyhier.models.covariates import LOG_2PI, NormalPrior
from pyhier.models.reductions import Collapsed


def reference(y: Floats, x: Floats, var: Floats) -> Floats:
    """Coefficients near the data's, subtracted before sums are made, shape (p,)."""
    root = 1.0 / np.sqrt(var + np.median(var))
    scale = np.sqrt((x * x).sum(axis=0))
    found: Floats = np.linalg.lstsq(x / scale * root[:, None], y * root, rcond=None)[0] / scale
    return found


def prior_sums(prior: NormalPrior, about: Floats, basis: Floats | None = None) -> Floats | None:
    """The prior of beta - about as sums that are added to the groups'; None where all are flat.

    With a ``basis``, shape (p, p), of gamma, where beta is about + basis gamma.
    """
    p = prior.mean.size
    if not len(prior.root):
        return None
    root = prior.root if basis is None else prior.root @ basis
    rows = np.column_stack([root, prior.root @ (prior.mean - about)])
    triangle = np.zeros((p, p + 1))
    found = np.linalg.qr(rows, mode="r")[:p]
    triangle[: len(found)] = found * np.where(np.diag(found) < 0.0, -1.0, 1.0)[:, None]
    packed = np.concatenate([triangle[k, k:] for k in range(p)])
    return np.concatenate([packed, [0.0, -2.0 * prior.log_determinant]])[np.newaxis]


def integrated(table: Floats, prior: NormalPrior, about: Floats, groups: int) -> Collapsed:
    """Beta integrated out of sums over all groups with its prior, with all constants but tau's.

    Parameters
    ----------
    table : ndarray, shape (nodes, size)
        Sums of y - x' about, as `kernels.linear_groups` keeps them.
    prior : NormalPrior
    about : ndarray, shape (p,)
    groups : int
    """
    p, added = about.size, prior_sums(prior, about)
    if added is not None:
        table = kernel.merge(table, added, p)
    rows = kernel.solve(table, p)
    rows[0] -= 0.5 * (groups - p + len(prior.root)) * LOG_2PI
    rows[1 : 1 + p] += about[:, np.newaxis]
    if p == 1:
        rows[2] *= rows[2]
    return Collapsed(rows, plain=p == 1)
