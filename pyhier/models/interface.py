"""What a model says of itself, in five small protocols; engines take what they need of them.

`Data`, `Effects` and `Prior` are what every model has, with a `Target` (target.py) for its
hyperparameters. A model of which quadrature can integrate all but a few coordinates is `Reduced`
too, or has an `axis` for each of two coordinates. Neither side knows the other's names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeGuard

import numpy as np

from pyhier._random import Generator
from pyhier._types import Floats, Ints
from pyhier.distributions.families import Components, Family
from pyhier.models.covariates import Covariates
from pyhier.models.draws import Draws
from pyhier.models.own_likelihood import OwnLikelihood
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.target import Target
from pyhier.quadrature.axes import Axis
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.panels import Shape


class Data(Protocol):
    """Observed groups, and how data is made of effects."""

    @property
    def labels(self) -> Sequence[str]:
        """Names of the groups."""

    @property
    def response(self) -> Floats:
        """The data that ``predict`` makes anew, shape (groups,); of raw rows shape (rows,).

        A model of raw rows has ``predict_given(phi, theta, rng)`` and ``log_likelihood_given(phi,
        theta)`` instead of what follows, for their law depends on phi too.
        """

    def estimates(self) -> tuple[Floats, Floats]:
        """Each group's own estimate of its effect and its standard error, each (groups,)."""

    def observed(self) -> Mapping[str, Floats]:
        """The data under the names a table shows; the groups' sizes come last."""

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new data for the same groups, shape (..., groups)."""

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of data of a new group, of theta_new's shape.

        Its size is a standard error, a number of trials or an exposure.
        """

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each group's data given its effect, shape (..., groups)."""


class Effects(Protocol):
    """The groups' effects theta given hyperparameters phi, an array (..., p) of coordinates."""

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The hyperparameters under their textbook names, each of shape (...)."""

    def phi_at(self, **values: float) -> Floats:
        """Phi, shape (p,), at values of all hyperparameters under their textbook names."""

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups): 0 is no pooling, 1 is complete pooling."""

    def theta_given(self, quantity: Any, phi: Floats) -> Family | Components:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, p).

        A new group's several effects go by their names.
        """

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the group effects given phi and the data, shape (..., groups)."""

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group given phi, shape (...).

        Of several (``new_effects``) it is of shape (..., effects).
        """


class Prior(Protocol):
    """The prior of the hyperparameters."""

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of phi, shape (...), up to a constant where it is improper."""

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of phi from the prior, shape (n, p); an error where it is improper."""

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""

    def with_prior(self, **priors: Any) -> "Model":
        """The same data under other priors, given as to the constructor."""

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where nothing is known of it."""


class Model(Data, Effects, Prior, Protocol):
    """A hierarchical model with its data: what every engine can work on."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the p coordinates of phi."""

    @property
    def marginal(self) -> Target:
        """The log posterior density of phi, the effects integrated out."""

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p) of the marginal log likelihood at one phi."""

    def ridge(self) -> Floats:
        """Points (n, p) along that likelihood's ridge, near each of its hills, from end to end.

        An end of the range that phi may have is one of them where it has a limit: log tau = -inf.
        """

    def moments(self) -> Floats:
        """A phi, shape (p,), by the method of moments."""


class Reduced(Model, Protocol):
    """A model that integrates all its hyperparameters but the last out by itself.

    What is left is a density of one coordinate, log tau; given that, the linear coefficients are
    normal, and everything else is a linear function of them with normal noise.
    """

    @property
    def scales(self) -> tuple[float, float]:
        """Ends of the range in which the last coordinate's density may have structure."""

    @property
    def support(self) -> tuple[float, float]:
        """Ends of what the last coordinate may be."""

    @property
    def tail_indices(self) -> tuple[float, float]:
        """Exponents with which that density falls off on both sides."""

    @property
    def shape(self) -> Shape:
        """All that is known of that density before it is looked at."""

    @property
    def terms(self) -> int:
        """How many terms each sum has."""

    def sums(self, last: Floats) -> Floats:
        """Sums over groups at nodes of the last coordinate, which add up (`merge`), (k, nodes)."""

    def finish(self, sums: Floats, last: Floats) -> Collapsed:
        """Prior and constants added to sums over groups."""

    def collapse(self, last: Floats) -> Collapsed:
        """``finish(sums(last), last)``: all but the last coordinate integrated out at its nodes."""

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the linear coefficients."""

    def given(self, quantity: int | slice | str, last: Floats) -> Linear:
        """A group's effect (by number), a coefficient or "theta_new", given the last coordinate.

        Of a slice of groups it is of shape (groups, nodes).
        """

    def difference(self, first: int | str, second: int | str, last: Floats) -> Linear:
        """The difference of two quantities, given the last coordinate."""

    def log_likelihood_at_zero(self) -> float:
        """Log likelihood at tau = 0, the coefficients integrated over their prior."""

    def log_prior_at(self, coefficient: str, value: float) -> float:
        """Log prior density of a coefficient, where it does not depend on tau."""


class Regression(Reduced, Protocol):
    """A reduced model whose effects centre on a linear predictor of covariates."""

    @property
    def covariates(self) -> Covariates:
        """The design, and the prior of the coefficients."""

    def combination(self, vector: Floats) -> Linear:
        """A linear combination of the coefficients, (p,)."""

    def mean_weights(self, last: Floats, chances: Floats) -> tuple[Floats, Floats]:
        """Weights of the estimates in the means of the coefficients and of the effects."""

    def new(self, row: Floats, last: Floats) -> Linear:
        """The effect of a new group with a row of the design, (p,), given the last coordinate."""

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of that effect given phi; without a row of a group with the groups' mean."""

    def without_covariates(self) -> Reduced:
        """The same data and prior of tau with the intercept alone."""


