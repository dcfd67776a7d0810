"""Several outcomes a group: the effects given the coefficients and their covariance Sigma."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier.models.reductions import Linear
from pyhier.priors.correlations import cholesky

LEAST = 1e-12  # of a sampling covariance's largest eigenvalue: below it it is singular


@dataclass(frozen=True, eq=False)
class Gain:
    """How a group's effects come about, given beta and Sigma, at nodes.

    Attributes
    ----------
    gain : ndarray, shape (nodes, q, estimates)
        Of the estimates in the effects.
    kept : ndarray, shape (nodes, q, q)
        Of the centres in the effects: the identity less the gain.
    at : ndarray of int, shape (estimates,)
        Which outcomes the group has.
    """

    gain: Floats
    kept: Floats
    at: NDArray[np.intp]

    def noise(self, sigma: Floats, cov: Floats) -> Floats:
        """The effects' covariance, shape (nodes, q, q): a sum of squares, so it stays positive."""
        inside = cov[np.ix_(self.at, self.at)]
        total: Floats = self.kept @ sigma @ _turned(self.kept)
        total += self.gain @ inside @ _turned(self.gain)
        return total


@dataclass(frozen=True, eq=False)
class Outcomes(Frozen):
    """Estimates of several outcomes.

    Attributes
    ----------
    y : ndarray, shape (groups, q)
        NaN where a group lacks an outcome.
    cov : ndarray, shape (groups, q, q)
        0 there.
    seen : ndarray of bool, shape (groups, q)
    """

    y: Floats
    cov: Floats
    seen: NDArray[np.bool_]

    @staticmethod
    def of(y: Floats, cov: Floats, labels: tuple[str, ...]) -> "Outcomes":
        """Check the estimates and their covariances."""
        groups, q = y.shape
        if cov.shape != (groups, q, q):
            raise ValueError(f"cov has shape {cov.shape}: y asks for ({groups}, {q}, {q})")
        seen = ~np.isnan(y)
        bad = np.isinf(y) | (np.abs(y) > 1e70)
        if bad.any():
            j, k = np.argwhere(bad)[0]
            raise ValueError(f"y[{j}, {k}] (group {labels[j]}) is {y[j, k]}: it must be finite")
        if not seen.any(axis=0).all():
            raise ValueError(f"y has no estimate of outcome {int(seen.any(axis=0).argmin()) + 1}")
        kept = np.where(seen[:, :, None] & seen[:, None, :], cov, 0.0)
        for members, at in _patterns(seen):
            _check(kept[members[:, None, None], at[:, None], at], [labels[j] for j in members])
        table = np.array(y)
        for array in (table, kept, seen):
            array.flags.writeable = False
        return Outcomes(table, kept, seen)

    @property
    def se(self) -> Floats:
        """Standard errors, shape (groups, q); NaN where there is no estimate."""
        diagonal = np.sqrt(np.diagonal(self.cov, axis1=1, axis2=2))
        return np.where(self.seen, diagonal, np.nan)

    def factor(self, psi: Floats) -> Floats:
        """Cholesky factors of Sigma at (log tau, atanh of partial correlations), (..., q, q)."""
        q = self.y.shape[1]
        return cholesky(psi[..., :q], psi[..., q:])

    def covariance(self, psi: Floats) -> Floats:
        """Sigma there, shape (..., q, q)."""
        factor = self.factor(psi)
        product: Floats = factor @ _turned(factor)
        return product

    def gain(self, j: int, sigma: Floats) -> Gain:
        """Of group j, at nodes of Sigma (nodes, q, q)."""
        at = np.flatnonzero(self.seen[j])
        q = self.y.shape[1]
        if not at.size:
            return Gain(np.zeros((len(sigma), q, 0)), np.tile(np.eye(q), (len(sigma), 1, 1)), at)
        total = sigma[:, at[:, None], at] + self.cov[j][np.ix_(at, at)]
        gain = _turned(np.linalg.solve(total, sigma[:, at, :]))
        kept = np.tile(np.eye(q), (len(sigma), 1, 1))
        kept[:, :, at] -= gain
        return Gain(gain, kept, at)

    def linear(self, quantity: int | slice, x: Floats, sigma: Floats) -> Linear:
        """Effects as linear functions of beta, at nodes of Sigma."""
        q, numbers = self.y.shape[1], np.arange(self.y.size)[quantity]
        several = np.atleast_1d(numbers)
        nodes, full = len(sigma), q * x.shape[1]
        intercept, var = np.empty((2, several.size, nodes))
        direction = np.empty((several.size, full, nodes))
        for j in np.unique(several // q).tolist():
            gain = self.gain(j, sigma)
            noise, own = gain.noise(sigma, self.cov[j]), gain.gain @ self.y[j, gain.at]
            for row in np.flatnonzero(several // q == j):
                k = int(several[row] % q)
                intercept[row], var[row] = own[:, k], noise[:, k, k]
                direction[row] = (gain.kept[:, k, :, None] * x[j]).reshape(nodes, full).T
        if np.ndim(numbers) == 0:
            return Linear(intercept[0], 1.0, var[0], False, direction[0])
        return Linear(intercept, 1.0, var, False, direction)

    def var_of_difference(self, first: int, second: int, sigma: Floats) -> Floats:
        """Variance of the difference of two effects given beta, shape (nodes,)."""
        q = self.y.shape[1]
        (j, k), (i, m) = divmod(first, q), divmod(second, q)
        if i != j:
            parts = [self.gain(g, sigma).noise(sigma, self.cov[g])[:, a, a]
                     for g, a in ((j, k), (i, m))]  # fmt: skip
            return parts[0] + parts[1]
        gain = self.gain(j, sigma)
        kept = gain.kept[:, k] - gain.kept[:, m]
        apart = gain.gain[:, k] - gain.gain[:, m]
        inside = self.cov[j][np.ix_(gain.at, gain.at)]
        var: Floats = np.einsum("ni,nij,nj->n", kept, sigma, kept)
        var += np.einsum("ni,ij,nj->n", apart, inside, apart)
        return var

    def var_between(self, at: tuple[int, int], sigma: Floats) -> Floats:
        """Variance of the difference of two outcomes of a new group, shape (nodes,)."""
        apart = np.eye(self.y.shape[1])[at[0]] - np.eye(self.y.shape[1])[at[1]]
        var: Floats = np.einsum("i,nij,j->n", apart, sigma, apart)
        return var

    def pooling(self, sigma: Floats) -> Floats:
        """The share of each effect's own centre in it, shape (nodes, effects)."""
        parts = [np.diagonal(self.gain(j, sigma).kept, axis1=1, axis2=2)
                 for j in range(len(self.y))]  # fmt: skip
        return np.concatenate(parts, axis=1)

    def centres(self, beta: Floats, x: Floats) -> Floats:
        """The effects' means, shape (n, groups, q), at beta (n, p q)."""
        own = beta.reshape(len(beta), self.y.shape[1], -1)
        centres: Floats = np.einsum("nkp,jp->njk", own, x)
        return centres

    def draws(self, beta: Floats, x: Floats, sigma: Floats, rng: Generator) -> Floats:
        """Draws of the effects given beta (n, p q) and Sigma (n, q, q), shape (n, effects)."""
        n, q = len(beta), self.y.shape[1]
        z = normals(rng, (n,), self.y.size).reshape(n, len(self.y), q)
        centre = self.centres(beta, x)
        theta = np.empty_like(centre)
        for j in range(len(self.y)):
            gain = self.gain(j, sigma)
            mean = np.einsum("nkl,nl->nk", gain.kept, centre[:, j]) + gain.gain @ self.y[j, gain.at]
            theta[:, j] = mean + np.einsum("nkl,nl->nk", _root(gain.noise(sigma, self.cov[j])),
                                           z[:, j])  # fmt: skip
        drawn: Floats = theta.reshape(n, -1)
        return drawn

    def _by_group(self, values: Floats, apply: Callable[[Floats, Any], Floats], rest: float
                  ) -> Floats:  # fmt: skip
        """A function of a group's values and the factor of its covariance, for all groups."""
        table = values.reshape(*values.shape[:-1], *self.y.shape)
        out = np.full(table.shape, rest)
        for groups, at in _patterns(self.seen):
            root = np.linalg.cholesky(self.cov[groups[:, None, None], at[:, None], at])
            out[..., groups[:, None], at] = apply(table[..., groups[:, None], at], np.asarray(root))
        return out.reshape(values.shape)

    def whitened(self, column: Floats) -> Floats:
        """Values of the estimates as independent ones of variance 1; 0 where there is none."""
        return self._by_group(column, _solved, 0.0)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each estimate given those before it, without the factors 2 pi."""

        def density(away: Floats, root: Floats) -> Floats:
            found: Floats = -0.5 * _solved(away, root) ** 2 - np.log(_diagonal(root))
            return found

        return self._by_group(self.y.ravel() - theta, density, 0.0)

    def predicted(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new estimates given the effects; NaN where a group lacks an outcome."""
        z = normals(rng, theta.shape[:-1], self.y.size)
        noise = self._by_group(z, _spread, np.nan)
        return theta + noise


def _turned(matrices: Floats) -> Floats:
    return np.swapaxes(matrices, -1, -2)


def _root(matrices: Floats) -> Floats:
    """Square roots of covariances, shape (n, q, q); of a singular one too."""
    values, vectors = np.linalg.eigh(matrices)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0.0))[:, np.newaxis]
    return root


