"""Hierarchical models that R users can trust in Python.

A model is data with priors (`NormalNormal`, `BetaBinomial`, `VarianceGamma`); an engine (`exact`,
`laplace`, `rwmetrop`, `importance`, `grid`, ...) takes any model and returns a posterior.
``pyhier.learnbayes`` and ``pyhier.rstats`` are R's functions under R's names, with R's numbers.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pyhier import _whole_imports

if TYPE_CHECKING:
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
    from pyhier.classical.random_effects import (
        RandomEffects,
        dersimonian_laird,
        random_effects,
        reml,
    )
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
        TwoBinomialNormal,
        TwoBinomialNormalRisks,
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

# Where the names are from. They are loaded when they are asked for: a script takes a few of them.
_ROOMS = {
    "classical.anova": "anova",
    "classical.lmer": "lmer",
    "classical.lmer_result": "Lmer",
    "classical.meta_regression": "MetaRegression",
    "classical.pooling": (
        "compare_poolings complete_pooling homogeneity_test james_stein no_pooling"
    ),
    "classical.random_effects": "RandomEffects dersimonian_laird random_effects reml",
    "classical.random_effects_many": "RandomEffectsMany random_effects_many",
    "classical.several_variances": "MultilevelEffects MultivariateEffects",
    "datasets": "load_dataset",
    "inference": (
        "LaplaceFit empirical_bayes exact exact_many gibbs given grid importance indepmetrop "
        "laplace nuts rejection rwmetrop sir vi"
    ),
    "models": (
        "BetaBinomial BinomialNormal BinomialSums GroupMoments HierarchicalRegression "
        "HypergeometricNormal MultilevelNormal MultivariateNormal NormalMixture NormalNormal "
        "NormalSums NormalT PoissonGamma PoissonNormal PoissonSums TwoBinomialNormal "
        "TwoBinomialNormalRisks VarianceGamma"
    ),
    "models.raw": "group_summaries",
    "posterior.diagnostics": "ConvergenceWarning",
    "priors.check": "PriorCheck check_prior",
    "priors.tau": "PRIOR_NAMES NormalInvChi2",
    "rstats": "RStream",
    "workflow.calibration": "Calibration calibrate",
    "workflow.grading": "Grade grade",
    "workflow.leave_out": "leave_group_out",
    "workflow.prior_predictive": "PriorDraws prior_predictive",
    "workflow.sensitivity": "Sensitivity sensitivity",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Load a public name, or a module of the package, once it is asked for (PEP 562)."""
    home = f"{__name__}.{_HOMES.get(name, name)}"
    if name not in _HOMES and (name.startswith("_") or find_spec(home) is None):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _whole_imports.ctrl_c_waits():  # loaded by half it would stay broken
        found = import_module(home)
    value = globals()[name] = getattr(found, name) if name in _HOMES else found
    return value


def __dir__() -> list[str]:
    """All names, loaded or not."""
    return sorted({*globals(), *__all__})


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
    "TwoBinomialNormal",
    "TwoBinomialNormalRisks",
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
