"""A posterior known by draws of phi, with theta drawn exactly given each of them."""

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._arviz import load_arviz
from pyhier._frame import percents
from pyhier._random import RNG, Generator, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import count, probabilities
from pyhier.distributions.draws import SampleMarginal
from pyhier.models.draws import Draws, LateDraws
from pyhier.models.interface import Model, is_plane, is_reduced
from pyhier.models.requirements import need_groups
from pyhier.models.target import MarginalTarget
from pyhier.posterior.base import Posterior
from pyhier.posterior.diagnostics import (
    MENDS,
    ConvergenceWarning,
    all_well,
    diagnose,
    find_trouble,
)
from pyhier.posterior.draw_arrays import DrawArrays
from pyhier.posterior.new_counts import NewCounts
from pyhier.posterior.summaries import PROBS, mean_pooling
from pyhier.rstats.moments import mean_and_sd

if TYPE_CHECKING:
    import pandas as pd


class DrawsPosterior(NewCounts, Posterior):
    """Draws from the posterior of a model's hyperparameters and group effects.

    Engines make these; the arrays are read-only. ``post[name]`` is the marginal of one of ``names``
    or of a coordinate of phi, such as ``log_tau``.

    Attributes
    ----------
    model : Model
    phi : ndarray, shape (chain, draw, p)
        Draws of the hyperparameters in the coordinates the engines use (``model.coordinates``).
    theta : ndarray, shape (chain, draw, groups)
        Draws of the group effects.
    theta_new : ndarray, shape (chain, draw)
        Draws of the effect of a new group.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> post = ph.rwmetrop(model, 20_000, rng=1)
    >>> post.names[:4]
    ('mu', 'tau', 'theta[A]', 'theta[B]')
    >>> 11.0 < post["theta[A]"].mean() < 12.0
    True
    >>> 0.02 < post.probability("theta[A] > 28") < 0.07
    True
    """

    def __init__(
        self,
        model: Model,
        phi: Floats,
        theta: Floats | None,
        theta_new: Floats | Callable[[], Floats],
    ) -> None:
        super().__init__(model)
        made = LateDraws if callable(theta_new) else Draws
        self._arrays = DrawArrays(model, made(phi, theta, theta_new))  # type: ignore[arg-type]

    @classmethod
    def from_phi(
        cls, model: Model, phi: Floats, rng: Generator, *, theta: bool = True, later: bool = False,
        **details: Any,
    ) -> "DrawsPosterior":  # fmt: skip
        """Draw theta, then theta_new, given draws of phi of shape (chain, draw, p).

        Without theta the new effects may be drawn ``later``, by a generator that nobody else has:
        the numbers are the same.
        """
        if later and not theta and isinstance(model.marginal, MarginalTarget):
            phi = np.ascontiguousarray(phi)
            return cls(model, phi, None, partial(_new_effects, model, phi, rng), **details)
        drawn = model.marginal.restore(phi, rng, theta=theta)
        return cls(model, drawn.phi, drawn.theta, drawn.theta_new, **details)

    @property
    def phi(self) -> Floats:
        """Draws of the hyperparameters in the model's coordinates, shape (chain, draw, p)."""
        return self._arrays.draws.phi

    @property
    def theta_new(self) -> Floats:
        """Draws of the effect of a new group, shape (chain, draw)."""
        return self._arrays.draws.theta_new

    @property
    def has_theta(self) -> bool:
        """Whether the group effects were drawn."""
        return self._arrays.draws.theta is not None

    @property
    def theta(self) -> Floats:
        """Draws of the group effects, shape (chain, draw, groups)."""
        return self._arrays.theta

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: hyperparameters, ``theta[LABEL]``, ``theta_new``."""
        return self._arrays.names

    def draws_of(self, name: str) -> Floats:
        """Draws of one of ``names`` or of a coordinate, shape (chain, draw)."""
        if isinstance(name, str) and name == "theta":  # of all groups at once: no quantity
            raise self._unknown(name)
        return self._arrays[name]

    def __getitem__(self, name: str) -> SampleMarginal:
        return SampleMarginal(self.draws_of(name))

    def __repr__(self) -> str:
        chains, draws, _ = self.phi.shape
        return f"{type(self).__name__}: {chains} chain(s) of {draws} draws from {self.model!r}"

    def _require_draws(self) -> None:
        if self.phi.shape[0] * self.phi.shape[1] < 2:
            raise ValueError(
                f"there are {self.phi.shape[1]} draws: it takes two for a standard deviation"
            )

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        self._require_draws()
        draws = [self.draws_of(name).ravel() for name in self.names]
        q = probabilities("probs", probs).ravel()
        quantiles = np.array([np.quantile(values, q) for values in draws])
        mean, sd = np.transpose([mean_and_sd(values) for values in draws])
        return {
            "mean": mean,
            "sd": sd,
            **dict(zip(percents(q), quantiles.T, strict=True)),
        }

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        self._require_draws()
        phi = self.phi.reshape(-1, self.phi.shape[-1])
        return mean_pooling(self.model, phi, np.full(len(phi), 1.0 / len(phi)))

    def group_means(self) -> Floats | None:
        """Posterior mean of each group's effect, shape (groups,); None if it was not drawn."""
        need_groups("group_means", self.model)
        return self.theta.mean(axis=(0, 1)) if self.has_theta else None

    def _without_draws(self, event: str) -> None:
        self._require_draws()

    def _sampled(self, n: int, rng: Generator) -> Draws:
        self._require_draws()
        picked = uniforms(rng, n) * float(np.prod(self.phi.shape[:2]))
        return self._arrays.draws.pick(picked.astype(np.intp))

    def to_draws(self, n: int, rng: RNG = None) -> "DrawsPosterior":
        """Draws picked from the draws with replacement, as one chain.

        Parameters
        ----------
        n : int
            The number of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        DrawsPosterior
        """
        return as_draws(self, n, rng)

    def _drawn(self, n: int, rng: RNG) -> DrawArrays:
        count("draws", n)
        as_generator(rng)
        return self._arrays

    def _in_chains(self, draws: int, chains: int, rng: RNG) -> DrawArrays:
        count("chains", chains)
        return self._drawn(draws, rng)

    # --- Diagnostics of Markov chains -------------------------------------------------------------

    def summary(
        self,
        probs: Sequence[float] = PROBS,
        names: Sequence[str] | None = None,
        *,
        diagnostics: bool = True,
    ) -> "pd.DataFrame":
        """Mean, sd and quantiles of quantities; of Markov chains the `diagnostics` too.

        Parameters
        ----------
        probs : sequence of float
            The quantiles' probabilities.
        names : sequence of str, optional
            Which of the quantities that ``post[name]`` takes; all of ``post.names`` without it.
        diagnostics : bool
            Whether to add the diagnostics of Markov chains, which needs ArviZ; without it
            installed they are left out, and `advice` says how to get them.

        Returns
        -------
        DataFrame
            A row for each; columns ``mean``, ``sd``, ``2.5%``, ...; of Markov chains
            ``mcse_mean``, ``ess_bulk``, ``ess_tail`` and ``r_hat``.

        Warns
        -----
        ConvergenceWarning
            If a diagnostic is bad, with what to do.
        """
        table = super().summary(probs, names)
        if not (self.markov and diagnostics and self._diagnosed is not None):
            return table
        if self._trouble:
            warnings.warn(self.advice, ConvergenceWarning, stacklevel=2)
        if names is None:
            return table.assign(**self._diagnosed)
        return table.assign(**diagnose([self.draws_of(name) for name in table.index]))

    def diagnostics(self) -> "pd.DataFrame":
        """ArviZ's diagnostics of every quantity, under ArviZ's names.

        Returns
        -------
        DataFrame
            A row for each of ``names``; columns ``mcse_mean`` (Monte Carlo standard error of the
            mean), ``ess_bulk`` and ``ess_tail`` (effective numbers of draws for the middle and
            for the 5% and 95% quantiles) and ``r_hat`` (rank-normalised split R-hat; NaN with one
            chain).

        Raises
        ------
        ImportError
            If ArviZ is not installed.

        References
        ----------
        Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Buerkner, P.-C. (2021). Bayesian
        Analysis 16, 667-718.

        Examples
        --------
        >>> import pyhier as ph
        >>> pumps = ph.load_dataset("pumps")
        >>> model = ph.PoissonGamma(pumps["failures"], pumps["khours"])
        >>> post = ph.rwmetrop(model, 5_000, chains=4, burn_in=500, rng=1)
        >>> bool(post.diagnostics()["r_hat"].max() < 1.01)
        True
        >>> post.advice
        'R-hat is at most 1.00..., with at least ... effective draws of everything: nothing to do.'
        """
        import pandas as pd

        if self._diagnosed is None:
            load_arviz()  # raises, and says what to install
        return pd.DataFrame(self._diagnosed, index=pd.Index(self.names, name="quantity"))

    @cached_property
    def _diagnosed(self) -> dict[str, Floats] | None:
        try:
            return diagnose([self.draws_of(name) for name in self.names])
        except ImportError:
            return None

    @cached_property
    def _trouble(self) -> str:
        """What is bad about the Markov chains; empty if nothing is."""
        assert self._diagnosed is not None
        return find_trouble(self.names, self._diagnosed, len(self.phi))

    @property
    def advice(self) -> str:
        """What the diagnostics of Markov chains say, and what to do when they are bad."""
        if not self.markov:
            return super().advice
        if self._diagnosed is None:
            return "R-hat and effective sample sizes need ArviZ: pip install 'pyhier[arviz]'."
        if not self._trouble:
            return all_well(self._diagnosed, len(self.phi))
        exact = is_reduced(self.model) or is_plane(self.model)
        other = ", or take exact(model), which has no Monte Carlo error" if exact else ""
        return f"{self._trouble}. {MENDS}{other}."


def _new_effects(model: Model, phi: Floats, rng: Generator) -> Floats:
    """Effects of new groups; the generator stays as it is, for a second try after a Ctrl-C."""
    return model.draw_new_theta(phi, deepcopy(rng))


def as_draws(posterior: Posterior, n: int, rng: RNG = None) -> DrawsPosterior:
    """Joint draws of everything in a posterior, as the posterior that samplers return.

    Parameters
    ----------
    posterior : Posterior
    n : int
        The number of draws.
    rng : None, int, numpy.random.Generator or RStream

    Returns
    -------
    DrawsPosterior
        With one chain: independent draws, or ones picked from the draws with replacement.
    """
    drawn = posterior._sampled(posterior._fitting("n", n), as_generator(rng))
    made = DrawsPosterior(posterior.model, drawn.phi, drawn.theta, drawn.theta_new)
    made.ess = posterior.ess
    return made
