"""Events in two arms given both margins, with normal effects on the line of log odds ratios.

Events of a study's first arm, given its events in both, have Fisher's noncentral hypergeometric
distribution with log odds ratio theta_j ~ N(mu, tau^2): the hypergeometric-normal model of Stijnen,
Hamza and Oezdemir (2010), ``model = "CM.EL"`` of metafor's ``rma.glmm``. The coordinates are
(mu, log tau).
"""

from typing import Any

from pyhier._types import Floats
from pyhier.distributions.hypergeometric import Margins
from pyhier.models.two_arms_normal import TwoArmsNormal


class HypergeometricNormal(TwoArmsNormal):
    """Events in two arms, with log odds ratios from one normal distribution.

    Parameters
    ----------
    events, control_events : array_like, shape (studies,)
        Events in the first and in the second arm: whole numbers.
    size, control_size : array_like, shape (studies,)
        The people in them.
    labels : sequence, optional
        Names of the studies; "1", "2", ... without it.
    X : frame or array, shape (studies,) or (studies, covariates), optional
        Covariates of the studies: theta_j ~ N(x_j' beta, tau^2). An intercept is added where no
        column is constant.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it, as in `BinomialNormal`.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of mu, the mean log odds ratio; flat without it.
    prior_tau : str, frozen distribution or callable
        The prior of tau, the sd of the log odds ratios, as in `NormalNormal`. The named ones that
        depend on standard errors take those of the log odds ratios, half a count added.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first study.

    Notes
    -----
    The effects ``theta[LABEL]`` are log odds ratios, of an event in the first arm against one in
    the second. The likelihood is that of the events in the first arm given those in both, so the
    studies' risks play no part. Studies with no event, with nothing but events, or with none in an
    arm take no correction; the former two say nothing of theta. ``empirical_bayes`` has the
    estimates of ``rma.glmm(measure = "OR", model = "CM.EL")``.

    `TwoBinomialNormal` has both arms binomial, and integrates every study's risk out where
    ``UM.FS`` of ``rma.glmm`` takes the likeliest. `TwoBinomialNormalRisks`
    is ``UM.RS``, whose risks are normal too. `BinomialNormal.from_two_arms` is
    ``CM.AL``, for rare events and for rates.

    Source: Stijnen, T., Hamza, T. H. and Oezdemir, P. (2010), Statistics in Medicine 29, 3046-3067.

    Examples
    --------
    Tuberculosis with and without the BCG vaccine:

    >>> import pyhier as ph
    >>> d = ph.load_dataset("bcg")
    >>> arms = d["vaccinated_cases"], d["vaccinated"], d["control_cases"], d["control"]
    >>> model = ph.HypergeometricNormal(*arms, labels=d["trial"])
    >>> model
    HypergeometricNormal: 13 groups, mu flat, tau uniform
    >>> {name: round(x, 4) for name, x in ph.empirical_bayes(model).estimate.items()}
    {'mu': -0.7538, 'tau': 0.5582}
    """

    most_apart = 1e7  # sums over them take a tenth of a second

    @property
    def _arms_likelihood(self) -> Margins:
        return self.margins

    def with_response(self, y: Floats) -> Any:
        """The same margins and priors with other events in the first arm."""
        make, arms = self.__reduce__()
        return make(y, arms[1], self.events + self.control_events - y, arms[3])
