"""Covariates of groups: the design of a linear predictor x' beta, and the prior of beta."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._arrow import as_pandas
from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier._validation import as_array, flag, float_array, number

INTERCEPT = "Intercept"
RANK = (
    1e-11  # of a column of length one, what is left of it beside the others where it adds nothing
)
FAR = 1e7  # sds of a covariate, between its mean and 0
LOG_2PI = float(np.log(2.0 * np.pi))

BetaPrior = Mapping[str, Any] | tuple[ArrayLike, ArrayLike] | None


@dataclass(frozen=True, eq=False)
class NormalPrior:
    """A normal prior of some or all coefficients: root @ (beta - mean) is standard normal.

    Attributes
    ----------
    mean : ndarray, shape (p,)
        0 where the prior is flat.
    root : ndarray, shape (k, p)
        A square root of the precision; k of the coefficients have a proper prior.
    sd : ndarray, shape (p,)
        Marginal sds; ``inf`` where the prior is flat.
    """

    mean: Floats
    root: Floats
    sd: Floats

    @property
    def proper(self) -> bool:
        """Whether no coefficient is flat."""
        return len(self.root) == self.mean.size

    def bounds(self, vector: Floats) -> bool:
        """Whether the prior keeps a combination of the coefficients, (p,), from any size."""
        return not np.any(vector[np.isinf(self.sd)])

    @cached_property
    def log_determinant(self) -> float:
        """Log of the determinant of the root, over the coefficients that are not flat."""
        if not len(self.root):
            return 0.0
        kept = self.root[:, np.isfinite(self.sd)]
        return float(np.linalg.slogdet(kept)[1])

    def log_density(self, beta: Floats) -> Floats:
        """Log prior density of beta, shape (..., p), flat ones counted as 1."""
        z = (beta - self.mean) @ self.root.T
        density: Floats = (
            self.log_determinant - 0.5 * len(self.root) * LOG_2PI - 0.5 * (z * z).sum(axis=-1)
        )
        return density

    def log_density_of(self, k: int, value: float) -> float:
        """Log prior density of one coefficient; -inf where its prior is flat."""
        if np.isinf(self.sd[k]):
            return -np.inf
        z = (value - self.mean[k]) / self.sd[k]
        return float(-0.5 * (z * z + LOG_2PI) - np.log(self.sd[k]))

    def draws(self, z: Floats) -> Floats:
        """Draws of beta, shape (n, p), from standard normals of that shape."""
        drawn: Floats = self.mean + np.linalg.solve(self.root, z[..., None])[..., 0]
        return drawn


def of_mean(mu: tuple[float, float] | None) -> NormalPrior:
    """The prior of the one mean of a model without covariates: its mean and sd, or flat."""
    if mu is None:
        return NormalPrior(np.zeros(1), np.empty((0, 1)), np.full(1, np.inf))
    return NormalPrior(np.array([mu[0]]), np.array([[1.0 / mu[1]]]), np.array([mu[1]]))


@dataclass(frozen=True, eq=False)
class Covariates(Frozen):
    """The design of a linear predictor.

    Attributes
    ----------
    names : tuple of str
        Of the columns.
    x : ndarray, shape (groups, p)
    prior : NormalPrior
    design : object or None
        What codes new data, where a formula made the columns (`formula.Design`).
    """

    names: tuple[str, ...]
    x: Floats
    prior: NormalPrior
    design: Any = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """The number of coefficients, p."""
        return len(self.names)

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the coefficients as quantities: ``beta[NAME]``."""
        return tuple(f"beta[{name}]" for name in self.names)

    @property
    def far(self) -> tuple[str, ...]:
        """Those so far from 0 beside their spread that sums with an intercept lose most digits."""
        spread = self.x.std(axis=0)
        away = (spread > 0.0) & (np.abs(self.x.mean(axis=0)) > FAR * spread)
        return tuple(name for name, is_far in zip(self.names, away, strict=True) if is_far)

    def combination(self, weights: Mapping[str, float], what: str = "weights") -> Floats:
        """A linear combination of coefficients by their names as a vector, shape (p,)."""
        if not isinstance(weights, Mapping) or not weights:
            raise TypeError(f"{what} is {weights!r}: give a mapping of coefficients to numbers")
        vector = np.zeros(self.size)
        for name, value in weights.items():
            vector[self._place(str(name), what)] = number(f"{what}[{name!r}]", value)
        return vector

    def _place(self, name: str, what: str) -> int:
        bare = name[5:-1] if name.startswith("beta[") and name.endswith("]") else name
        if bare not in self.names:
            raise ValueError(f"{what} names {name!r}: the coefficients are {', '.join(self.names)}")
        return self.names.index(bare)

    def row_or_mean(self, row: Floats | None) -> Floats:
        """The row itself, or without one the mean of the groups', shape (p,)."""
        found: Floats = self.x.mean(axis=0) if row is None else row
        return found

    def rows(self, new: Any) -> Floats:
        """Rows of the design of new groups, shape (n, p); of one group for a mapping of numbers.

        A frame or mapping of the columns that the design was made from; or, where no formula made
        it, or the columns of the design themselves are meant, an array (without the intercept).
        """
        if self.design is not None and not isinstance(new, np.ndarray):
            return np.atleast_2d(self.design.rows(new))
        if hasattr(new, "items"):
            return self._by_name(dict(new.items()))
        return self._by_place(new)

    def _by_name(self, columns: Mapping[str, Any]) -> Floats:
        given = {str(name): np.atleast_1d(as_array("x", value)) for name, value in columns.items()}
        wanted = [name for name in self.names if name != INTERCEPT]
        missing = [name for name in wanted if name not in given]
        if missing:
            raise ValueError(f"x lacks {', '.join(missing)}: give {', '.join(wanted)}")
        surplus = [name for name in given if name not in self.names]
        if surplus:
            raise ValueError(f"x has {', '.join(surplus)}, which is no covariate of the model")
        size = max((given[name].size for name in wanted), default=1)
        given.setdefault(INTERCEPT, np.ones(1))
        columns_of = [
            np.broadcast_to(float_array(f"x[{n!r}]", given[n], 1), size) for n in self.names
        ]
        return _finite("x", np.column_stack(columns_of), self.names)

    def _by_place(self, new: Any) -> Floats:
        wanted = [name for name in self.names if name != INTERCEPT]
        array = float_array("x", new, None)
        if array.ndim == 0:
            array = array.reshape(1, 1)
        elif array.ndim == 1:
            array = array.reshape(1, -1) if len(wanted) > 1 else array.reshape(-1, 1)
        if array.ndim != 2 or array.shape[1] != len(wanted):
            raise ValueError(f"x has shape {np.shape(new)}: give {', '.join(wanted)} of each group")
        if INTERCEPT in self.names:
            array = np.insert(array, self.names.index(INTERCEPT), 1.0, axis=1)
        return _finite("x", array, self.names)


