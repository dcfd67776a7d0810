"""The engines: each takes any model and returns what it knows of its posterior."""

from pyhier.inference.chains import MetropolisPosterior
from pyhier.inference.empirical_bayes import EmpiricalBayesPosterior, empirical_bayes
from pyhier.inference.exact import exact
from pyhier.inference.gibbs import gibbs
from pyhier.inference.given import given
from pyhier.inference.grid import GridPosterior, grid
from pyhier.inference.importance import (
    ImportancePosterior,
    ResampledPosterior,
    importance,
    sir,
)
from pyhier.inference.independence import indepmetrop
from pyhier.inference.laplace import LaplaceFit, laplace
from pyhier.inference.many import exact_many
from pyhier.inference.metropolis import rwmetrop
from pyhier.inference.nuts import nuts
from pyhier.inference.rejection import RejectionPosterior, rejection
from pyhier.inference.variational import VariationalPosterior
from pyhier.inference.vi import vi

__all__ = [
    "EmpiricalBayesPosterior",
    "GridPosterior",
    "ImportancePosterior",
    "LaplaceFit",
    "MetropolisPosterior",
    "RejectionPosterior",
    "ResampledPosterior",
    "VariationalPosterior",
    "empirical_bayes",
    "exact",
    "exact_many",
    "gibbs",
    "given",
    "grid",
    "importance",
    "indepmetrop",
    "laplace",
    "nuts",
    "rejection",
    "rwmetrop",
    "sir",
    "vi",
]
