"""The engines: each takes any model and returns what it knows of its posterior."""

from pyhier.inference.exact import exact
from pyhier.inference.given import given
from pyhier.inference.laplace import LaplaceFit, laplace
from pyhier.inference.metropolis import rwmetrop

__all__ = ["LaplaceFit", "exact", "given", "laplace", "rwmetrop"]
