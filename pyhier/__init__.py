"""Hierarchical models that R users can trust in Python.

A model is data with priors (`NormalNormal`); an engine (`laplace`, `rwmetrop`) takes any model and
returns a posterior. ``pyhier.learnbayes`` and ``pyhier.rstats`` are R's functions under R's names,
with R's numbers.
"""

from pyhier.classical import complete_pooling, homogeneity_test, no_pooling
from pyhier.datasets import load_dataset
from pyhier.inference import LaplaceFit, exact, laplace, rwmetrop
from pyhier.models import NormalNormal
from pyhier.priors import PRIOR_NAMES, NormalInvChi2
from pyhier.rstats import RStream

__version__ = "0.1.0"

__all__ = [
    "PRIOR_NAMES",
    "LaplaceFit",
    "NormalInvChi2",
    "NormalNormal",
    "RStream",
    "complete_pooling",
    "exact",
    "homogeneity_test",
    "laplace",
    "load_dataset",
    "no_pooling",
    "rwmetrop",
]
