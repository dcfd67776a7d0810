"""What is compared with R, a module an R package."""

from pyhier.r_bridge.comparisons import learnbayes, metafor, posteriors, priors, stats

COMPARISONS = (
    *stats.COMPARISONS,
    *learnbayes.COMPARISONS,
    *posteriors.COMPARISONS,
    *priors.COMPARISONS,
    *metafor.COMPARISONS,
)
