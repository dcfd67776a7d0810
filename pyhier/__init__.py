"""Hierarchical models that R users can trust in Python.

A model is data with priors (`NormalNormal`, `BetaBinomial`, `VarianceGamma`); an engine (`exact`,
`laplace`, `rwmetrop`, `importance`, `grid`, ...) takes any model and returns a posterior.
``pyhier.learnbayes`` and ``pyhier.rstats`` are R's functions under R's names, with R's numbers.
"""

from pyhier import _whole_imports
from pyhier.classical.anova import anova
from pyhier.classical.lmer import lmer
from pyhier.classical.lmer_result import Lmer
from pyhier.classical.meta_regression import MetaRegression
from pyhier.classical.pooling import (
    compare_poolings,
    complete_pooling,
    homogeneity_test,
    james_stein,
    no_pooling,
)
from pyhier.classical.random_effects import RandomEffects, dersimonian_laird, random_effects, reml
from pyhier.classical.random_effects_many import RandomEffectsMany, random_effects_many
from pyhier.classical.several_variances import MultilevelEffects, MultivariateEffects
from pyhier.datasets import load_dataset
from pyhier.inference import (
    LaplaceFit,
    empirical_bayes,
    exact,
    exact_many,
    gibbs,
    given,
    grid,
    importance,
    indepmetrop,
    laplace,
    nuts,
    rejection,
    rwmetrop,
    sir,
    vi,
)
from pyhier.models import (
    BetaBinomial,
    BinomialNormal,
    BinomialSums,
    GroupMoments,
    HierarchicalRegression,
    HypergeometricNormal,
    MultilevelNormal,
    MultivariateNormal,
    NormalMixture,
    NormalNormal,
    NormalSums,
    NormalT,
    PoissonGamma,
    PoissonNormal,
    PoissonSums,
    VarianceGamma,
)
from pyhier.models.raw import group_summaries
from pyhier.posterior.diagnostics import ConvergenceWarning
from pyhier.priors.check import PriorCheck, check_prior
from pyhier.priors.tau import PRIOR_NAMES, NormalInvChi2
from pyhier.rstats import RStream
from pyhier.workflow.calibration import Calibration, calibrate
from pyhier.workflow.grading import Grade, grade
from pyhier.workflow.leave_out import leave_group_out
from pyhier.workflow.prior_predictive import PriorDraws, prior_predictive
from pyhier.workflow.sensitivity import Sensitivity, sensitivity

__version__ = "0.1.0"

_whole_imports.install()

__all__ = [
    "PRIOR_NAMES",
    "BetaBinomial",
    "BinomialNormal",
    "BinomialSums",
    "Calibration",
    "ConvergenceWarning",
    "Grade",
    "GroupMoments",
    "HierarchicalRegression",
    "HypergeometricNormal",
    "LaplaceFit",
    "Lmer",
    "MetaRegression",
    "MultilevelEffects",
    "MultilevelNormal",
    "MultivariateEffects",
    "MultivariateNormal",
    "NormalInvChi2",
    "NormalMixture",
    "NormalNormal",
    "NormalSums",
    "NormalT",
    "PoissonGamma",
    "PoissonNormal",
    "PoissonSums",
    "PriorCheck",
    "PriorDraws",
    "RStream",
    "RandomEffects",
    "RandomEffectsMany",
    "Sensitivity",
    "VarianceGamma",
    "anova",
    "calibrate",
    "check_prior",
    "compare_poolings",
    "complete_pooling",
    "dersimonian_laird",
    "empirical_bayes",
    "exact",
    "exact_many",
    "gibbs",
    "given",
    "grade",
    "grid",
    "group_summaries",
    "homogeneity_test",
    "importance",
    "indepmetrop",
    "james_stein",
    "laplace",
    "leave_group_out",
    "lmer",
    "load_dataset",
    "no_pooling",
    "nuts",
    "prior_predictive",
    "random_effects",
    "random_effects_many",
    "rejection",
    "reml",
    "rwmetrop",
    "sensitivity",
    "sir",
    "vi",
]
