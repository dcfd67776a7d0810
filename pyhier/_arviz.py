"""ArviZ, an optional dependency, of either line: 0.x with InferenceData, 1.x with DataTree."""

import warnings
from collections.abc import Mapping
from typing import Any


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


def arviz_object(datasets: Mapping[str, Any]) -> Any:
    """Data sets of xarray by group as what this line of ArviZ works on.

    The version says which: ArviZ 1.3 answers for ``InferenceData``, and has none.
    """
    arviz = load_arviz()
    if arviz.__version__.startswith("0."):
        return arviz.InferenceData(**datasets)
    import xarray as xr

    return xr.DataTree.from_dict(dict(datasets))
