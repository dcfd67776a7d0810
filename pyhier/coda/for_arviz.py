"""Chains as ArviZ keeps them."""

import re
from typing import Any

import numpy as np

from pyhier._arviz import load_arviz
from pyhier.coda.objects import Draws, chains_of

_ELEMENT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<label>[^\[\],]+)\]")


def to_arviz(x: Draws) -> Any:
    """Draws as ArviZ's InferenceData (a DataTree in ArviZ 1.x).

    Parameters
    ----------
    x : Mcmc or McmcList
        ``theta[A]``, ``theta[B]``, ... become one variable ``theta`` with a dimension
        ``theta_dim_0`` and its labels; every other name is a variable of its own.

    Returns
    -------
    InferenceData or DataTree

    Raises
    ------
    ImportError
        If ArviZ is not installed.
    """
    arviz = load_arviz()
    import xarray as xr

    chains = chains_of(x)
    draws = np.stack([chain.matrix for chain in chains])
    variables: dict[str, list[tuple[str | None, int]]] = {}
    for j, label in enumerate(chains[0].labels):
        element = _ELEMENT.fullmatch(label)
        key = element["name"] if element else label
        variables.setdefault(key, []).append((element["label"] if element else None, j))
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
    dataset = xr.Dataset(data, coords=coords)
    if hasattr(arviz, "InferenceData"):
        return arviz.InferenceData(posterior=dataset)
    return xr.DataTree.from_dict({"posterior": dataset})