def covariates(
    x: Any,
    prior_beta: BetaPrior,
    intercept: bool,
    groups: int,
    design: Any = None,
    what: str = "X",
) -> Covariates:
    """Check a design and its prior.

    Parameters
    ----------
    x : frame, series or array, shape (groups,) or (groups, columns)
    prior_beta : mapping of coefficients to ``scipy.stats.norm``, or (mean, covariance), or None
        Of all coefficients, in the order of the columns, the intercept first if it was added.
    intercept : bool
        Whether to add one where no column is constant.
    groups : int
    what : str
        The argument's name.
    """
    intercept = flag("intercept", intercept)
    names, columns = _columns(x, groups, what)
    constant = [name for name, c in zip(names, columns.T, strict=True) if np.ptp(c) == 0.0 != c[0]]
    if intercept and not constant:
        names, columns = (INTERCEPT, *names), np.column_stack([np.ones(groups), columns])
    if not names:
        raise ValueError(f"{what} has no columns, and intercept=False: give a covariate")
    columns = np.ascontiguousarray(columns)
    prior = _prior(prior_beta, names)
    _check_rank(columns, names, prior, what)
    columns.flags.writeable = False
    return Covariates(names, columns, prior, design)


def _columns(x: Any, groups: int, what: str) -> tuple[tuple[str, ...], Floats]:
    """Names and columns of what was given for a design."""
    x = as_pandas(x)
    if hasattr(x, "items") and not hasattr(x, "dtype"):  # a frame, or a mapping of columns
        parts = {str(name): as_array(what, column) for name, column in x.items()}
        for column, part in parts.items():
            if part.dtype.kind not in "fiub":
                raise TypeError(
                    f"{what}[{column!r}] holds no numbers: give from_formula a formula, which "
                    f"codes categories (C({column})), or columns of 0 and 1"
                )
        if np.ndim(x) == 2 and len(parts) < np.shape(x)[1]:
            raise ValueError(f"{what} has two columns of one name: give each its own")
        names = tuple(parts)
        columns = np.column_stack([*parts.values()]) if parts else np.empty((groups, 0))
        columns = columns.astype(np.float64)
    else:
        array = float_array(what, x, None)
        columns = array.reshape(-1, 1) if array.ndim == 1 else array
        if columns.ndim != 2:
            raise ValueError(f"{what} has {columns.ndim} dimensions: give a row a group")
        own = getattr(x, "name", None)
        named = own is not None and columns.shape[1] == 1
        names = (str(own),) if named else tuple(f"x{k + 1}" for k in range(columns.shape[1]))
    if len(columns) != groups:
        raise ValueError(
            f"{what} has {len(columns)} rows and y has {groups} groups: give a row a group"
        )
    return names, _finite(what, columns, names)


def _finite(what: str, columns: Floats, names: Sequence[str] = ()) -> Floats:
    bad = np.argwhere(~np.isfinite(columns) | (np.abs(columns) > 1e100))
    if bad.size:
        row, k = (int(place) for place in bad[0])
        name = f" ({names[k]})" if names else ""
        raise ValueError(
            f"{what}[{row}, {k}]{name} is {columns[row, k]}: it must be finite, and at most 1e100"
        )
    return columns


