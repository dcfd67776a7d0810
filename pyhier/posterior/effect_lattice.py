"""The posterior of a model with covariates whose effects are not normal, by a lattice.

Nothing integrates out but the effects: the lattice is over the coefficients, in a basis in which
their posterior is about round, and the coordinate that says how closely effects lie about their
predictors. A coefficient, or a combination of them, is the first axis of a lattice turned to it; an
effect is one of a model with two hyperparameters (predictor_plane.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frame import percents
from pyhier._random import RNG
from pyhier._types import Floats
from pyhier._validation import probabilities
from pyhier.distributions.along import AxisMarginal
from pyhier.distributions.base import Marginal
from pyhier.distributions.density import LineMarginal
from pyhier.models.interface import Latticed
from pyhier.posterior.lattice_base import OnLattice
from pyhier.posterior.new_counts import NewCounts
from pyhier.posterior.predictor_plane import PredictorPosterior
from pyhier.posterior.summaries import PROBS, mean_pooling
from pyhier.quadrature.fitting import Coordinate, refit
from pyhier.quadrature.growth import UnresolvedError
from pyhier.quadrature.lattice import DEPTH, Lattice, lattice
from pyhier.quadrature.plane_table import PlaneTable, plane_table
from pyhier.quadrature.stretch import Stretch
from pyhier.quadrature.turned import Fixed, Turned

PROMISE = {2: 1e-8, 3: 1e-8, 4: 1e-7}  # of a table's mass
TOLERANCE = {2: 1e-11, 3: 1e-11, 4: 1e-8}  # of a lattice's integrals
COMBINED = TOLERANCE | {3: 1e-13}  # of a combination's, whose tails may be long
FINER = 1e-2  # of it where two lattices differ
NEGLIGIBLE = 1e-13  # weight of all nodes that are left out of means
STEPS = (1.0, 0.6)  # of the lattices under a table, by the lattice's own
WIDEST = 0.4  # step of a predictor on a log or logit line: what is made of it bends within pi
POINT = 1e-7  # sd of a predictor that is known: of a row of zeros


@dataclass(frozen=True)
class OfPoint:
    """The density of a predictor that is 0 whatever the coefficients are, and the last coordinate.

    Attributes
    ----------
    last : AxisMarginal
        Of the last coordinate.
    log_total : float
    """

    last: AxisMarginal
    log_total: float

    def __call__(self, first: Floats, last: Floats) -> Floats:
        """Log density at places, each (n,): a normal one that is far narrower than effects."""
        point = -0.5 * (first / POINT) ** 2 - np.log(POINT * np.sqrt(2.0 * np.pi))
        density: Floats = self.last.logpdf(last) + point + self.log_total
        return density


class EffectLatticePosterior(NewCounts, OnLattice):
    """The posterior of counts or heavy-tailed effects with covariates, by quadrature of all.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names`` or of a coordinate.

    Attributes
    ----------
    model : Latticed
    lattice : Lattice
        Over the turned coefficients and the last coordinate.
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.
    """

    def __init__(self, model: Latticed, turned: Turned, found: Lattice) -> None:
        super().__init__(model)
        self._latticed, self._turned, self.lattice = model, turned, found
        self.log_z: float = found.log_total
        self._marginals: dict[Any, Marginal] = {}
        self._planes: dict[bytes, PredictorPosterior] = {}
        self._steps: Floats | None = None  # of the last table, with which the next begins

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: coefficients, the precision, effects, a new group's."""
        last = self.lattice.coordinates[-1].natural
        return (*self._latticed.coefficients, last, *self._group_of, "theta_new")

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats]:
        """The coordinates at the nodes that matter, (nodes, d), and their weights."""
        weight = self.lattice.weight
        order = np.argsort(weight)
        kept = np.sort(order[int(np.searchsorted(np.cumsum(weight[order]), NEGLIGIBLE)) :])
        return self._turned.psi(self.lattice.psi[kept]), weight[kept] / weight[kept].sum()

    @property
    def phi(self) -> Floats:
        """The coordinates at the nodes that matter, shape (nodes, d)."""
        return self._nodes[0]

    @property
    def weight(self) -> Floats:
        """Their weights, shape (nodes,); they add up to one."""
        return self._nodes[1]

    # --- Marginals --------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Marginal:
        if name not in self._marginals:
            self._marginals[name] = self._marginal(name)
        return self._marginals[name]

    def _marginal(self, name: str) -> Marginal:
        if name in self._latticed.coefficients:
            return self.linear({name: 1.0})
        if name in self._group_of:
            j = self._group_of[name]
            return self._plane(self._latticed.covariates.x[j])[name]
        if name == "theta_new":
            return self.theta_new()
        last = self.lattice.coordinates[-1]
        found = self._along(name) if name in (last.name, last.natural) else None
        if found is None:
            raise self._unknown(name)
        return found

    def linear(self, weights: Mapping[str, float]) -> AxisMarginal:
        """Distribution of a linear combination of the coefficients, by their names.

        Parameters
        ----------
        weights : mapping of str to float
            ``{"Intercept": 1, "latitude": 40}``.

        Returns
        -------
        AxisMarginal
            Of the logit of a mean, or of its log.
        """
        vector = self._latticed.covariates.combination(weights)
        if not vector.any():
            raise ValueError("weights are all 0: give a combination of the coefficients")
        turned = self._turned.along(vector)
        model: Any = self._latticed
        index = model.predictor_index(vector)
        return AxisMarginal(self._lattice_of(turned, weights), 0, index=index)

    def _lattice_of(self, turned: Turned, weights: Mapping[str, float]) -> Lattice:
        """The lattice in other coordinates, of the same density."""
        what, why = ", ".join(map(str, weights)), ""
        d = len(self.lattice.coordinates)
        for share in (1.0, FINER):
            try:
                found = self._turned_lattice(turned, share * COMBINED[d])
            except UnresolvedError as error:
                raise self._unresolved(what, why or str(error)) from None
            off = abs(found.log_total - self.lattice.log_total)
            if off <= PROMISE[d]:
                return found
            why = f"two quadratures differ by {off:.1e}"
        raise self._unresolved(what, why)

    def _turned_lattice(self, turned: Turned, tolerance: float) -> Lattice:
        plain, last = self.lattice.coordinates[1:-1], self.lattice.coordinates[-1]
        axes = (Coordinate("combination", "combination", "identity"), *plain, last)
        top = self._turned.psi(self.lattice.psi[[int(np.argmax(self.lattice.values))]])
        start, first = turned.points(top)[0], turned.points(self.phi)[:, 0]
        mean = self.weight @ first
        units = [float(np.sqrt(self.weight @ (first - mean) ** 2)), *(1.0,) * len(axes[1:])]
        return lattice(
            turned, start, axes, tails=self.lattice.tails, tolerance=tolerance, units=units
        )

    @property
    def error(self) -> float:
        """Estimate of the relative error of the integrals, by a lattice in other coordinates too.

        Where few groups have events a precision near 0 leaves room to means of any size, in a cone
        with edges, of which nodes of half as many places alone say too little.
        """
        return max(self.lattice.error, self._apart)

    @cached_property
    def _apart(self) -> float:
        d = len(self.lattice.coordinates)
        if d == 2:
            return 0.0
        row = self._latticed.covariates.row_or_mean(None)
        turned = self._turned.along(row if row.any() else np.eye(d - 1)[0])
        try:
            found = self._turned_lattice(turned, TOLERANCE[d])
        except UnresolvedError:
            return np.inf
        return abs(found.log_total - self.lattice.log_total)

    def _unresolved(self, what: str, why: str) -> ValueError:
        return ValueError(
            f"exact cannot resolve {what}: {why}; take draws, post.to_draws(100_000), or "
            "rwmetrop(model)"
        )

    # --- Effects ----------------------------------------------------------------------------------

    def theta_new(self, x: Any = None) -> LineMarginal:
        """Distribution of the effect of a new group.

        Parameters
        ----------
        x : mapping, frame of a row, or array_like, optional
            Its covariates: ``{"latitude": 40}``; without them the means of the groups'.

        Returns
        -------
        LineMarginal
        """
        return self._plane(self._row(x))["theta_new"]

    def _nodes_of_new(self, x: Any) -> tuple[Floats, Floats]:
        plane = self._plane(self._row(x))  # far fewer than the lattice's
        return plane.phi, plane.weight

    def _plane(self, row: Floats) -> PredictorPosterior:
        """The posterior of the effects with a row of the design."""
        key = row.tobytes()
        if key not in self._planes:
            self._planes[key] = self._new_plane(row)
        return self._planes[key]

    def _new_plane(self, row: Floats) -> PredictorPosterior:
        members = np.flatnonzero((self._latticed.covariates.x == row).all(axis=1))
        v = float(self.phi[int(np.argmax(self.weight)), -1])
        make = partial(PredictorPosterior.of, self._latticed, members, row)
        if not row.any():
            point = OfPoint(AxisMarginal(self.lattice, len(row), "identity"), self.log_z)
            return make(point, (0.0, v))
        why = ""
        for share in STEPS:
            try:
                table, u = self._table(row, share)
            except UnresolvedError as error:
                raise self._unresolved("effects", str(error)) from None
            found = make(table, (u, v))
            assert found.log_z is not None
            off = abs(found.log_z - self.lattice.log_total)
            if off <= PROMISE[len(self.lattice.coordinates)]:
                return found
            why = f"two quadratures differ by {off:.1e}"
        raise self._unresolved("effects", why)

    def _table(self, row: Floats, share: float) -> tuple[PlaneTable, float]:
        """The density of a predictor and the last coordinate, and a predictor with mass."""
        turned, axes = self._turned.along(row), self.lattice.stretches
        high = self.lattice.values > self.lattice.values.max() - DEPTH[len(axes)]
        points = turned.points(self._turned.psi(self.lattice.psi[high]))
        weight = self.lattice.weight[high]
        left, right = max(one.left for one in axes[:-1]), min(one.right for one in axes[:-1])
        stretches = [
            replace(
                refit(Stretch(0.0, 0.0), "identity", column, weight, 1.0), left=left, right=right
            )
            for column in points[:, :-1].T
        ]
        ends = [stretches[0].z(points[:, 0]), axes[-1].z(points[:, -1])]
        reach = np.array([[z.min(), z.max()] for z in ends])
        step = share * float(self.lattice.step[:-1].min())
        widest = getattr(self._latticed, "widest_step", WIDEST)
        table = plane_table(turned, (*stretches, axes[-1]), reach, step, self._steps, widest)
        self._steps = table.step
        return table, float(points[int(np.argmax(weight)), 0])

    @cached_property
    def _alike(self) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Different rows of the design, and which of them each group has."""
        rows, which = np.unique(self._latticed.covariates.x, axis=0, return_inverse=True)
        return rows, which.ravel()

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        q = probabilities("probs", probs).ravel()
        last = self.lattice.coordinates[-1].natural
        marginals = [self[name] for name in (*self._latticed.coefficients, last)]
        rows = np.array([[one.mean(), one.std(), *one.ppf(q)] for one in marginals])
        design = self._latticed.covariates
        new = self._plane(design.row_or_mean(None)).effect_rows([None], q)
        mean, sd, *quantiles = np.concatenate([rows, self._effect_rows(q), new]).T
        return {"mean": mean, "sd": sd, **dict(zip(percents(q), quantiles, strict=True))}

    def _effect_rows(self, q: Floats) -> Floats:
        """Mean, sd and quantiles of all groups' effects, shape (groups, 2 + q)."""
        different, which = self._alike
        found = np.empty((which.size, 2 + q.size))
        for k, row in enumerate(different):
            plane = self._plane(np.ascontiguousarray(row))
            firsts, alike = np.unique(plane.alike, return_index=True, return_inverse=True)[1:]
            found[which == k] = plane.effect_rows(firsts.tolist(), q)[alike.ravel()]
        return found

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        given: Any = self._latticed.theta_given
        laws = (given(j, self.phi) for j in range(len(self._group_of)))
        return np.array([(self.weight * law.mean).sum() for law in laws])

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        return mean_pooling(self.model, self.phi, self.weight)

    # --- Hypotheses -------------------------------------------------------------------------------

    def bayes_factor(self, hypothesis: str) -> float:
        """Bayes factor in favour of a point hypothesis, against the model as it is.

        Parameters
        ----------
        hypothesis : str
            That a coefficient is 0: ``"beta[latitude] = 0"``.

        Returns
        -------
        float
            Above 1 in favour of the hypothesis, below 1 against it.

        Raises
        ------
        ValueError
            If a prior is improper.
        """
        model = self._latticed
        name, _, value = (part.strip() for part in str(hypothesis).rpartition("="))
        if name not in model.coefficients or value not in ("0", "0.0"):
            known = " or ".join(f"'{one} = 0'" for one in model.coefficients)
            raise ValueError(f"hypothesis is {hypothesis!r}: it must be {known}")
        _ = self.log_evidence
        turned = self._turned.along(model.covariates.combination({name: 1.0}))
        points = turned.points(self.phi)
        best = points[int(np.argmin(np.abs(points[:, 0])))][1:]
        found = lattice(
            Fixed(turned, 0.0), best, self.lattice.coordinates[1:], tails=self.lattice.tails[1:]
        )
        at_0 = found.log_total - self.lattice.log_total
        return float(np.exp(at_0 - model.log_prior_at(name, 0.0)))

    # --- Draws ------------------------------------------------------------------------------------

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of the model's coordinates, shape (n, d)."""
        return self._turned.psi(self.draw_psi(n, rng))
