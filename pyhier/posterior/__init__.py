"""What every engine returns: marginals, draws, summaries, predictions."""

from pyhier.distributions.draws import SampleMarginal
from pyhier.distributions.normal_mixtures import MixtureMarginal
from pyhier.distributions.tau import TauMarginal
from pyhier.posterior.base import Posterior
from pyhier.posterior.checks import PredictiveCheck
from pyhier.posterior.crossed_lattice import CrossedPosterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.effect_lattice import EffectLatticePosterior
from pyhier.posterior.events import Probability
from pyhier.posterior.exact_lattice import LatticePosterior
from pyhier.posterior.exact_line import ExactPosterior

__all__ = [
    "CrossedPosterior",
    "DrawsPosterior",
    "EffectLatticePosterior",
    "ExactPosterior",
    "LatticePosterior",
    "MixtureMarginal",
    "Posterior",
    "PredictiveCheck",
    "Probability",
    "SampleMarginal",
    "TauMarginal",
]
