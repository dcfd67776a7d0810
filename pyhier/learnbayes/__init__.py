"""LearnBayes, name for name, with LearnBayes' arguments, result fields and draws.

The functions take a log posterior and its data as R's do, ``f(logpost, ..., *data)``; a built-in
log posterior runs compiled. Without ``rng=`` they draw from R's global stream
(``rstats.set_seed``), so that the same seed gives the same draws as in R.
"""

from pyhier.learnbayes.exchangeable import (
    betabinexch,
    betabinexch0,
    bfexch,
    bradley_terry_post,
    normnormexch,
    poissgamexch,
)
from pyhier.learnbayes.logposteriors import (
    cauchyerrorpost,
    groupeddatapost,
    howardprior,
    lbinorm,
    logctablepost,
    logisticpost,
    logpoissgamma,
    logpoissnormal,
    normchi2post,
    transplantpost,
    weibullregpost,
)
from pyhier.learnbayes.samplers import RwmetropResult, laplace, rwmetrop

__all__ = [
    "RwmetropResult",
    "betabinexch",
    "betabinexch0",
    "bfexch",
    "bradley_terry_post",
    "cauchyerrorpost",
    "groupeddatapost",
    "howardprior",
    "laplace",
    "lbinorm",
    "logctablepost",
    "logisticpost",
    "logpoissgamma",
    "logpoissnormal",
    "normchi2post",
    "normnormexch",
    "poissgamexch",
    "rwmetrop",
    "transplantpost",
    "weibullregpost",
]
