"""ArviZ, an optional dependency, of either line: 0.x with InferenceData, 1.x with DataTree."""

import warnings
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
