"""What estimates of tau^2 are made of: sums over groups, of the groups or of `NormalSums`.

The least variance is one, and y are counted from where it is.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.normal_sums import SummedNormal
from pyhier.models.variance_bins import SummedGroups, places
from pyhier.models.weights import weighted_mean

# A function with a singularity at var = -t is right to 1e-10 in a bin that begins at e^x from
# -t = 0.55 e^x down (its Bernstein ellipse has the parameter 4.2).
NEAREST = 0.55


@dataclass(frozen=True)
class Data(ABC):
    """Sums over groups of functions of their variances, and of these times squares of y.

    Attributes
    ----------
    unit : float
        The least variance, which is one here.
    var : ndarray, shape (places,)
        Where functions are to be known: at the groups' own variances, or at nodes.
    most : float
        The largest variance.
    floor : float
        As near as tau^2 may come to -1 where it is below 0.
    """

    unit: float
    var: Floats
    most: float
    floor: float

    @property
    @abstractmethod
    def groups(self) -> int:
        """How many groups there are."""

    @abstractmethod
    def total(self, values: Floats) -> float:
        """The sum over groups of a function."""

    @abstractmethod
    def squares(self, weights: Floats, factors: Floats) -> float:
        """The sum of a function times the squares of y less their mean by the weights."""

    @abstractmethod
    def _largest(self, values: Floats) -> int | None:
        """The place of the group where a positive function is largest; None where none is known."""

    def weights(self, tau2: float) -> Floats:
        """Inverse variances of y about mu."""
        found: Floats = 1.0 / (self.var + tau2)
        return found

    def below(self) -> Self:
        """The same with variances that are less by one."""
        return replace(self, var=self.var - 1.0)

    def others(self, values: Floats) -> Floats:
        """The sum over all other groups of a positive function, at each place.

        That over all but the group where it is largest is not left over of a difference.
        """
        found: Floats = self.total(values) - values
        largest = self._largest(values)
        if largest is not None:
            found[largest] = self.total(_without(values, largest))
        return found

    def spread(self, weights: Floats) -> float:
        """W - sum w^2 / W, none of whose terms w_j (W - w_j) / W cancels."""
        return self.total(weights * (self.others(weights) / self.total(weights)))

    def norm(self, values: Floats) -> float:
        """The root of the sum of squares, which may leave a double."""
        top = float(values.max(initial=0.0))
        return top * float(np.sqrt(self.total((values / top) ** 2))) if top > 0.0 else 0.0

    def norm_of_pairs(self, values: Floats) -> float:
        """The root of the sum of the squares of x_i x_j over all pairs of different groups."""
        largest, rest, first = self._largest(values), values, 0.0
        if largest is not None:  # its pairs by themselves: all others may be nothing beside it
            rest = _without(values, largest)
            first = float(np.sqrt(2.0) * values[largest]) * self.norm(rest)
        top = float(rest.max(initial=0.0))
        if top == 0.0:
            return first
        squares = (rest / top) ** 2
        among = max(self.total(squares * self.others(squares)), 0.0)
        return float(np.hypot(first, top * (top * np.sqrt(among))))


def _without(values: Floats, place: int) -> Floats:
    rest = values.copy()
    rest[place] = 0.0
    return rest


@dataclass(frozen=True)
class OfGroups(Data):
    """Of the groups' own estimates, ``y`` of shape (groups,)."""

    y: Floats

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return self.y.size

    def total(self, values: Floats) -> float:
        """The sum over groups of a function."""
        return float(values.sum())

    def squares(self, weights: Floats, factors: Floats) -> float:
        """The sum of a function times the squares of y less their mean by the weights."""
        mean = (weights * self.y).sum() / weights.sum()
        return float((factors * (self.y - mean) ** 2).sum())

    def _largest(self, values: Floats) -> int | None:
        return int(np.argmax(values))


@dataclass(frozen=True)
class OfSums(Data):
    """Of the sums of `NormalSums`: see `Places`, whose attributes these are."""

    size: int
    centre: Floats
    sums: Floats
    alone: NDArray[np.intp]

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return self.size

    def total(self, values: Floats) -> float:
        """The sum over groups of a function."""
        return float((self.sums[0] * values).sum())

    def squares(self, weights: Floats, factors: Floats) -> float:
        """The sum of a function times the squares of y less their mean by the weights."""
        zero, first, second = self.sums
        mean = ((first + self.centre * zero) * weights).sum() / (zero * weights).sum()
        away = self.centre - mean
        return float(((second + away * (2.0 * first + away * zero)) * factors).sum())

    def _largest(self, values: Floats) -> int | None:
        return int(self.alone[np.argmax(values[self.alone])]) if self.alone.size else None


def scaled(model: NormalNormal) -> Data:
    """The data of a model, of its groups or of sums."""
    if isinstance(model, SummedNormal):
        return _of_sums(model)
    smallest = int(np.argmin(model.var))
    unit = float(model.var[smallest])
    var, y = model.var / unit, (model.y - model.y[smallest]) / model.se[smallest]
    return OfGroups(unit, var, float(var.max()), 0.0, y)


def _of_sums(model: SummedNormal) -> OfSums:
    var, centre, weights, alone = places(model.bins)
    unit, most = model.bins.ends[2:].tolist()
    root = np.sqrt(unit)
    sums = weights / np.array([[1.0], [root], [unit]])
    together = np.flatnonzero(~alone)  # the first is the first node of its bin, its largest var
    start = np.exp(np.floor(np.log(var[together[0]]))) if together.size else np.inf
    return OfSums(
        unit, var / unit, most / unit, max(0.0, 1.0 - NEAREST * float(start) / unit), model.size,
        (centre - centre[0]) / root, sums, np.flatnonzero(alone),
    )  # fmt: skip


def mean_and_precision(model: NormalNormal, tau2: float) -> tuple[float, float]:
    """The mean of y by their inverse variances about mu, and the sum of these."""
    if not isinstance(model, SummedNormal):
        return weighted_mean(model.y, 1.0 / (model.var + tau2))
    row = SummedGroups(model.bins).rows(np.array([tau2]))[:, 0]
    return float(row[2] + row[4]), float(row[1])
