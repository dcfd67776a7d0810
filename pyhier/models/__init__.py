"""The models: data and priors, with the group effects integrated out."""

from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.models.protocol import Model

__all__ = ["BetaBinomial", "Model", "NormalNormal", "PoissonGamma"]