def _prior(prior: BetaPrior, names: tuple[str, ...]) -> NormalPrior:
    p = len(names)
    if prior is None:
        return NormalPrior(np.zeros(p), np.empty((0, p)), np.full(p, np.inf))
    if isinstance(prior, Mapping):
        return _independent(prior, names)
    if isinstance(prior, tuple | list) and len(prior) == 2:
        return _joint(*prior, names)
    raise TypeError(
        f"prior_beta is {prior!r}: give a mapping of coefficients to scipy.stats.norm(mean, sd), "
        "or (mean, covariance) of all of them"
    )


def _independent(prior: Mapping[str, Any], names: tuple[str, ...]) -> NormalPrior:
    mean, sd = np.zeros(len(names)), np.full(len(names), np.inf)
    for name, dist in prior.items():
        if name not in names:
            raise ValueError(f"prior_beta names {name!r}: the coefficients are {', '.join(names)}")
        frozen = hasattr(dist, "dist") and dist.dist.name == "norm"
        if not frozen or np.ndim(dist.mean()) or not 0.0 < dist.std() < np.inf:
            raise TypeError(
                f"prior_beta[{name!r}] is {dist!r}: give scipy.stats.norm(mean, sd), sd positive"
            )
        k = names.index(name)
        mean[k], sd[k] = float(dist.mean()), float(dist.std())
    return NormalPrior(mean, np.diag(1.0 / sd)[np.isfinite(sd)], sd)


def _joint(mean: ArrayLike, covariance: ArrayLike, names: tuple[str, ...]) -> NormalPrior:
    centre, spread = float_array("prior_beta", mean, 1), float_array("prior_beta", covariance, 2)
    p = len(names)
    if centre.shape != (p,) or spread.shape != (p, p):
        raise ValueError(
            f"prior_beta has shapes {centre.shape} and {spread.shape}: the mean and the covariance "
            f"of {', '.join(names)} take ({p},) and ({p}, {p})"
        )
    try:
        if not np.allclose(spread, spread.T, rtol=1e-10, atol=0.0):
            raise np.linalg.LinAlgError
        root = np.linalg.inv(np.linalg.cholesky(spread))
    except np.linalg.LinAlgError:
        raise ValueError(
            "prior_beta: the covariance must be symmetric and positive definite"
        ) from None
    return NormalPrior(centre, root, np.sqrt(np.diag(spread)))


def _check_rank(x: Floats, names: tuple[str, ...], prior: NormalPrior, what: str = "X") -> None:
    """Raise for the first column that the ones before it (and the prior) make up, naming them."""
    found = dependent(np.vstack([x, prior.root]), names)
    if found is None:
        return
    name, others = found
    if not others:
        raise ValueError(f"{what}[{name!r}] is 0 for all groups: leave it out")
    raise ValueError(
        f"{what}[{name!r}] is made up of {', '.join(others)}: their coefficients cannot be told "
        "apart; leave one out, or give it a proper prior in prior_beta"
    )


def dependent(rows: Floats, names: Sequence[str]) -> tuple[str, list[str]] | None:
    """The first column that others make up, and these; none where it is 0. None where none is."""
    length = np.sqrt((rows * rows).sum(axis=0))
    if not length.all():
        return names[int(np.argmin(length))], []
    scaled = rows / length
    left = np.zeros(len(names))  # of every column, beside those before it
    own = np.diag(np.linalg.qr(scaled, mode="r"))
    left[: own.size] = np.abs(own)
    if (left > RANK).all():
        return None
    k = int(np.argmax(left <= RANK))
    share = np.linalg.lstsq(scaled[:, :k], scaled[:, k], rcond=None)[0]
    return names[k], [n for n, s in zip(names[:k], share, strict=True) if abs(s) > 1e-6]


class PlainEffects(metaclass=ABCMeta):
    """Effects whose laws are those of a model without covariates, at what a row makes of phi."""

    covariates: Covariates

    @abstractmethod
    def plain(self, phi: Floats, rows: Floats) -> Floats:
        """That model's phi at rows of the design, (rows, p): shape (..., rows, 2)."""

    @abstractmethod
    def plain_given(self, quantity: Any, plain: Floats) -> Any:
        """Distribution of groups' effects, or of a new one's (None), given that model's phi."""

    def theta_given(self, quantity: Any, phi: Floats) -> Any:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, p + 1).

        The new group's covariates are the means over the groups.
        """
        if quantity is None:
            row = self.covariates.row_or_mean(None)[np.newaxis]
            return self.plain_given(None, self.plain(phi, row)[..., 0, :])
        at = self.plain(phi, self.covariates.x[np.ravel(quantity)])
        at = at[..., 0, :] if np.ndim(quantity) == 0 else np.swapaxes(at, 0, 1)
        return self.plain_given(quantity, at)
