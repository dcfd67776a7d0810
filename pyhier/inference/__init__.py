"""The engines: each takes any model and returns what it knows of its posterior."""

from pyhier.inference.laplace import LaplaceFit, laplace
from pyhier.inference.metropolis import rwmetrop

__all__ = ["LaplaceFit", "laplace", "rwmetrop"]
