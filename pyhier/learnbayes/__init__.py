"""LearnBayes, name for name, with LearnBayes' arguments, result fields and draws.

The functions take a log posterior and its data as R's do, ``f(logpost, ..., *data)``; a built-in
log posterior runs compiled. Without ``rng=`` they draw from R's global stream
(``rstats.set_seed``), so that the same seed gives the same draws as in R.
"""

from pyhier.learnbayes.logposteriors import normnormexch
from pyhier.learnbayes.samplers import RwmetropResult, laplace, rwmetrop

__all__ = ["RwmetropResult", "laplace", "normnormexch", "rwmetrop"]