def _patterns(seen: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The groups that have the same outcomes, and which these are; those of none are left out."""
    kinds, kind = np.unique(seen, axis=0, return_inverse=True)
    for k, outcomes in enumerate(kinds):
        if outcomes.any():
            yield np.flatnonzero(kind.ravel() == k), np.flatnonzero(outcomes)


def _solved(values: Floats, root: Floats) -> Floats:
    """The values (..., groups, m) by the inverse of each group's factor (groups, m, m)."""
    solved: Floats = np.asarray(np.linalg.solve(root, values[..., None])[..., 0], dtype=np.float64)
    return solved


def _spread(values: Floats, root: Floats) -> Floats:
    spread: Floats = (root @ values[..., None])[..., 0]
    return spread


def _diagonal(root: Floats) -> Floats:
    return np.diagonal(root, axis1=-2, axis2=-1)


def _check(blocks: Floats, labels: Sequence[str]) -> None:
    """Raise for the first group whose covariance is none, blocks (groups, m, m)."""

    def refuse(good: Any, what: str) -> None:
        if not good.all():
            raise ValueError(f"cov of group {labels[int(good.argmin())]} is not {what}")

    refuse(np.isfinite(blocks).all(axis=(1, 2)), "finite")
    apart = np.abs(blocks - _turned(blocks)) <= 1e-10 * np.abs(_turned(blocks))
    refuse(apart.all(axis=(1, 2)), "symmetric")
    scale = np.sqrt(np.maximum(_diagonal(blocks), 0.0))
    inside = ((scale >= 1e-70) & (scale <= 1e70)).all(axis=1)
    refuse(inside, "positive definite, or leaves a double: rescale the data")
    unit = blocks / (scale[:, :, None] * scale[:, None, :])
    refuse(np.linalg.eigvalsh(unit)[:, 0] > LEAST, "positive definite")
