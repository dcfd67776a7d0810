"""Problems of the beta-binomial model (counts.py)."""

from fuzz.counts import binomial as make
from fuzz.counts import judge, may_refuse, solve

__all__ = ["judge", "make", "may_refuse", "solve"]
