"""The bridge to a live R (rpy2): run R code on Python's data and look at what it returns.

It serves the tests and the benchmarks, which hold pyhier against R's own LearnBayes; nothing else
in pyhier needs it, or R.
"""

from pyhier.r_bridge.validation.live_r import RError, RUnavailableError, evaluate, versions

__all__ = ["RError", "RUnavailableError", "evaluate", "versions"]