class OfPsi(Model, Protocol):
    """A model of which quadrature takes one to four coordinates, psi, on a lattice."""

    @property
    def psi(self) -> tuple[Coordinate, ...]:
        """What they are: logs of what is positive, atanh of correlations, or plain ones."""

    def psi_start(self) -> Floats:
        """Where the search for psi's mode begins, shape (d,)."""

    def psi_tails(self) -> Floats | None:
        """Exponents with which psi's density falls far out, shape (d, 2); None to look for them."""

    def psi_peaks(self) -> list[tuple[int, float, float]]:
        """Where priors given as functions have peaks: the coordinate, the place, the width."""

    @property
    def mend(self) -> str:
        """What of the model or its data to change where the quadrature is not resolved."""

    def log_psi(self, psi: Floats) -> Floats:
        """Log posterior density of psi, with all constants, at points (nodes, d)."""


class Integrated(OfPsi, Protocol):
    """A model that integrates all coordinates but psi out by itself.

    Given psi the linear coefficients are normal, and effects are linear functions of them with
    normal noise.
    """

    def collapse_psi(self, psi: Floats) -> Collapsed:
        """The same with the moments of the linear coefficients."""

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the linear coefficients."""

    @property
    def new_effects(self) -> tuple[str, ...]:
        """Names of a new group's effects."""

    def given_psi(self, quantity: int | slice | str, psi: Floats) -> Linear:
        """An effect (by number), several, or a quantity by name, given psi; KeyError if unknown.

        Of a slice of effects it is of shape (effects, nodes).
        """

    def moments_psi(
        self, effects: slice, psi: Floats, collapsed: Collapsed
    ) -> tuple[Floats, Floats, bool]:
        """Means and sds of effects at nodes, (effects, nodes); whether the sds grow with tau."""

    def log_prior_at(self, name: str, value: float) -> float:
        """Log prior density of a coefficient, or of a coordinate by its own name, at a value."""

    def difference_psi(self, first: int | str, second: int | str, psi: Floats) -> Linear:
        """The difference of two quantities, given psi."""

    def phi_at_psi(self, psi: Floats, coefficients: Floats) -> Floats:
        """The model's coordinates, shape (n, p), at psi (n, d) and coefficients (n, k)."""


class Covaried(Integrated, Protocol):
    """An integrated model whose effects centre on a linear predictor of covariates, at levels."""

    @property
    def covariates(self) -> Covariates:
        """The design, and the prior of the coefficients."""

    def combination(self, vector: Floats) -> Linear:
        """A linear combination of the coefficients, (p,)."""

    def new(self, row: Floats, psi: Floats, group: str | None = None) -> Linear:
        """The effect of a new group with a row of the design, perhaps within an old one."""

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of that effect given phi; without a row of a group with the groups' mean."""


class Latticed(OfPsi, Protocol):
    """A model whose effects are integrated out; psi is all of its coordinates.

    They are the coefficients of a linear predictor, then one that says how closely the
    effects lie about it. An effect's law depends on them by its group's predictor and that last one
    alone: it is the one of a model without covariates, whose two coordinates these are.

    Attributes
    ----------
    location : int
        Where the predictor is among the two coordinates of the model without covariates.
    """

    location: int

    @property
    def covariates(self) -> Covariates:
        """The design, and the prior of the coefficients."""

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the coefficients."""

    def plain(self, phi: Floats, rows: Floats) -> Floats:
        """Both coordinates of the model without covariates at rows of the design, (..., n, 2)."""

    def plain_given(self, quantity: Any, plain: Floats) -> Family:
        """Distribution of groups' effects, or of a new one's (None), given these coordinates."""

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' own data says of their effects; of a new group (None), which has none."""

    def effect_index(self, row: Floats) -> float:
        """Exponent below which powers of a new group's effect have expectations."""

    def log_prior_at(self, name: str, value: float) -> float:
        """Log prior density of a coefficient, or of a coordinate by its own name, at a value."""


