"""The models: data and priors, with the group effects integrated out."""

from pyhier.models.averaged_t import AveragedT
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.binomial_normal import BinomialNormal
from pyhier.models.binomial_sums import BinomialSums, SummedBetaBinomial
from pyhier.models.count_families import BetaBinomialRegression, PoissonGammaRegression
from pyhier.models.count_normal_families import (
    BinomialNormalRegression,
    HypergeometricNormalRegression,
    PoissonNormalRegression,
    TwoBinomialNormalRegression,
)
from pyhier.models.group_moments import GroupMoments
from pyhier.models.heavy_families import NormalMixtureRegression, NormalTRegression
from pyhier.models.hypergeometric_normal import HypergeometricNormal
from pyhier.models.interface import Model
from pyhier.models.multilevel import MultilevelNormal
from pyhier.models.multivariate import MultivariateNormal
from pyhier.models.normal_mixture import NormalMixture
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.normal_regression import NormalRegression
from pyhier.models.normal_sums import NormalSums, SummedNormal
from pyhier.models.normal_t import NormalT
from pyhier.models.own import HierarchicalModel
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.models.poisson_normal import PoissonNormal
from pyhier.models.poisson_sums import PoissonSums, SummedPoissonGamma
from pyhier.models.regression import HierarchicalRegression
from pyhier.models.two_binomial_normal import TwoBinomialNormal
from pyhier.models.two_binomial_risks import TwoBinomialNormalRisks
from pyhier.models.variance_gamma import VarianceGamma

__all__ = [
    "AveragedT",
    "BetaBinomial",
    "BetaBinomialRegression",
    "BinomialNormal",
    "BinomialNormalRegression",
    "BinomialSums",
    "GroupMoments",
    "HierarchicalModel",
    "HierarchicalRegression",
    "HypergeometricNormal",
    "HypergeometricNormalRegression",
    "Model",
    "MultilevelNormal",
    "MultivariateNormal",
    "NormalMixture",
    "NormalMixtureRegression",
    "NormalNormal",
    "NormalRegression",
    "NormalSums",
    "NormalT",
    "NormalTRegression",
    "PoissonGamma",
    "PoissonGammaRegression",
    "PoissonNormal",
    "PoissonNormalRegression",
    "PoissonSums",
    "SummedBetaBinomial",
    "SummedNormal",
    "SummedPoissonGamma",
    "TwoBinomialNormal",
    "TwoBinomialNormalRegression",
    "TwoBinomialNormalRisks",
    "VarianceGamma",
]
