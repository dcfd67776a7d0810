"""Posteriors as ArviZ keeps them: InferenceData of ArviZ 0.x, a DataTree of 1.x."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pyhier.posterior.draws import DrawsPosterior

Floats = NDArray[np.float64]

# Draws of all groups, draws of one quantity, data.
DIMS = {3: ("chain", "draw", "group"), 2: ("chain", "draw"), 1: ("group",)}


def load_arviz() -> Any:
    """Import ArviZ, an optional dependency, without its announcement of the next version.

    Raises
    ------
    ImportError
        If it is not installed, saying how to install it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ImportError:
        raise ImportError("this needs ArviZ: pip install 'pyhier[arviz]'") from None
    return arviz


def to_arviz(drawn: "DrawsPosterior", predicted: Floats) -> Any:
    """Draws and predictions, shape (chain, draw, groups), in ArviZ's groups."""
    arviz = load_arviz()
    import xarray as xr

    model = drawn.model
    observed = dict(model.observed())
    response = next(iter(observed))
    coords = {
        "chain": np.arange(drawn.theta_new.shape[0]),
        "draw": np.arange(drawn.theta_new.shape[1]),
        "group": np.array(model.labels, dtype=str),
    }

    def dataset(values: Mapping[str, Floats]) -> Any:
        every = {name: (DIMS[array.ndim], array) for name, array in values.items()}
        used = {dim for dims, _ in every.values() for dim in dims}
        attributes = {"inference_library": "pyhier", "model": repr(model)}
        return xr.Dataset(every, {d: coords[d] for d in used}, attributes)

    hyper = {name: drawn.draws_of(name) for name in model.hyperparameters(drawn.phi)}
    flat = drawn.phi.reshape(-1, drawn.phi.shape[-1])
    lp = model.log_posterior(flat).reshape(drawn.theta_new.shape)
    groups = {
        "posterior": dataset(hyper | {"theta": drawn.theta, "theta_new": drawn.theta_new}),
        "posterior_predictive": dataset({response: predicted}),
        "log_likelihood": dataset({response: drawn.log_likelihood()}),
        "sample_stats": dataset({"lp": lp}),
        "observed_data": dataset({response: observed.pop(response)}),
        "constant_data": dataset(observed),
    }
    if hasattr(arviz, "InferenceData"):
        return arviz.InferenceData(**groups)
    return xr.DataTree.from_dict(groups)
