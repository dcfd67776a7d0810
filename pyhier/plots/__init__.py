"""Pictures (matplotlib): each function draws on the Axes it is given, or a new one, and returns it.

matplotlib loads when this package does; ``import pyhier`` does not load it.
"""

from pyhier.plots.calibrations import calibration
from pyhier.plots.chains import autocorr, trace
from pyhier.plots.checks import predictive_check, sensitivity
from pyhier.plots.covariates import levels, regression
from pyhier.plots.files import save
from pyhier.plots.forests import forest
from pyhier.plots.funnels import divergences, funnel
from pyhier.plots.groups import by_size, shrinkage
from pyhier.plots.hyperparameters import conditional_means, contour
from pyhier.plots.marginals import densities, density, prior_posterior
from pyhier.plots.rows import caterpillar, ridges
from pyhier.plots.small_studies import baujat, radial

__all__ = [
    "autocorr",
    "baujat",
    "by_size",
    "calibration",
    "caterpillar",
    "conditional_means",
    "contour",
    "densities",
    "density",
    "divergences",
    "forest",
    "funnel",
    "levels",
    "predictive_check",
    "prior_posterior",
    "radial",
    "regression",
    "ridges",
    "save",
    "sensitivity",
    "shrinkage",
    "trace",
]
