"""Posteriors as ArviZ keeps them: InferenceData of ArviZ 0.x, a DataTree of 1.x."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyhier._arviz import arviz_object, load_arviz
from pyhier._types import Floats
from pyhier.models.interface import log_likelihoods, new_effects_of
from pyhier.posterior.draw_arrays import DrawArrays

# Draws of all groups, draws of one quantity, data.
DIMS = {3: ("chain", "draw", "group"), 2: ("chain", "draw"), 1: ("group",)}


def to_arviz(drawn: DrawArrays, predicted: Floats, stats: Mapping[str, Any] | None = None) -> Any:
    """Draws and predictions, shape (chain, draw, groups), in ArviZ's groups.

    ``stats`` are a sampler's own statistics of each draw, shape (chain, draw).
    """
    model = drawn.model
    phi = drawn.draws.phi
    lp = model.marginal.log_density(phi.reshape(-1, phi.shape[-1])).reshape(drawn.shape)
    response = _response(drawn)
    groups = {
        "posterior": _quantities(drawn),
        "posterior_predictive": {response: predicted},
        "log_likelihood": {response: log_likelihoods(model, drawn.draws)},
        "sample_stats": {"lp": lp, **(stats or {})},
    }
    return _tree(drawn, groups)


def prior_to_arviz(drawn: DrawArrays, predicted: Floats) -> Any:
    """Draws from the prior, and data made of them, in ArviZ's groups."""
    groups = {"prior": _quantities(drawn), "prior_predictive": {_response(drawn): predicted}}
    return _tree(drawn, groups)


def _response(drawn: DrawArrays) -> str:
    """The name of the data that is predicted; the groups' sizes come after it."""
    name: str = getattr(drawn.model, "response_name", None) or next(iter(drawn.model.observed()))
    return name


def _quantities(drawn: DrawArrays) -> dict[str, Floats]:
    new = {name: drawn[name] for name in new_effects_of(drawn.model)}
    return drawn.hyper | {"theta": drawn.theta} | new


def _tree(drawn: DrawArrays, groups: Mapping[str, Mapping[str, Floats]]) -> Any:
    """Arrays by group and name, with the data, as what this version of ArviZ works on."""
    load_arviz()  # which brings xarray, or says what to install
    import xarray as xr

    model, response = drawn.model, _response(drawn)
    data = dict(model.observed())
    data.pop(response, None)
    observed = {"observed_data": {response: model.response}, "constant_data": data}
    dimension = "row" if hasattr(model, "predict_given") else "group"
    coords = {
        "chain": np.arange(drawn.shape[0]),
        "draw": np.arange(drawn.shape[1]),
        "group": np.array(model.labels, dtype=str),
        "row": np.arange(model.response.size),
    }
    attributes = {"inference_library": "pyhier", "model": repr(model)}
    datasets = {}
    for group, values in {**groups, **observed}.items():
        arrays = {
            name: ((*DIMS[array.ndim][:-1], dimension) if name == response else DIMS[array.ndim],
                   array)
            for name, array in values.items()
        }  # fmt: skip
        used = {dim for dims, _ in arrays.values() for dim in dims}
        datasets[group] = xr.Dataset(arrays, {dim: coords[dim] for dim in used}, attributes)
    known = np.isfinite(np.asarray(model.response, dtype=np.float64))
    if "log_likelihood" in datasets and not known.all():  # of what was not observed there is none
        datasets["log_likelihood"] = datasets["log_likelihood"].isel({dimension: known})
    return arviz_object(datasets)
