"""Events in two arms, both binomial, each study's risk integrated out; normal log odds ratios.

The arms' logits are a_j + theta_j / 2 and a_j - theta_j / 2, with theta_j ~ N(mu, tau^2) and a_j
anywhere on the line alike: the Bayesian's version of ``model = "UM.FS"`` of metafor's ``rma.glmm``.
The coordinates are (mu, log tau).
"""

from functools import cached_property

from pyhier.distributions.two_binomials import TwoBinomials
from pyhier.models.two_arms_normal import TwoArmsNormal


class TwoBinomialNormal(TwoArmsNormal):
    """Events in two arms, both binomial about the study's own risk, with normal log odds ratios.

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
    ``events`` are binomial with logit a_j + theta_j / 2, ``control_events`` with a_j - theta_j / 2.
    The prior of a_j is flat, so that it does not matter whether a_j is the middle of both logits or
    that of one arm; a_j is integrated out exactly. The effects ``theta[LABEL]`` are log odds
    ratios.

    ``rma.glmm(measure = "OR", model = "UM.FS")`` takes every a_j where the likelihood is highest;
    here it is integrated over, so that ``empirical_bayes`` has other estimates. In studies with
    many events in both arms there is no difference. With few events a study, both take effects for
    larger than they are, this model more so: of pairs of people, small log odds ratios come out
    twice as large by the maximum as by `HypergeometricNormal`, and three times by the integral,
    for a flat a_j puts most risks next to 0 or 1. Take `HypergeometricNormal` there.

    Where all people in one arm and none in the other had the event, the likelihood grows with the
    size of theta_j, slowly and without end; for each such study the uniform prior of tau needs one
    study more whose events keep its effect from both ends. A study without an event in both arms,
    or with nothing but events, has an infinite integral, which in the limit of ever wider priors of
    a_j does not depend on theta_j: it says nothing of it, as in ``rma.glmm``.

    Log likelihoods are by a unit of a_j, so there is no evidence; differences between models of
    this class are meaningful. ``predict`` draws the events in the first arm given those in both.

    ``UM.RS``, where the risks have a normal distribution too, is `TwoBinomialNormalRisks`.

    Source: Jackson, D., Law, M., Stijnen, T., Viechtbauer, W. and White, I. R. (2018), Statistics
    in Medicine 37, 1059-1085.

    Examples
    --------
    Tuberculosis with and without the BCG vaccine:

    >>> import pyhier as ph
    >>> d = ph.load_dataset("bcg")
    >>> arms = d["vaccinated_cases"], d["vaccinated"], d["control_cases"], d["control"]
    >>> model = ph.TwoBinomialNormal(*arms, labels=d["trial"])
    >>> model
    TwoBinomialNormal: 13 groups, mu flat, tau uniform
    >>> {name: round(x, 4) for name, x in ph.empirical_bayes(model).estimate.items()}
    {'mu': -0.7548, 'tau': 0.5591}
    """

    most_apart = 1e10  # more, and the log likelihood is not right to 1e-9

    @cached_property
    def _arms_likelihood(self) -> TwoBinomials:
        return TwoBinomials.of(*self._arms)

    @property
    def _growing(self) -> int:
        most, (y, f, other_y, other_f) = self.margins.most > 0.0, self._arms_likelihood.counts
        one, other = (f == 0.0) & (other_y == 0.0), (y == 0.0) & (other_f == 0.0)
        return int((most & (one | other)).sum())

    def _why_tau(self) -> str:
        return super()._why_tau() or "the flat prior of the studies' risks"
