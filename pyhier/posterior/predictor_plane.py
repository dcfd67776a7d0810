"""Effects of groups that share a row of the design, as those of a model without covariates.

Of all coordinates an effect's law depends on the group's predictor and on how closely effects lie
about it. Their joint posterior density is a table's (quadrature/plane_table.py), and given it the
group is one of a model with two hyperparameters, whose quadrature resolves effects however narrow
their components are (exact_plane.py).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.families import Family
from pyhier.models.interface import Latticed
from pyhier.models.own_likelihood import OwnLikelihood
from pyhier.posterior.exact_plane import PlanePosterior
from pyhier.quadrature.axes import Axis, coordinate_axis
from pyhier.quadrature.nested import Plane, Search, nested_quadrature
from pyhier.quadrature.plane_table import PlaneTable, TablePlane

Table = Callable[[Floats, Floats], Floats]  # log density of a predictor and the last coordinate


class OfTable:
    """What a quadrature asks of a target: the log density of both plain coordinates."""

    log_constant = 0.0

    def __init__(self, table: Table, location: int) -> None:
        self._table, self._location = table, location

    def log_density(self, plain: Floats) -> Floats:
        """At points (n, 2)."""
        return self._table(plain[:, self._location], plain[:, 1 - self._location])


class PredictorModel:
    """Groups with one predictor, as a plane's posterior takes a model.

    Parameters
    ----------
    model : Latticed
    members : ndarray of int
        The groups; none for a new one alone.
    row : ndarray, shape (p,)
    table : callable
    """

    def __init__(
        self, model: Latticed, members: NDArray[np.intp], row: Floats, table: Table
    ) -> None:
        self._model, self._members, self._row = model, members, row
        self.location = model.location
        names = "predictor", model.coordinates[-1]
        self.coordinates = names if self.location == 0 else names[::-1]
        self.labels = tuple(model.labels[j] for j in members)
        self.marginal = OfTable(table, self.location)

    def __repr__(self) -> str:
        return repr(self._model)

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Its coordinates themselves."""
        return {name: phi[..., k] for k, name in enumerate(self.coordinates)}

    def axis(self, name: str) -> Axis | None:
        """None: marginals of coordinates are the lattice's to give."""
        return coordinate_axis(0) if name in self.coordinates[:1] else None

    def theta_given(self, quantity: Any, phi: Floats) -> Family:
        """Distribution of an effect, or of a new one (None), given both coordinates."""
        return self._model.plain_given(None if quantity is None else self._members[quantity], phi)

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' own data says of their effects."""
        return self._model.own_likelihood(
            [None if k is None else int(self._members[k]) for k in quantities]
        )

    def observed(self) -> Mapping[str, Floats]:
        """The groups' data."""
        return {name: column[self._members] for name, column in self._model.observed().items()}

    def estimates(self) -> tuple[Floats, Floats]:
        """Their own estimates."""
        estimate, error = self._model.estimates()
        return estimate[self._members], error[self._members]

    def pooling(self, phi: Floats) -> Floats:
        """What falls with their sizes as shrinkage does, (..., groups)."""
        size = list(self.observed().values())[-1]
        return np.broadcast_to(1.0 / (1.0 + size), (*phi.shape[:-1], size.size))

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of the effect of a new group have expectations."""
        return self._model.effect_index(self._row)


class PredictorPosterior(PlanePosterior):
    """The posterior of the effects of groups with one predictor."""

    @classmethod
    def of(
        cls, model: Latticed, members: NDArray[np.intp], row: Floats, table: Table,
        at: tuple[float, float],
    ) -> "PredictorPosterior":  # fmt: skip
        """By quadrature from a predictor and a last coordinate where there is mass."""
        known: Any = PredictorModel(model, members, row, table)
        if isinstance(table, PlaneTable):
            return cls(known, table.plane())
        found = nested_quadrature(lambda outer, inner: table(inner, outer), Search(at[1], at[0]))
        return cls(known, found)

    def _finer(self, plane: Plane) -> Plane:
        return plane.finer() if isinstance(plane, TablePlane) else super()._finer(plane)

    def effect_rows(self, quantities: Sequence[int | None], q: Floats) -> Floats:
        """Mean, sd and quantiles of effects, shape (quantities, 2 + q)."""
        return self._all_effect_rows(quantities, q)

    @property
    def alike(self) -> NDArray[np.intp]:
        """A number for each group; those with the same data have the same."""
        return self._alike
