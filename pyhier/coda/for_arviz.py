"""Chains as ArviZ keeps them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyhier._arviz import arviz_object, load_arviz
from pyhier.coda.objects import Draws, chains_of

_ELEMENT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<label>[^\[\],]+)\]")


def to_arviz(x: Draws) -> Any:
    """Draws as ArviZ's InferenceData (a DataTree in ArviZ 1.x).

    Parameters
    ----------
    x : Mcmc or McmcList
        ``theta[A]``, ``theta[B]``, ... become one variable ``theta`` with a dimension
        ``theta_dim_0`` and its labels, unless there is a ``theta`` too; every other name is a
        variable of its own.

    Returns
    -------
    InferenceData or DataTree

    Raises
    ------
    ImportError
        If ArviZ is not installed.
    ValueError
        If two variables have one name, or one is called as a dimension of the draws.
    """
    load_arviz()  # which brings xarray, or says what to install
    import xarray as xr

    chains = chains_of(x)
    draws = np.stack([chain.matrix for chain in chains])
    variables = _variables(chains[0].labels)
    iterations = np.arange(chains[0].start, chains[0].end + 1, chains[0].thin)
    data: dict[str, Any] = {}
    coords: dict[str, Any] = {"chain": np.arange(len(chains)), "draw": iterations}
    for key, cells in variables.items():
        places = [j for _, j in cells]
        if cells[0][0] is None:
            data[key] = (("chain", "draw"), draws[..., places[0]])
        else:
            coords[f"{key}_dim_0"] = [label for label, _ in cells]
            data[key] = (("chain", "draw", f"{key}_dim_0"), draws[..., places])
    clash = [key for key in data if key in coords]
    if clash:
        raise ValueError(
            f"x has a variable {clash[0]!r}, which is a dimension of the draws: rename it"
        )
    dataset = xr.Dataset(data, coords=coords)
    return arviz_object({"posterior": dataset})


def _variables(labels: Sequence[str]) -> dict[str, list[tuple[str | None, int]]]:
    """Places of the variables by name: one of its own, or labelled elements of an array."""
    twice = [label for label, times in Counter(labels).items() if times > 1]
    if twice:
        raise ValueError(f"x has {twice[0]!r} more than once: give every variable its own name")
    variables: dict[str, list[tuple[str | None, int]]] = {}
    for j, label in enumerate(labels):
        element = _ELEMENT.fullmatch(label)
        if element and element["name"] not in labels:
            variables.setdefault(element["name"], []).append((element["label"], j))
        else:
            variables[label] = [(None, j)]
    return variables
