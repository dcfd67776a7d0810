"""What is compared with R."""

from collections.abc import Sequence

from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons import (
    coda,
    distributions,
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
    *distributions.COMPARISONS,
    *learnbayes.COMPARISONS,
    *samplers.COMPARISONS,
    *standard_models.COMPARISONS,
    *posteriors.COMPARISONS,
    *priors.COMPARISONS,
    *coda.COMPARISONS,
    *metafor.COMPARISONS,
)


def all_comparisons(packages: Sequence[str] = ()) -> list[Comparison]:
    """Every comparison there is, or those with some R packages."""
    known = {comparison.package for comparison in COMPARISONS}
    for package in packages:
        if package not in known:
            raise ValueError(f"package is {package!r}: compared are {', '.join(sorted(known))}")
    return [c for c in COMPARISONS if not packages or c.package in packages]
