"""Raw rows as data: what is checked of them once, and what a model of rows says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._arrow import as_pandas
from pyhier._frozen import Frozen
from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier._validation import aligned, as_array, vector
from pyhier.models.covariates import INTERCEPT, LOG_2PI, BetaPrior, Covariates, covariates
from pyhier.models.nesting import Nesting, nesting_of, text_of

MOST = 3  # varying coefficients
LARGEST = 1e70  # squares of the numbers, and their ratios, stay within a double
SMALLEST = 1e-70


@dataclass(frozen=True, eq=False)
class Rows(Frozen):
    """Checked rows.

    Attributes
    ----------
    response : ndarray, shape (n,)
    y : ndarray, shape (n,)
        The response less the offset.
    covariates : Covariates
        The common design and its prior.
    z : ndarray, shape (n, q)
    z_names : tuple of str
    nesting : Nesting
    code : ndarray of int64, shape (n,)
        The finest group of every row.
    weights : ndarray, shape (n,), or None
    """

    response: Floats
    y: Floats
    covariates: Covariates
    z: Floats
    z_names: tuple[str, ...]
    nesting: Nesting
    code: NDArray[np.int64]
    weights: Floats | None

    @property
    def units(self) -> Floats:
        """The common coefficients of those that vary, by name, shape (q, p).

        The intercept is that of a constant column, whatever its name.
        """
        names, x = self.covariates.names, self.covariates.x
        found = np.array([[float(a == b) for b in names] for a in self.z_names])
        if INTERCEPT in self.z_names and INTERCEPT not in names:
            constant = np.ptp(x, axis=0) == 0.0
            found[self.z_names.index(INTERCEPT), constant] = x[0, constant]
        return found


@dataclass(frozen=True, eq=False)
class NewRows(Frozen):
    """Rows that are looked at, the model's own or new ones.

    Attributes
    ----------
    x : ndarray, shape (n, p)
    z : ndarray, shape (n, q)
    groups : tuple of str or None
        An old group, as `predictor` takes it; None for a new one.
    offset, weights : ndarray, shape (n,)
    names : sequence
        Of the rows.
    """

    x: Floats
    z: Floats
    groups: tuple[str | None, ...]
    offset: Floats
    weights: Floats
    names: Sequence[Any]


def row_frame(
    y: Any, x: Any, z: Any, groups: Any, weights: Any, offset: Any, intercept: bool,
    varying_intercept: bool, prior_beta: BetaPrior,
) -> Rows:  # fmt: skip
    """Check rows as `HierarchicalRegression` takes them."""
    response = _column("y", y)
    columns = {"X": x, "Z": None if _are_names(z) else z, "weights": weights, "offset": offset}
    if isinstance(groups, Mapping):
        columns |= {f"groups[{name!r}]": one for name, one in groups.items()}
    else:
        columns["groups"] = groups
    aligned(y=y, **{name: value for name, value in columns.items() if value is not None})
    weight = None if weights is None else _column("weights", weights, response.size)
    if weight is not None and not (weight >= SMALLEST).all():
        row = int(np.argmin(weight >= SMALLEST))
        raise ValueError(f"weights[{row}] is {weight[row]}: weights are positive")
    added = None if offset is None else _column("offset", offset, response.size)
    nesting, code = _nested(groups, response)
    given = {INTERCEPT: np.ones(response.size)} if x is None else x
    common = covariates(given, prior_beta, intercept, response.size)
    z_names, varying = _varying(z, x, varying_intercept, response.size)
    return Rows(
        response, response if added is None else response - added, common, varying, z_names,
        nesting, code.astype(np.int64), weight,
    )  # fmt: skip


def _nested(groups: Any, response: Floats) -> tuple[Nesting, NDArray[np.intp]]:
    """Who is in which group; errors in the words of ``groups``."""
    single = not isinstance(groups, Mapping)
    try:
        return nesting_of({"group": groups} if single else groups, y=response)
    except (ValueError, TypeError) as error:
        told = str(error).replace("levels['group']", "groups") if single else str(error)
        raise type(error)(told.replace("levels", "groups")) from None


def _column(name: str, value: Any, size: int | None = None) -> Floats:
    """A column of finite numbers, a row each."""
    found = vector(name, value)
    bad = ~(np.abs(found) <= LARGEST)
    if bad.any():
        rows = np.flatnonzero(bad)
        more = f", and so are {rows.size - 1} more" if rows.size > 1 else ""
        raise ValueError(
            f"{name}[{rows[0]}] is {found[rows[0]]}{more}: every row needs a number, finite and "
            "within 1e70; drop the rows, or rescale the data"
        )
    if size is not None and found.size != size:
        raise ValueError(f"{name} has {found.size} rows and y has {size}: give one each")
    return found


def _are_names(z: Any) -> bool:
    return isinstance(z, list | tuple) and bool(z) and all(isinstance(one, str) for one in z)


def _varying(z: Any, x: Any, intercept: bool, rows: int) -> tuple[tuple[str, ...], Floats]:
    """Names and columns of the covariates whose coefficients vary."""
    if isinstance(z, str):
        z = [z]
    if _are_names(z):
        missing = [name for name in z if name not in getattr(x, "keys", tuple)()]
        if missing:
            raise ValueError(f"Z names {', '.join(missing)}: X is to be a frame with that column")
        z = {name: np.asarray(x[name]) for name in z}
    if z is None:
        return (INTERCEPT,), np.ones((rows, 1))
    made = covariates(z, None, intercept, rows, what="Z")
    if len(made.names) > MOST:
        raise ValueError(
            f"Z has {len(made.names)} columns, {', '.join(made.names)}: at most {MOST} "
            "coefficients vary, the intercept among them"
        )
    return made.names, made.x


class RowData:
    """Raw rows whose residual sd is a hyperparameter: what they say given phi and the effects."""

    rows: Rows
    design: Any  # what codes new rows, where a formula made the columns
    varying: Any
    covariates: Covariates

    @property
    def response_name(self) -> str:
        """What the rows' response is called."""
        return "y" if self.design is None else str(self.design.response)

    @property
    def response(self) -> Floats:
        """The rows' response, shape (n,)."""
        return self.rows.response

    def estimates(self) -> tuple[Floats, Floats]:
        """Each group's own least squares: of the coefficients that vary, the others as pooled.

        NaN where a group's rows do not tell a coefficient; of their standard errors too where
        there are no degrees of freedom within groups.
        """
        model: Any = self
        return own_estimates(self.varying, model._within_sd if model._within_df else np.nan)

    def observed(self) -> Mapping[str, Floats]:
        """Of every effect: the group's own estimate, its standard error, its number of rows."""
        estimate, se = self.estimates()
        counts = np.bincount(self.rows.code, minlength=len(self.varying.groups))
        each = len(self.varying.labels) // counts.size
        return {"estimate": estimate, "se": se, "rows": np.repeat(counts, each).astype(float)}

    # --- Rows that are looked at --------------------------------------------------------------

    def own_rows(self) -> NewRows:
        """The model's own rows."""
        rows = self.rows
        finest, nested = rows.nesting.levels[-1], rows.nesting.depth > 1
        labels = rows.nesting.labels[-1]
        names = [f"{finest}[{label}]" if nested else label for label in labels]
        weights = np.ones(rows.y.size) if rows.weights is None else rows.weights
        groups = tuple(names[j] for j in rows.code.tolist())
        return NewRows(self.covariates.x, rows.z, groups, rows.response - rows.y, weights,
                       range(rows.y.size))  # fmt: skip

    def new_rows(self, new: Any) -> NewRows:
        """New rows by their columns: covariates, and the groups'."""
        new = as_pandas(new)
        if not hasattr(new, "items"):
            raise TypeError(f"new is a {type(new).__name__}: give a frame, or a mapping of columns")
        columns = {str(name): np.atleast_1d(as_array("new", value)) for name, value in new.items()}
        if self.design is not None:
            x, z, offset = self.design.rows(new)
        else:
            x, z = self._coded(columns)
            offset = np.zeros(len(x))
        return NewRows(x, z, self._groups_of(new, columns, len(x)), offset, np.ones(len(x)),
                       getattr(new, "index", range(len(x))))  # fmt: skip

    def _coded(self, columns: Mapping[str, Any]) -> tuple[Floats, Floats]:
        """Columns of both designs, of a model that was not made by a formula."""
        levels = {*self.rows.nesting.levels}
        size = max((len(column) for column in columns.values()), default=1)
        given = {name: column for name, column in columns.items() if name not in levels}
        common = {n: c for n, c in given.items() if n in self.covariates.names}
        extra = [n for n in given if n not in (*self.covariates.names, *self.rows.z_names)]
        if extra:
            raise ValueError(f"new has {', '.join(extra)}, which is no covariate of the model")
        x = np.broadcast_to(self.covariates.rows(common), (size, self.covariates.size))
        missing = [n for n in self.rows.z_names if n != INTERCEPT and n not in given]
        if missing:
            raise ValueError(f"new lacks {', '.join(missing)}")
        ones = {INTERCEPT: np.ones(size)}
        z = [np.broadcast_to((given | ones)[n], size) for n in self.rows.z_names]
        return np.array(x), np.column_stack(z).astype(np.float64)

    def _groups_of(self, new: Any, columns: Any, size: int) -> tuple[str | None, ...]:
        """The old group of every new row, the innermost; None where all are new."""
        nesting = self.rows.nesting
        given = [level for level in nesting.levels if level in columns]
        if self.design is not None:
            wanted = [name for level in self.design.levels for name in level.split(":")]
            if not all(name in columns for name in wanted):
                return (None,) * size
            names = self.design.groups_of(new)
        elif len(given) < nesting.depth:
            return (None,) * size
        else:
            names = [np.broadcast_to(columns[level], size) for level in nesting.levels]
        texts = [[text_of(name) for name in level] for level in names]
        if nesting.depth == 1:
            known = {*nesting.labels[0]}
            return tuple(name if name in known else None for name in texts[0])
        paths = zip(*texts, strict=True)
        return tuple(nesting.innermost(dict(zip(nesting.levels, p, strict=True))) for p in paths)

    def kept(self, rows: NDArray[np.bool_]) -> Any:
        """The same model of some of its rows."""
        model: Any = self
        old, code = self.rows, self.rows.code[rows]
        labels = [
            np.array(names, dtype=object)[old.nesting.above(k)[code]]
            for k, names in enumerate(old.nesting.labels)
        ]
        given = model._arguments | {
            "X": dict(zip(self.covariates.names, self.covariates.x[rows].T, strict=True)),
            "Z": dict(zip(old.z_names, old.z[rows].T, strict=True)),
            "groups": dict(zip(old.nesting.levels, labels, strict=True)),
            "weights": None if old.weights is None else old.weights[rows],
            "offset": (old.response - old.y)[rows], "intercept": False,
            "varying_intercept": False, "design": None,
        }  # fmt: skip
        return type(model)(old.response[rows], **given)

    # --- Given draws ----------------------------------------------------------------------------

    def _mean_and_sd(self, phi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Of every row given phi and the effects, each (..., n)."""
        model: Any = self
        beta, psi = model._split(phi)
        groups, q = len(self.varying.groups), self.rows.z.shape[1]
        own = theta.reshape(*theta.shape[:-1], groups, q) - self._common(beta)[..., np.newaxis, :]
        mean = beta @ self.covariates.x.T + (own[..., self.rows.code, :] * self.rows.z).sum(axis=-1)
        sd = np.exp(model._log_sigma(psi))[..., np.newaxis]
        weights = self.rows.weights
        offset = self.rows.response - self.rows.y
        return mean + offset, sd if weights is None else sd / np.sqrt(weights)

    def _common(self, beta: Floats) -> Floats:
        """The common coefficients of those that vary, shape (..., q)."""
        found: Floats = beta @ self.rows.units.T
        return found

    def predict_given(self, phi: Floats, theta: Floats, rng: Generator) -> Floats:
        """Draws of new responses of the same rows given phi and the effects, shape (..., n)."""
        mean, sd = self._mean_and_sd(phi, theta)
        return mean + sd * normals(rng, mean.shape[:-1], mean.shape[-1])

    def log_likelihood_given(self, phi: Floats, theta: Floats) -> Floats:
        """Log density of every row given phi and the effects, shape (..., n)."""
        mean, sd = self._mean_and_sd(phi, theta)
        density: Floats = -0.5 * (((self.response - mean) / sd) ** 2 + LOG_2PI) - np.log(sd)
        return density

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Refused: rows have a residual sd, which is among phi (`predict_given`)."""
        raise ValueError("rows have a residual sd: predict_given(phi, theta, rng)")

    def log_likelihood(self, theta: Floats) -> Floats:
        """Refused: rows have a residual sd, which is among phi (`log_likelihood_given`)."""
        raise ValueError("rows have a residual sd: log_likelihood_given(phi, theta)")

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Refused: a new row has covariates (`predictive` of the posterior)."""
        raise ValueError(
            "a new row has covariates and a group: take post.predictive_rows(new rows)"
        )


def own_estimates(varying: Any, sd: float) -> tuple[Floats, Floats]:
    """Least squares of every group's varying coefficients, each of shape (effects,)."""
    sums = varying.sums
    f, q = sums.centred(), sums.varying
    packed, kind = sums.kinds
    whole = np.zeros((len(packed), q, q))
    whole[:, *np.triu_indices(q)] = packed
    size = np.abs(packed).max()
    known = (np.abs(np.diagonal(whole, axis1=1, axis2=2)) > 1e-11 * size).all(axis=1)
    inverse = np.full_like(whole, np.nan)
    inverse[known] = np.linalg.inv(whole[known])
    units = getattr(varying, "units", None)
    common = sums.about @ (varying.unit if units is None else units.T)
    estimate = common + np.einsum("jki,ji->jk", inverse[kind], f[:, :, -1])
    se = sd * np.sqrt((inverse**2).sum(axis=2))[kind]
    return estimate.ravel(), se.ravel()
