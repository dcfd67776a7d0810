"""R's own arithmetic: its random streams, ``optim`` and ``optimHess``, to the last bit."""

from pyhier.rstats.linalg import chol, solve
from pyhier.rstats.optimize import OptimResult, optim, optimHess
from pyhier.rstats.streams import RStream, rnorm, runif, set_seed

__all__ = [
    "OptimResult",
    "RStream",
    "chol",
    "optim",
    "optimHess",
    "rnorm",
    "runif",
    "set_seed",
    "solve",
]
