"""The classical side: poolings, random effects, the analysis of variance."""

from pyhier.classical.anova import AnovaTable, anova
from pyhier.classical.coefficients import Prediction
from pyhier.classical.influence import baujat, radial
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

__all__ = [
    "AnovaTable",
    "Lmer",
    "MetaRegression",
    "MultilevelEffects",
    "MultivariateEffects",
    "Prediction",
    "RandomEffects",
    "RandomEffectsMany",
    "anova",
    "baujat",
    "compare_poolings",
    "complete_pooling",
    "dersimonian_laird",
    "homogeneity_test",
    "james_stein",
    "lmer",
    "no_pooling",
    "radial",
    "random_effects",
    "random_effects_many",
    "reml",
]
