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
from pyhier.learnbayes.importance import (
    ImpsamplingResult,
    SimcontourResult,
    impsampling,
    rejectsampling,
    simcontour,
    sir,
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
from pyhier.learnbayes.samplers import (
    GibbsResult,
    RwmetropResult,
    gibbs,
    indepmetrop,
    laplace,
    rwmetrop,
)

__all__ = [
    "GibbsResult",
    "ImpsamplingResult",
    "RwmetropResult",
    "SimcontourResult",
    "betabinexch",
    "betabinexch0",
    "bfexch",
    "bradley_terry_post",
    "cauchyerrorpost",
    "gibbs",
    "groupeddatapost",
    "howardprior",
    "impsampling",
    "indepmetrop",
    "laplace",
    "lbinorm",
    "logctablepost",
    "logisticpost",
    "logpoissgamma",
    "logpoissnormal",
    "normchi2post",
    "normnormexch",
    "poissgamexch",
    "rejectsampling",
    "rwmetrop",
    "simcontour",
    "sir",
    "transplantpost",
    "weibullregpost",
]
