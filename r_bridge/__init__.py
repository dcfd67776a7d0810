"""Where Python and R meet, in both directions.

`evaluate` runs R code in a live R (rpy2) on Python's data. `validation` compares pyhier's functions
with R's, for the tests, the benchmarks and ``pyhier validate``. `for_r`, over `crossing`, is what
the R package in ``rpackage`` calls. Nothing else in pyhier needs this package, or R.
"""

from pyhier.r_bridge.validation.live_r import RError, RUnavailableError, evaluate, versions

__all__ = ["RError", "RUnavailableError", "evaluate", "versions"]
