"""What is compared with R."""

from pyhier.r_bridge.validation.comparisons import (
    coda,
    learnbayes,
    metafor,
    posteriors,
    priors,
    samplers,
    standard_models,
    stats,
)

COMPARISONS = (
    *stats.COMPARISONS,
    *learnbayes.COMPARISONS,
    *samplers.COMPARISONS,
    *standard_models.COMPARISONS,
    *posteriors.COMPARISONS,
    *priors.COMPARISONS,
    *coda.COMPARISONS,
    *metafor.COMPARISONS,
)
