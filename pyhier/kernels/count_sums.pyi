from collections.abc import Sequence

from pyhier.kernels.count_data import Counts
from pyhier.kernels.count_density import BetaBinomialMarginal, CountMarginal, Floats

class BetaBinomialSteps(BetaBinomialMarginal):
    def __init__(
        self, successes: Counts, failures: Counts, trials: Counts, reference: Sequence[float]
    ) -> None: ...

class BetaBinomialPairs(BetaBinomialMarginal):
    def __init__(
        self, successes: Floats, failures: Floats, times: Floats, reference: Sequence[float]
    ) -> None: ...

class PoissonGammaSums(CountMarginal):
    def __init__(
        self,
        events: Counts,
        log_exposure: Floats,
        groups: Floats,
        counts: Floats,
        reference: Sequence[float],
    ) -> None: ...
