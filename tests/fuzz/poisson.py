"""Problems of the Poisson-gamma model (counts.py)."""

from fuzz.counts import judge, may_refuse, solve
from fuzz.counts import poisson as make

__all__ = ["judge", "make", "may_refuse", "solve"]
