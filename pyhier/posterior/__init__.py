"""What every engine returns: marginals, draws, summaries, predictions."""

from pyhier.posterior.base import Posterior
from pyhier.posterior.checks import PredictiveCheck, Probability
from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.exact import ExactPosterior
from pyhier.posterior.marginal import SampleMarginal
from pyhier.posterior.mixtures import MixtureMarginal
from pyhier.posterior.quadrature import TauMarginal

__all__ = [
    "DrawsPosterior",
    "ExactPosterior",
    "MixtureMarginal",
    "Posterior",
    "PredictiveCheck",
    "Probability",
    "SampleMarginal",
    "TauMarginal",
]
