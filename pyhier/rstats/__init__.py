"""R's own arithmetic: its random streams, ``optim`` and ``optimHess``, to the last bit."""

from pyhier.rstats.distributions import pnorm, qnorm
from pyhier.rstats.format import NA, format_numbers, is_na, signif
from pyhier.rstats.global_stream import (
    rbeta,
    rbinom,
    rcauchy,
    rchisq,
    rexp,
    rf,
    rgamma,
    rgeom,
    rlnorm,
    rlogis,
    rmultinom,
    rnbinom,
    rnorm,
    rpois,
    rt,
    runif,
    rweibull,
    sample,
    set_seed,
)
from pyhier.rstats.kernel_density import Density, bw_nrd, bw_nrd0, density
from pyhier.rstats.linalg import chol, solve
from pyhier.rstats.nelder_mead import OptimResult, optim, optimHess
from pyhier.rstats.quantile import quantile
from pyhier.rstats.streams import RStream

__all__ = [
    "NA",
    "Density",
    "OptimResult",
    "RStream",
    "bw_nrd",
    "bw_nrd0",
    "chol",
    "density",
    "format_numbers",
    "is_na",
    "optim",
    "optimHess",
    "pnorm",
    "qnorm",
    "quantile",
    "rbeta",
    "rbinom",
    "rcauchy",
    "rchisq",
    "rexp",
    "rf",
    "rgamma",
    "rgeom",
    "rlnorm",
    "rlogis",
    "rmultinom",
    "rnbinom",
    "rnorm",
    "rpois",
    "rt",
    "runif",
    "rweibull",
    "sample",
    "set_seed",
    "signif",
    "solve",
]
