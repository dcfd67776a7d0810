"""What `vi` returns: a posterior by a normal approximation, and how far it is off."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._frame import frame
from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier._validation import count
from pyhier.distributions.draws import SampleMarginal
from pyhier.distributions.families import Normal
from pyhier.distributions.mixtures import FamilyMixture
from pyhier.distributions.normal_lines import NormalOnLine
from pyhier.inference.elbo import Gaussian
from pyhier.inference.exact import exact
from pyhier.models.draws import Draws
from pyhier.models.interface import Model, is_integrated, is_plane, is_reduced
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.summaries import PROBS
from pyhier.quadrature.transforms import Line

if TYPE_CHECKING:
    import pandas as pd

BAD_K = 0.7  # beyond it q misses a part of the posterior that matters (Yao et al. 2018)
SMALL = 0.9  # of the exact sd
LINES: tuple[tuple[str, Line], ...] = (("log_", "log"), ("logit_", "logit"), ("", "identity"))
MOST = 2_000  # coordinates up to which an effect that is no coordinate has an exact marginal


@dataclass(frozen=True)
class Quality:
    """How good an approximation is.

    Attributes
    ----------
    family : str
    elbo : float
        The evidence lower bound, with all constants.
    elbo_se : float
        Its Monte Carlo error; 0 where it is a closed form.
    pareto_k : float
        Shape of the tail of posterior over approximation: beyond 0.7 the approximation misses a
        part that matters.
    iterations : int
        Of the climb.
    """

    family: str
    elbo: float
    elbo_se: float
    pareto_k: float
    iterations: int


class VariationalPosterior(DrawsPosterior):
    """The normal approximation of `vi`, with independent draws from it.

    ``post[name]`` is exact under the approximation for coordinates, hyperparameters that are one
    coordinate on its scale, and effects of a model with normal effects; by the draws elsewhere.

    Attributes
    ----------
    q : Gaussian
        The approximation, in the coordinates of ``target``.
    quality : Quality
    target : Target
    """

    def __init__(
        self,
        model: Model,
        target: Any,
        drawn: Draws,
        q: Gaussian,
        quality: Quality,
        *,
        free: bool = True,
    ) -> None:
        super().__init__(model, drawn.phi, drawn.theta, drawn.theta_new)
        self.target, self.q, self.quality, self._free = target, q, quality, free

    def __repr__(self) -> str:
        how = f"{self.quality.family}, {self.parameterization}"
        return f"VariationalPosterior: {how}, ELBO {self.elbo:.6g}, of {self.model!r}"

    @property
    def parameterization(self) -> str:
        """``"non-centred"``, ``"centred"`` or ``"marginal"``."""
        return str(self.target.parameterization)

    @property
    def elbo(self) -> float:
        """The evidence lower bound."""
        return self.quality.elbo

    @property
    def pareto_k(self) -> float:
        """Shape of the tail of posterior over approximation."""
        return self.quality.pareto_k

    @cached_property
    def kl(self) -> float:
        """Kullback-Leibler divergence from the approximation to the posterior.

        The log evidence less the ELBO: the first is exact, by quadrature. Of coordinates in which
        effects are sampled it is that of the joint approximation.

        Raises
        ------
        TypeError, ValueError
            If `exact` cannot integrate the model.
        """
        log_z = exact(self.model).log_z
        assert log_z is not None
        return float(log_z) - self.elbo

    # --- Marginals --------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        own = self._exact(name) if self._free else None
        return SampleMarginal(self.draws_of(name)) if own is None else own

    def _exact(self, name: str) -> Any:
        coordinates = self.target.coordinates
        for prefix, line in LINES:
            if prefix + name in coordinates:
                k = coordinates.index(prefix + name)
                return NormalOnLine(line, self.q.mean[k], self.q.sd[k])
        effect = name == "theta_new" or name in self._group_of
        if not (effect and is_reduced(self.model) and self.q.mean.size <= MOST):
            return None
        if not hasattr(self.target, "chart"):
            return None
        return self._mixture(None if name == "theta_new" else self._group_of[name])

    def _mixture(self, j: int | None) -> FamilyMixture:
        """An effect is (r + exp(s) u)'x, s = log tau, and given s all of x is normal."""
        at, q = len(self.model.coordinates) - 1, self.q
        z = np.linspace(-9.0, 9.0, 181)  # the trapezoid rule converges exponentially
        weight = np.exp(-0.5 * z * z)
        tau = np.exp(q.mean[at] + q.sd[at] * z)
        r, u = self._rows(j)
        column = q.column(at)
        means, slopes = (r @ q.mean, u @ q.mean), (r @ column, u @ column)
        cov = q.cov - np.outer(column, column) / q.sd[at] ** 2
        step = z / q.sd[at]
        centre = means[0] + slopes[0] * step + tau * (means[1] + slopes[1] * step)
        var = r @ cov @ r + 2.0 * tau * (r @ cov @ u) + tau**2 * (u @ cov @ u)
        if j is None:
            var = var + tau**2
        return FamilyMixture(Normal(centre, np.maximum(var, 0.0)), weight / weight.sum())

    def _rows(self, j: int | None) -> tuple[Floats, Floats]:
        """R and u of an effect, by what the chart makes of unit vectors, with tau 0 and 1."""
        p, k = self.q.mean.size, len(self.model.coordinates)
        if j is None:
            found: Any = self.model
            direction = found.given("theta_new", np.zeros(1)).direction
            r = np.zeros(p)
            r[: k - 1] = 1.0 if direction is None else direction[:, 0]
            return r, np.zeros(p)
        unit = np.eye(p)
        unit[k - 1] = 0.0
        rows = []
        for log_tau in (-np.inf, 0.0):
            phi = unit[:, :k].copy()
            phi[:, k - 1] = log_tau
            effects = self.target.chart.from_line(phi, unit[:, k:], slice(None))
            rows.append(np.ascontiguousarray(effects[:, j]))
        for row in rows:
            row[k - 1] = 0.0
        return rows[0], rows[1] - rows[0]

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns."""
        marginals = [self[name] for name in self.names]
        quantiles = np.array([marginal.ppf(np.asarray(probs)) for marginal in marginals])
        return {
            "mean": np.array([marginal.mean() for marginal in marginals]),
            "sd": np.array([marginal.std() for marginal in marginals]),
            **{f"{100 * p:g}%": quantiles[:, i] for i, p in enumerate(probs)},
        }

    # --- What to think of it ----------------------------------------------------------------------

    @cached_property
    def _oracle(self) -> Posterior | None:
        """The exact posterior, where there is one."""
        if not any(known(self.model) for known in (is_reduced, is_plane, is_integrated)):
            return None
        try:
            return exact(self.model)
        except (TypeError, ValueError):
            return None

    @property
    def advice(self) -> str:
        """How far the approximation is off, and what to do about it."""
        found = []
        if self._oracle is not None:
            found.append(f"KL to the exact posterior {self.kl:.4g}")
            for name in self.model.hyperparameters(self.phi):
                own, other = self[name].std(), self._oracle[name].std()
                if own < SMALL * other < np.inf:
                    found.append(
                        f"sd({name}) is {own:.3g} and exactly {other:.3g}: {own / other:.0%} of it"
                    )
        if self.pareto_k > BAD_K:
            found.append(
                f"Pareto k is {self.pareto_k:.2f}, above {BAD_K}: it misses a part of the posterior"
            )
        elif len(found) <= 1:
            return "; ".join([*found, f"Pareto k {self.pareto_k:.2f}: nothing to do"]) + "."
        return "; ".join(found) + f". Take {self._mend}."

    @property
    def _mend(self) -> str:
        better = []
        if self.parameterization == "centred" and hasattr(self.model, "parameterizations"):
            better = [repr(p) for p in self.model.parameterizations if p != "centred"]
            better = [f"parameterization={' or '.join(better)}"]
        if self.quality.family == "mean-field":
            better.append("family='full-rank'")
        return ", ".join([*better, "nuts(model)"]) + (
            " or exact(model), which has no such error" if self._oracle is not None else ""
        )


class DensityApproximation:
    """The normal approximation of `vi` to a density of one's own.

    Attributes
    ----------
    draws : ndarray, shape (1, draw, p)
        Independent draws, in the density's own coordinates.
    names : tuple of str
    q : Gaussian
        On the whole line, which bounded coordinates are mapped to.
    quality : Quality
    """

    def __init__(
        self, draws: Floats, names: tuple[str, ...], q: Gaussian, quality: Quality
    ) -> None:
        draws.flags.writeable = False
        self.draws, self.names, self.q, self.quality = draws, names, q, quality

    def __repr__(self) -> str:
        return (
            f"DensityApproximation: {self.quality.family}, {len(self.names)} coordinates, "
            f"ELBO {self.elbo:.6g}"
        )

    @property
    def elbo(self) -> float:
        """The evidence lower bound."""
        return self.quality.elbo

    @property
    def pareto_k(self) -> float:
        """Shape of the tail of the density over the approximation."""
        return self.quality.pareto_k

    def __getitem__(self, name: str) -> SampleMarginal:
        if name not in self.names:
            raise KeyError(f"no coordinate is named {name!r}: there are {', '.join(self.names)}")
        return SampleMarginal(self.draws[..., self.names.index(name)])

    def sample(self, n: int, rng: RNG = None) -> Floats:
        """Draws picked from the draws with replacement, shape (n, p)."""
        at = as_generator(rng).integers(self.draws.shape[1], size=count("n", n))  # type: ignore[union-attr]
        picked: Floats = self.draws[0, at]
        return picked

    def summary(self, probs: Sequence[float] = PROBS) -> "pd.DataFrame":
        """Mean, sd and quantiles of every coordinate, by the draws."""
        flat = self.draws[0]
        quantiles = {f"{100 * p:g}%": np.quantile(flat, p, axis=0) for p in probs}
        columns = {"mean": flat.mean(axis=0), "sd": flat.std(axis=0, ddof=1), **quantiles}
        return frame(columns, self.names, "quantity")

    @property
    def advice(self) -> str:
        """What Pareto k says of it."""
        if self.pareto_k <= BAD_K:
            return f"Pareto k {self.pareto_k:.2f}: nothing to do."
        mend = "family='full-rank' or nuts" if self.quality.family == "mean-field" else "nuts"
        return (
            f"Pareto k is {self.pareto_k:.2f}, above {BAD_K}: it misses a part of the posterior, "
            f"and its sds are likely too small. Take {mend}."
        )