class PlaneModel(Model, Protocol):
    """A model with two coordinates, which an engine may look at along other lines.

    Attributes
    ----------
    location : int
        Which of the coordinates the effects centre on; the other one says how closely.
    """

    location: int

    def axis(self, name: str) -> Axis | None:
        """The axis of a hyperparameter; None for a name that is none."""

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> Family:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, 2).

        Of several groups' effects, with their numbers in an array of shape (groups, 1).
        """

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' own data says of their effects; of a new group (None), which has none."""

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of a quantity (no group's effect) have expectations."""


class Hilly(PlaneModel, Protocol):
    """A model with two coordinates whose density falls off slowly in the location, or has hills."""

    def hills(self) -> tuple[Floats, float, float]:
        """Places of the other coordinate at which there are several, their middle and reach."""

    def inner_guess(self) -> tuple[Floats, Floats, Floats]:
        """Places of the other coordinate, and about where the location is, and how wide."""


class Averaged(Model, Protocol):
    """A model with one more hyperparameter, which has a few values: given it, it is another model.

    It is the last of the coordinates.
    """

    @property
    def case_name(self) -> str:
        """What the hyperparameter is called."""

    @property
    def case_values(self) -> Floats:
        """Its values, (cases,)."""

    @property
    def prior_weights(self) -> Floats:
        """Their prior probabilities, (cases,)."""

    @property
    def cases(self) -> Sequence[Model]:
        """The models given each."""


def replicated(model: Any, draws: Draws, rng: Generator) -> Floats:
    """New data of a model, for draws of phi and the effects; of rows, whose law phi tells too."""
    given = getattr(model, "predict_given", None)
    found: Floats = (
        model.predict(draws.theta, rng) if given is None else given(draws.phi, draws.theta, rng)
    )
    return found


def prior_effects(model: Any, phi: Floats, rng: Generator) -> Floats:
    """Draws of all groups' effects given phi (n, p), without the data, shape (n, effects).

    They are new groups', unless the model says how its own differ (``draw_prior_theta``): by
    covariates, levels, or several effects a group.
    """
    own = getattr(model, "draw_prior_theta", None)
    if own is not None:
        found: Floats = own(phi, rng)
        return found
    each = np.broadcast_to(phi[:, np.newaxis], (len(phi), len(model.labels), phi.shape[1]))
    new: Floats = model.draw_new_theta(each, rng)
    return new


def log_likelihoods(model: Any, draws: Draws) -> Floats:
    """Log density of every datum of a model, for draws of phi and the effects."""
    given = getattr(model, "log_likelihood_given", None)
    found: Floats = (
        model.log_likelihood(draws.theta) if given is None else given(draws.phi, draws.theta)
    )
    return found


def effect_indices(model: PlaneModel, quantities: Sequence[int | None]) -> Floats:
    """Exponents below which powers of effects have expectations, (quantities,); a new one's (None).

    Groups' have them all, unless the model says how far (``group_indices``).
    """
    number = np.array([-1 if k is None else k for k in quantities])
    own = getattr(model, "group_indices", None)
    found: Floats = np.full(number.size, np.inf) if own is None else own()[number]
    if (number < 0).any():
        found[number < 0] = model.moment_index("theta_new")
    return found


def new_effects_of(model: object) -> tuple[str, ...]:
    """Names of a new group's effects: one, unless the model says that there are several."""
    names: tuple[str, ...] = getattr(model, "new_effects", ("theta_new",))
    return names


def is_reduced(value: object) -> TypeGuard[Reduced]:
    """Whether a model can be reduced to one coordinate."""
    return hasattr(type(value), "collapse")


def is_regression(value: object) -> TypeGuard[Regression]:
    """Whether a model's effects centre on covariates."""
    return hasattr(value, "covariates") and is_reduced(value)


def is_integrated(value: object) -> TypeGuard[Integrated]:
    """Whether a model can be reduced to a few coordinates, on a lattice."""
    return hasattr(type(value), "collapse_psi")


def is_covaried(value: object) -> TypeGuard[Covaried]:
    """Whether an integrated model has covariates and levels."""
    return hasattr(value, "covariates") and hasattr(type(value), "combination")


def is_latticed(value: object) -> TypeGuard[Latticed]:
    """Whether a lattice takes all of a model's coordinates."""
    return hasattr(type(value), "plain_given")


def is_plane(value: object) -> TypeGuard[PlaneModel]:
    """Whether a model has two coordinates and says how to look at them."""
    two = hasattr(type(value), "axis") and len(getattr(value, "coordinates", ())) == 2
    return two and not is_latticed(value)


def is_hilly(value: object) -> TypeGuard[Hilly]:
    """Whether the density of a model with two coordinates may have several hills in one."""
    return hasattr(type(value), "hills")


def is_averaged(value: object) -> TypeGuard[Averaged]:
    """Whether a model has a hyperparameter of a few values, each a model."""
    return hasattr(type(value), "cases")


def is_model(value: object) -> TypeGuard[Model]:
    """Whether something is a model rather than a bare log density."""
    return hasattr(type(value), "draw_theta") and hasattr(type(value), "coordinates")
