"""Where the sds of a regression from rows may be, and how their density falls off far out."""

from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.models.covariates import Covariates
from pyhier.models.integrated import LADDER
from pyhier.models.nesting import Nesting
from pyhier.models.reductions import Linear
from pyhier.models.row_data import Rows
from pyhier.models.row_priors import RowPriors, subsets
from pyhier.models.row_sums import RowSums

RHOS = (0.0, 0.5, -0.5)  # atanh of correlations, where the search for a mode begins
FAR = (1e5, 1e7)  # sds over their data's scales, between which a likelihood's power is read off
TOLD = 1e-11  # what other columns leave of one, by its size, for rows to tell its coefficient
SATURATED = 1e-13  # of the response, what is left within groups where there is nothing


class RowScales:
    """Scales of a model of rows, by its sums alone."""

    rows: Rows
    nesting: Nesting
    covariates: Covariates
    prior: RowPriors
    sigma: float | None
    varying: Any
    psi: Any
    log_psi: Any
    with_prior: Any
    collapse_psi: Any
    phi_at_psi: Any

    @property
    def _sums(self) -> RowSums:
        sums: RowSums = self.varying.sums
        return sums

    @property
    def ladder_ends(self) -> tuple[float, float]:
        """The log sds between which the response has structure."""
        left, spread = self._within_sd / self._unit, float(np.ptp(self.rows.y))
        scale = spread if spread > 0.0 else max(float(np.abs(self.rows.y).max()), 1.0)
        low = max(left, 1e-8 * scale) / np.sqrt(self.rows.y.size)
        return float(np.log(low)), float(np.log(scale))

    @cached_property
    def _unit(self) -> float:
        """Sigma by the sd of a row, typically: the root of the weights."""
        weights = self.rows.weights
        return 1.0 if weights is None else float(np.exp(0.5 * np.log(weights).mean()))

    @cached_property
    def _within_sd(self) -> float:
        """Root mean square of what is left of the response within groups."""
        squares = float(self._sums.within[0, -2])
        return float(np.sqrt(squares / max(self._within_df, 1)))

    @property
    def _saturated(self) -> bool:
        """Whether nothing is left of the response within groups."""
        return bool(self._within_sd <= SATURATED * np.exp(self.ladder_ends[1]) * self._unit)

    @cached_property
    def _within_df(self) -> int:
        """Degrees of freedom within groups, beside the covariates there."""
        sums, p = self._sums, self._sums.size
        triangle = _unpacked(sums.within[0], p)[:, :p]
        inside = int((np.linalg.svd(triangle, compute_uv=False) > 1e-9 * np.sqrt(sums.rows)).sum())
        q = sums.varying
        diagonal = np.abs(sums.r[:, [k * q - k * (k - 1) // 2 for k in range(q)]])
        ranks = int((diagonal > 1e-11 * np.abs(sums.r).max()).sum())
        return sums.rows - ranks - inside

    @cached_property
    def _scales(self) -> Floats:
        """Sds of every coefficient, over sigma, that its groups' rows can tell from 0."""
        sums, q = self._sums, len(self.varying.names)
        if self.nesting.depth > 1:
            return np.full(q, 1.0 / np.sqrt((sums.r**2).mean()))
        r = np.zeros((len(sums.r), q, q))
        r[:, *np.triu_indices(q)] = sums.r
        own, whole = np.diagonal(r, axis1=1, axis2=2) ** 2, (r**2).sum(axis=1)
        told = own > TOLD**2 * whole
        size = np.where(told.any(axis=0), np.where(told, own, 0.0).mean(axis=0), whole.mean(axis=0))
        return np.array(1.0 / np.sqrt(np.where(size > 0.0, size, 1.0)))

    def psi_start(self) -> Floats:
        """The best of a ladder of the taus, beside a sigma of what is left within groups."""
        scale = np.exp(self.ladder_ends[1]) * self._unit
        sigma = max(self._within_sd, 1e-6 * scale) if self.sigma is None else self.sigma
        top = float(np.log(max(scale / sigma, 1.0))) + 1.0
        rungs = np.linspace(-3.0, max(top, 1.0), LADDER)
        ratios = np.array([*product(rungs, repeat=len(self._scales))])
        taus = ratios + np.log(sigma * self._scales)
        own = [np.full((len(taus), 1), np.log(sigma))] if self.sigma is None else []
        pairs = len(self.psi) - taus.shape[1] - (self.sigma is None)
        tried = RHOS if pairs else RHOS[:1]
        points = np.vstack([np.hstack([*own, taus, np.full((len(taus), pairs), z)]) for z in tried])
        low, high = np.array([one.range for one in self.psi]).T
        off = 1e-3 * np.minimum(1.0, high - low)  # an end is not inside
        points = np.clip(points, low + off, high - off)
        best: Floats = points[int(np.argmax(self.log_psi(points)))]
        return best

    @property
    def mend(self) -> str:
        """What to change where the quadrature is not resolved: covariates far from 0 first.

        Then a group's intercept is one where there are no data, and all but one with its slope.
        """
        z = self.rows.z
        far = np.abs(z.mean(axis=0)) > 2.0 * z.std(axis=0)
        names = [n for n, one in zip(self.rows.z_names, far & (z.std(axis=0) > 0.0), strict=True)
                 if one]  # fmt: skip
        if names and z.shape[1] > 1:
            return f"centre {', '.join(names)}, whose values lie far from 0"
        return "a smoother prior"

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every coordinate falls off, shape (d, 2)."""
        found = self.prior.tails(*self.ladder_ends, self._falls)
        if self.sigma is None and not self._saturated:
            found[0, 0] = np.inf if self._within_df > 0 else found[0, 0]
        elif self.sigma is None:
            found[0, 0] -= self._within_df
        return found

    @cached_property
    def _falls(self) -> dict[tuple[int, ...], int]:
        """By which power the likelihood falls where some sds are large together."""
        flat = np.isinf(self.covariates.prior.sd)
        own = 0 if self.sigma is not None else 1
        size = len(self._scales)
        found = {}
        for chosen in subsets(own + size):
            if own and 0 in chosen:
                found[chosen] = self.rows.y.size - int(flat.sum())
                continue
            at = np.isin(np.arange(size), np.array(chosen) - own)
            ratios = np.array([np.where(at, far, 1.0) for far in FAR]) * self._scales
            value = self._log_relative(ratios, flat)
            found[chosen] = round(float((value[0] - value[1]) / np.log(FAR[1] / FAR[0])))
        return found

    def _log_relative(self, ratios: Floats, flat: Any) -> Floats:
        """-1/2 log|V| - 1/2 log|X' V^-1 X| of the flat columns, at sds over sigma."""
        sums, p, q = self._sums, self.covariates.size, ratios.shape[1]
        if self.nesting.depth > 1:
            factor = np.log(ratios)
        else:
            factor = np.zeros((len(ratios), q * (q + 1) // 2))
            factor[:, [k * (k + 3) // 2 for k in range(q)]] = ratios
        found = []
        for row in sums.tables(factor):
            triangle = _unpacked(row, p)[:, :p] @ np.linalg.inv(sums.basis)
            part = triangle[:, flat]
            sizes = np.linalg.svd(part / np.sqrt((part**2).sum(axis=0)), compute_uv=False)
            logs = np.log(np.maximum(sizes, 1e-300)).sum() if flat.any() else 0.0
            logs += 0.5 * np.log((part**2).sum(axis=0)).sum()
            found.append(-0.5 * row[-1] - logs)
        return np.array(found)

    def _held(self, vector: Floats) -> bool:
        """Whether rows within groups tell a combination of the coefficients, whatever the taus."""
        sums, p = self._sums, self.covariates.size
        triangle = _unpacked(sums.within[0], p)[:, :p] / np.sqrt(sums.rows)
        _, sizes, rows = np.linalg.svd(triangle)
        open_ = rows[sizes < 1e-9 * max(float(sizes.max()), 1e-300)]
        part = vector @ sums.basis  # of it by the whitened coefficients
        return bool(np.abs(open_ @ part).max(initial=0.0) <= 1e-9 * np.abs(part).max())

    def combination(self, vector: Floats) -> Linear:
        """A linear combination of the coefficients."""
        grows = not self.covariates.prior.bounds(vector)
        if grows and self.psi_tails()[0, 1] > 2.05:  # sigma's, which all sds grow with
            grows = not self._held(vector)
        return Linear(0.0, 1.0, 0.0, grows, vector[:, np.newaxis])

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper."""
        pairs = zip(self.psi, self.psi_tails(), self.prior.scales, strict=False)
        for one, (left, right), prior in pairs:
            if left > 1e-6 and right > 1e-6:
                continue
            where = f"{one.natural} = 0" if left <= 1e-6 else f"large {one.natural}"
            name = "prior_sigma" if one.natural == "sigma" else "prior_tau"
            scale = float(f"{np.exp(self.ladder_ends[1]):.1g}")
            cause = f"with {self.nesting.sizes[-1]} groups and {self.rows.y.size} rows"
            mend = f"give a proper one, such as {name}=scipy.stats.halfcauchy(scale={scale:g})"
            if left <= 1e-6 and one.natural == "sigma" and self._saturated:
                cause = "nothing is left of the response within groups"
                mend = "give sigma=, or rows that differ within groups"
            elif left <= 1e-6:
                cause = "the prior's own mass there is infinite"
            return (
                f"the posterior of {one.natural} is improper under the {prior.name} prior "
                f"(infinite mass at {where}: {cause}): {mend}"
            )
        return ""

    def ridge(self) -> Floats:
        """A ladder of log tau, 0 among them, with the best beta at each, shape (n, p + d)."""
        start, own = self.psi_start(), int(self.sigma is None)
        flat = self if not len(self.covariates.prior.root) else self.with_prior(prior_beta=None)
        q = len(self._scales)
        rungs = np.concatenate([[-25.0], np.linspace(-2.0, 2.0, 5)])
        psi = np.tile(start, (len(rungs) ** q, 1))
        psi[:, own : own + q] += np.array([*product(rungs, repeat=q)])
        found: Floats = self.phi_at_psi(psi, flat.collapse_psi(psi).mean.T)
        taus = found[:, self.covariates.size + own : self.covariates.size + own + q]
        taus[psi[:, own : own + q] == start[own : own + q] + rungs[0]] = -np.inf
        return found


def _unpacked(row: Floats, p: int) -> Floats:
    """The triangle [R z] of one node's sums, shape (p, p + 1)."""
    found = np.zeros((p, p + 1))
    found[np.triu_indices(p, m=p + 1)] = row[:-2]
    return found
