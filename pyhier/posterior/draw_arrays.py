"""Draws under the names that tables and events use."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.models.draws import Draws
from pyhier.models.interface import Model, new_effects_of


class DrawArrays(Frozen, Mapping[str, Floats]):
    """A model's draws by name, each of shape (chain, draw); ``theta`` is all effects at once.

    Parameters
    ----------
    model : Model
    draws : Draws
    """

    def __init__(self, model: Model, draws: Draws) -> None:
        self.model, self.draws = model, draws
        self.hyper = dict(model.hyperparameters(draws.phi))
        for array in self.hyper.values():
            array.flags.writeable = False

    @property
    def shape(self) -> tuple[int, int]:
        """Chains, and draws of each."""
        chains, each, _ = self.draws.phi.shape
        return chains, each

    @property
    def theta(self) -> Floats:
        """Draws of the effects, shape (chain, draw, effects)."""
        if self.draws.theta is None:
            raise ValueError("the group effects were not drawn: ask the engine for theta=True")
        return self.draws.theta

    @cached_property
    def _effect_of(self) -> dict[str, int]:
        return {f"theta[{label}]": j for j, label in enumerate(self.model.labels)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: hyperparameters, ``theta[LABEL]``, a new group's."""
        effects = () if self.draws.theta is None else tuple(self._effect_of)
        return (*self.hyper, *effects, *new_effects_of(self.model))

    def __getitem__(self, name: str) -> Floats:
        if not isinstance(name, str):
            raise unknown(name, self.names)
        if name in self.hyper:
            return self.hyper[name]
        if name in self.model.coordinates:
            return self.draws.phi[..., self.model.coordinates.index(name)]
        if name in (new := new_effects_of(self.model)):
            drawn = self.draws.theta_new
            return drawn if drawn.ndim == 2 else drawn[..., new.index(name)]
        if name == "theta":
            return self.theta
        if name in self._effect_of:
            return self.theta[..., self._effect_of[name]]
        raise unknown(name, self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def stacked(self) -> Floats:
        """All of ``names``, shape (chain, draw, names)."""
        return np.stack([self[name] for name in self.names], axis=-1)

    def columns(self) -> dict[str, Any]:
        """``chain``, ``draw`` and every one of ``names``, a row a draw."""
        chains, each = self.shape
        index = {
            "chain": np.repeat(np.arange(chains), each),
            "draw": np.tile(np.arange(each), chains),
        }
        return index | {name: self[name].ravel() for name in self.names}


def unknown(name: object, names: tuple[str, ...]) -> KeyError:
    """The error for a name that no quantity has."""
    known = ", ".join(names[:4])
    return KeyError(f"no quantity is named {name!r}: there are {known}, ... (see names)")
