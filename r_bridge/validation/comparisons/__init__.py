"""What is compared with R."""

from collections.abc import Sequence

from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons import (
    coda,
    count_effects,
    distributions,
    learnbayes,
    metafor,
    mixed_models,
    moderators,
    posteriors,
    priors,
    samplers,
    several_variances,
    standard_models,
    stats,
    whole_range,
)

COMPARISONS = (
    *stats.COMPARISONS,
    *distributions.COMPARISONS,
    *whole_range.COMPARISONS,
    *learnbayes.COMPARISONS,
    *samplers.COMPARISONS,
    *standard_models.COMPARISONS,
    *posteriors.COMPARISONS,
    *priors.COMPARISONS,
    *coda.COMPARISONS,
    *metafor.COMPARISONS,
    *moderators.COMPARISONS,
    *several_variances.COMPARISONS,
    *count_effects.COMPARISONS,
    *mixed_models.COMPARISONS,
)


def all_comparisons(packages: Sequence[str] = ()) -> list[Comparison]:
    """Every comparison there is, or those with some R packages."""
    known = {comparison.package for comparison in COMPARISONS}
    for package in packages:
        if package not in known:
            raise ValueError(f"package is {package!r}: compared are {', '.join(sorted(known))}")
    return [c for c in COMPARISONS if not packages or c.package in packages]
