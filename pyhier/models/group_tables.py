"""Log probabilities of groups' counts, which depend on a predictor and log tau, from tables.

A lattice asks for them at millions of points, but at few values of log tau. There they are
polynomials of the predictor on panels, made where they are asked for.
"""

from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.tilted import Counts

ORDER = 16  # nodes of a panel
WIDTH = 1.2  # of panels: the logs have no singularity within about 2.5 of the line; times tau
RESOLVED = 1e-13  # last coefficients, by the largest value
BLOCK = 2**15  # values at a time
MOST = 2**18  # panels kept
FAR, LARGE = 2**18, 300.0  # predictors and log tau to which there are tables

Keys = NDArray[np.int64]

_ANGLES = np.pi * (np.arange(ORDER) + 0.5) / ORDER
_TO_COEFFICIENTS = np.cos(np.outer(np.arange(ORDER), _ANGLES)) * (2.0 / ORDER)
_TO_COEFFICIENTS[0] *= 0.5


@dataclass(frozen=True)
class _Panels:
    """Known panels, in ascending order of their keys.

    Attributes
    ----------
    log_tau : ndarray, shape (places,)
    key : ndarray of int, shape (panels,)
        The place, the group and the panel.
    column : ndarray of int, shape (panels,)
        Where their coefficients are.
    coefficients : ndarray, shape (ORDER, room)
        Of Chebyshev polynomials; NaN where they do not resolve the logs.
    """

    log_tau: Floats
    key: Keys
    column: Keys
    coefficients: Floats

    def found(self, key: Keys) -> Keys:
        """The columns of keys, -1 for those that are not known."""
        if not self.key.size:
            return np.full(key.size, -1)
        at = np.minimum(np.searchsorted(self.key, key), self.key.size - 1)
        return np.where(self.key[at] == key, self.column[at], -1)

    def with_more(self, key: Keys, coefficients: Floats) -> "_Panels":
        """With new panels, in columns after the others."""
        old, size = self.key.size, self.key.size + key.size
        room = self.coefficients
        if size > room.shape[1]:
            room = np.empty((ORDER, 2 * size))
            room[:, :old] = self.coefficients[:, :old]
        room[:, old:size] = coefficients
        at = np.searchsorted(self.key, key)
        column = np.insert(self.column, at, np.arange(old, size))
        return _Panels(self.log_tau, np.insert(self.key, at, key), column, room)


_NO_KEYS = np.empty(0, np.int64)
_NONE = _Panels(np.empty(0), _NO_KEYS, _NO_KEYS, np.empty((ORDER, 0)))


class GroupTables:
    """Sums of log probabilities of all groups' counts.

    Parameters
    ----------
    counts : Counts
    design : ndarray, shape (groups, p)
    """

    def __init__(self, counts: Counts, design: Floats) -> None:
        self._counts, self._which = counts.distinct()
        self._design = design
        self._panels, self._lock = _NONE, Lock()

    def __call__(self, phi: Floats) -> Floats:
        """The sum at points (n, p + 1); NaN where tables do not resolve it."""
        size = max(1, BLOCK // self._which.size)
        parts = [self._of(phi[k : k + size]) for k in range(0, len(phi), size)]
        return np.concatenate([np.empty(0), *parts])

    def _of(self, phi: Floats) -> Floats:
        u, log_tau = phi[:, :-1] @ self._design.T, phi[:, -1].copy()
        far = ~(np.abs(u).max(axis=1) < FAR) | ~(np.abs(log_tau) < LARGE)
        u[far], log_tau[far] = 0.0, 0.0
        width = _width(log_tau)[:, np.newaxis]
        panel = np.floor(u / width)
        with self._lock:
            place, known = self._places(log_tau)
            groups = self._counts.data.shape[1]
            key = (place[:, np.newaxis] * groups + self._which) * (2 * FAR)
            key += panel.astype(np.int64) + FAR
            known, at = self._with(known, key.ravel())
        x = (2.0 * (u / width - panel) - 1.0).ravel()
        logs: Floats = _clenshaw(known.coefficients, at, x).reshape(u.shape).sum(axis=1)
        logs[far] = np.nan
        return logs

    def _places(self, log_tau: Floats) -> tuple[Keys, _Panels]:
        """Which place each log tau is, and the panels with all of these places."""
        known = self._panels
        if len(known.key) > MOST:
            known = _NONE
        different, inverse = np.unique(log_tau, return_inverse=True)
        new = np.setdiff1d(different, known.log_tau)
        known = replace(known, log_tau=np.append(known.log_tau, new))
        order = np.argsort(known.log_tau)
        number = order[np.searchsorted(known.log_tau, different, sorter=order)]
        return number[inverse.ravel()].astype(np.int64), known

    def _with(self, known: _Panels, key: Keys) -> tuple[_Panels, Keys]:
        """With the panels of these keys, and the columns of these."""
        column = known.found(key)
        lost = column < 0
        if lost.any():
            new = np.unique(key[lost])
            known = known.with_more(new, self._made(known.log_tau, new))
            column[lost] = known.found(key[lost])
        self._panels = known
        return known, column

    def _made(self, places: Floats, key: Keys) -> Floats:
        """The coefficients of new panels, shape (ORDER, panels)."""
        rest, panel = np.divmod(key, 2 * FAR)
        place, group = np.divmod(rest, self._counts.data.shape[1])
        log_tau = places[place]
        middle = panel - FAR + 0.5
        width = _width(log_tau)
        u = width[:, np.newaxis] * (middle[:, np.newaxis] + 0.5 * np.cos(_ANGLES))
        values = np.empty(u.shape)
        for k in np.unique(group).tolist():
            own = group == k
            each = np.repeat(log_tau[own], ORDER)
            logs = self._counts.take(k).laws(u[own].ravel(), each)[0, 0]
            values[own] = logs.reshape(-1, ORDER)
        with np.errstate(invalid="ignore"):
            found: Floats = _TO_COEFFICIENTS @ values.T
            last = np.abs(found[-2:]).max(axis=0)
            found[:, ~(last <= RESOLVED * np.maximum(1.0, np.abs(values).max(axis=1)))] = np.nan
        return found


def _width(log_tau: Floats) -> Floats:
    return WIDTH * np.maximum(1.0, np.exp(log_tau))


def _clenshaw(coefficients: Floats, row: Keys, x: Floats) -> Floats:
    """Chebyshev sums of columns of coefficients at places in [-1, 1], shape (n,)."""
    before, now, twice = np.zeros(x.size), coefficients[-1][row], 2.0 * x
    for one in coefficients[-2:0:-1]:
        before, now = now, twice * now + (one[row] - before)
    found: Floats = x * now + (coefficients[0][row] - before)
    return found
