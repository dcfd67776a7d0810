"""What every engine returns: marginals, draws, summaries, predictions."""

from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.marginal import SampleMarginal

__all__ = ["DrawsPosterior", "SampleMarginal"]
