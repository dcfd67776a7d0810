"""R's d, p and q functions over their whole range, number by number, and their conventions.

`r_bridge.validation.comparisons.distributions` compares them on ordinary parameters.
"""

import math
import re
import warnings

import mpmath as mp
import numpy as np
import pytest
from pyhier.r_bridge.validation.comparisons.distributions import FAMILIES, ours
from pyhier.r_bridge.validation.comparisons.whole_range import (
    LOST_IN_R,
    WIDE,
    far_tails,
    points,
    wide,
)

from pyhier import rstats

N = 400
FAR = 2.82  # log10 of how far the logarithms of probabilities go: 1e-290


def in_r(r, function, x, given, **options):
    flags = "".join(f", {name.replace('_', '.')} = {str(v).upper()}" for name, v in options.items())
    code = f"suppressWarnings(do.call({function}, c(list(x), given{flags})))"
    return np.asarray(r(code, x=x, given=given), dtype=np.float64)


def apart(theirs, found):
    """Relative differences; 0 for equal infinities and NaNs, infinite for unequal ones."""
    same = (theirs == found) | (np.isnan(theirs) & np.isnan(found))
    with np.errstate(all="ignore"):
        relative = np.abs(found - theirs) / np.abs(theirs)
    return np.where(same, 0.0, np.where(np.isnan(relative), np.inf, relative))


@pytest.mark.parametrize("family", FAMILIES)
def test_probabilities(r, family):
    """2e-12: rounding of exp(log p) far in the tails; with shapes of 1e8 x's own is magnified."""
    rng = np.random.default_rng(1)
    given = wide(family, rng, N)
    x = points(family, given, rng, FAR)
    for lower in (True, False):
        for log in (False, True):
            options = {"lower_tail": lower, "log_p": log}
            theirs = in_r(r, f"p{family}", x, given, **options)
            error = apart(theirs, ours("p", family)(x, given, **options))
            if family == "unif" and log:
                error[theirs > -0.5] = 0.0  # log1p(-small) here, log(1 - small) in R
            limit = 1e-10 if family in WIDE else 2e-12
            assert error.max() < limit, (options, x[error.argmax()])


def exact_log_density(family, x, given, i):
    """The gamma and Poisson densities in 40 digits."""
    with mp.workdps(40):
        if family == "pois":
            k, mean = mp.mpf(x[i]), mp.mpf(given["lambda"][i])
            return k * mp.log(mean) - mean - mp.loggamma(k + 1)
        if family == "chisq":
            shape, scale = mp.mpf(given["df"][i]) / 2, mp.mpf(2)
        else:
            shape, scale = mp.mpf(given["shape"][i]), mp.mpf(float(1.0 / given["rate"][i]))
        z = mp.mpf(x[i]) / scale
        return (shape - 1) * mp.log(z) - z - mp.loggamma(shape) - mp.log(scale)


@pytest.mark.parametrize("family", FAMILIES)
def test_densities(r, family):
    """R's digits; where R 4.2 has lost its own (large means), the exact value is ours."""
    rng = np.random.default_rng(2)
    given = wide(family, rng, N)
    x = points(family, given, rng, FAR)
    plain, log = ours("d", family)(x, given), ours("d", family)(x, given, log=True)
    error = apart(in_r(r, f"d{family}", x, given), plain)
    # A logarithm near 0 has the rounding of its terms.
    theirs = in_r(r, f"d{family}", x, given, log=True)
    with np.errstate(invalid="ignore"):
        small = np.abs(log - theirs) / np.maximum(1.0, np.abs(theirs))
    error = np.maximum(error, np.where(log == theirs, 0.0, small))
    doubtful = np.flatnonzero(error > 2e-12)
    if family not in LOST_IN_R:
        assert doubtful.size == 0, (x[doubtful[:1]], theirs[doubtful[:1]], log[doubtful[:1]])
    for i in doubtful:
        exact = exact_log_density(family, x, given, i)
        wrong = abs(float(log[i] - exact))
        assert wrong < 2e-15 * float(abs(exact)) + 3e-15 + 1e-15 * abs(x[i])
        assert wrong <= abs(float(theirs[i] - exact)) + 1e-15


@pytest.mark.parametrize("family", FAMILIES)
def test_quantiles(r, family):
    """R's quantile to 1e-11, or one whose probability, by R's p function, is as near or nearer."""
    rng = np.random.default_rng(3)
    given, log_p = wide(family, rng, N), far_tails(rng, N, FAR)
    for lower in (True, False):
        options = {"lower_tail": lower, "log_p": True}
        found = ours("q", family)(log_p, given, **options)
        theirs = in_r(r, f"q{family}", log_p, given, **options)
        back, r_back = (in_r(r, f"p{family}", x, given, **options) for x in (found, theirs))
        with np.errstate(invalid="ignore"):
            error, r_error = np.abs(back - log_p), np.abs(r_back - log_p)
            nearer = (error <= r_error) | (error < 1e-11 * np.maximum(1.0, -log_p))
        good = (apart(theirs, found) < 1e-11) | nearer
        # R stops short of what underflows or overflows
        good |= ((found < 1e-300) & (theirs < 1e-290) & (found >= 0.0)) | (
            (found == np.inf) & (theirs > 1e290)
        )
        if family in ("binom", "pois", "geom", "nbinom", "hyper"):
            good |= first_to_reach(r, family, given, found, log_p, lower)
        assert good.all(), (options, log_p[~good][0], found[~good][0], theirs[~good][0])
        p = np.exp(log_p)
        keep = (p > 0.01) & (p < 0.99)
        plain = ours("q", family)(p, given, lower_tail=lower)
        assert apart(found, plain)[keep].max() < 1e-9


def first_to_reach(r, family, given, found, log_p, lower):
    """Whether R's own p function says that a count is the first to reach a probability."""
    options = {"lower_tail": lower, "log_p": True}
    at, below = (in_r(r, f"p{family}", x, given, **options) for x in (found, found - 1.0))
    if lower:
        return (at >= log_p - 1e-10) & (below < log_p + 1e-10)
    return (at <= log_p + 1e-10) & (below > log_p - 1e-10)


# --- Conventions ----------------------------------------------------------------------------------

EDGES = [
    "dnorm(c(-Inf, 0, Inf), 0, 1)", "dnorm(1, 1, 0)", "pnorm(1, 1, 0)", "pnorm(c(-Inf, Inf))",
    "pnorm(-40, log.p = TRUE)", "qnorm(c(0, 1))", "qnorm(-Inf, log.p = TRUE)",
    "qnorm(0.3, 2, 0)", "dgamma(0, c(0.5, 1, 2))", "pgamma(c(-1, 0, Inf), 2)", "pgamma(1, 0)",
    "qgamma(c(0, 1), 3)", "dgamma(2, 3, rate = 4)", "dgamma(2, 3, scale = 4)",
    "dbeta(c(0, 1), 1, 1)", "dbeta(c(0, 0.5, 1), 0.5, 0.5)", "pbeta(c(-1, 0, 1, 2), 2, 3)",
    "pbeta(0.3, 0, 0)", "pbeta(0.3, 0, 2)", "pbeta(0.3, Inf, 2)", "qbeta(c(0, 1), 2, 3)",
    "dbinom(0:3, 3, 0)", "dbinom(0:3, 3, 1)", "dbinom(0, 0, 0.5)", "pbinom(c(-1, 1.5, 3), 3, 0.5)",
    "qbinom(c(0, 0.5, 1), 10, 0.3)", "dpois(0:2, 0)", "ppois(c(-1, 2), 0)", "qpois(c(0, 1), 3)",
    "dunif(c(-1, 0, 1, 2))", "punif(c(-1, 0.3, 2))", "qunif(c(0, 0.3, 1), 2, 5)",
    "dexp(c(-1, 0, 1), 2)", "pexp(c(-1, 0, Inf), 2)", "qexp(c(0, 1), 2)", "dchisq(0, c(1, 2, 3))",
    "pchisq(3, c(0, 1))", "dt(c(-Inf, 0), 3)", "dt(1, Inf)", "pt(c(-Inf, Inf), 3)", "pt(1, Inf)",
    "qt(c(0, 0.5, 1), 3)", "qt(0.3, Inf)", "df(c(-1, 0), 2, 3)", "df(0, 1, 3)", "df(2, 3, Inf)",
    "df(2, Inf, 3)", "pf(c(-1, 0, Inf), 2, 3)", "pf(2, 3, Inf)", "pf(2, Inf, 3)",
    "qf(c(0, 0.4, 1), 3, Inf)", "qf(0.4, Inf, 3)", "dgeom(c(-1, 0, 2), 0.3)", "pgeom(2, 1)",
    "qgeom(c(0, 0.5, 1), 0.2)", "dnbinom(0:2, 3, mu = 2)", "pnbinom(0:2, 3, mu = 2)",
    "qnbinom(c(0, 0.5, 1), 3, mu = 2)", "dnbinom(0:2, 0, 0.5)", "dhyper(0:3, 5, 4, 3)",
    "phyper(-1:4, 5, 4, 3)", "qhyper(c(0, 0.5, 1), 5, 4, 3)", "dcauchy(Inf)", "pcauchy(-1e20)",
    "qcauchy(c(0, 0.5, 1))", "dlogis(800)", "plogis(800, lower.tail = FALSE, log.p = TRUE)",
    "qlogis(c(0, 1))", "dlnorm(c(-1, 0, 1))", "plnorm(c(-1, 0, Inf))", "qlnorm(c(0, 1))",
    "dweibull(c(-1, 0), 2)", "dweibull(0, 0.5)", "pweibull(c(-1, 0, Inf), 2)",
    "qweibull(c(0, 1), 2)",
    "dnorm(c(1, NA, NaN))", "pgamma(NA, 2)", "dnorm(c(1, 2, 3, 4), c(0, 10))", "choose(5, -1:6)",
    "choose(-2.5, 3)", "lgamma(c(0, -1, Inf))", "lbeta(0, 2)", "beta(0, 2)", "gamma(c(171, 172))",
    "factorial(0:5)", "psigamma(2, 0:4)", "digamma(-0.5)",
]  # fmt: skip


@pytest.mark.parametrize("code", EDGES)
def test_edges(r, code):
    theirs = np.asarray(r(code), dtype=np.float64)
    words = {
        "np": np,
        "c": lambda *x: np.array(x, dtype=float),
        "Inf": np.inf,
        "NaN": np.nan,
        "NA": np.nan,
    }
    words |= {name: getattr(rstats, name) for name in rstats.__all__}
    text = code.replace("TRUE", "True").replace("FALSE", "False")
    text = text.replace("lower.tail", "lower_tail").replace("log.p", "log_p")
    text = re.sub(r"(-?\d):(\d)", r"np.arange(\1.0, \2 + 1.0)", text)
    np.testing.assert_allclose(eval(text, words), theirs, rtol=1e-13)


IMPOSSIBLE = [
    ("dnorm(0, 0, -1)", r"NaNs produced: dnorm\(x=0, mean=0, sd=-1\)"),
    ("pnorm(0, 0, -1)", "pnorm"), ("qnorm(2)", r"qnorm\(p=2, mean=0, sd=1\)"),
    ("qnorm(0.5, 0, -1)", "qnorm"), ("dgamma(1, -1)", "shape=-1"), ("qbeta(0.5, -1, 2)", "qbeta"),
    ("dbinom(1, 3, 2)", "prob=2"), ("dbinom(1, 2.5, 0.5)", "size=2.5"), ("dpois(1, -1)", "dpois"),
    ("qpois(-0.1, 2)", "p=-0.1"), ("dt(1, -1)", "df=-1"), ("pf(1, 0, 2)", "df1=0"),
    ("dhyper(1, 2, 3, 9)", "k=9"), ("dnbinom(1, -1, 0.5)", "size=-1"), ("dunif(1, 3, 2)", "max=2"),
    ("pexp(1, -1)", "rate=-1"), ("gamma(-1)", r"gamma\(-1\)"), ("lbeta(-1, 2)", "lbeta"),
    ("dgeom(1, 0)", "prob=0"), ("qlogis(0.3, 0, -1)", "scale=-1"), ("dweibull(1, -1)", "dweibull"),
    ("pcauchy(1, 0, -1)", "pcauchy"), ("qlnorm(0.4, 0, -1)", "qlnorm"),
    ("qchisq(0.3, -2)", "df=-2"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message"), IMPOSSIBLE, ids=[code for code, _ in IMPOSSIBLE])
def test_impossible_arguments(r, code, message):
    """NaN with a warning, in R and here; the warning names what was given."""
    assert math.isnan(r(f"suppressWarnings({code})"))
    with pytest.warns(RuntimeWarning, match=message):
        assert math.isnan(eval(code, {name: getattr(rstats, name) for name in rstats.__all__}))


def test_fractions_of_counts_warn(r):
    assert r("suppressWarnings(dpois(1.5, 2))") == 0.0
    with pytest.warns(RuntimeWarning, match=r"non-integer x = 1\.5"):
        assert rstats.dpois([1.5, 2.0], 2)[0] == 0.0


def test_shapes_and_types():
    assert rstats.dnorm(0.0).shape == ()
    assert rstats.dnorm([]).shape == (0,)
    assert rstats.dnorm([[0.0, 1.0]], [[0.0], [1.0]]).shape == (2, 2)
    np.testing.assert_array_equal(
        rstats.dnorm([0, 1, 2], [0, 1]), rstats.dnorm([0, 1, 2], [0, 1, 0])
    )
    with pytest.raises(TypeError, match="sd is 'a': it must be numbers"):
        rstats.dnorm(0, 0, "a")
    with pytest.raises(ValueError, match="rate and scale are both given: give one"):
        rstats.pgamma(1, 2, 3, 4)
    with pytest.raises(TypeError, match="prob and mu are both missing"):
        rstats.dnbinom(1, 2)
    with pytest.raises(ValueError, match=r"deriv is 1\.5"):
        rstats.psigamma(1.0, 1.5)


def test_gamma_functions_bit_for_bit(r):
    """Every branch of them, from 1e-300 to 1e300 and below 0."""
    rng = np.random.default_rng(4)
    x = np.concatenate([10.0 ** rng.uniform(-300, 300, 500), rng.uniform(0, 180, 2000)])
    y = rng.permutation(x)
    size = np.floor(10.0 ** rng.uniform(0, 5, 500))
    k = np.floor(rng.random(500) * size)
    code = """list(gamma(x), lgamma(x), beta(x, y), lbeta(x, y), choose(n, k), lchoose(n, k),
                   trigamma(x[501:2500]), lgamma(-x[501:2500]))"""
    theirs = r(code, x=x, y=y, n=size, k=k)
    found = [
        rstats.gamma(x), rstats.lgamma(x), rstats.beta(x, y), rstats.lbeta(x, y),
        rstats.choose(size, k), rstats.lchoose(size, k), rstats.trigamma(x[500:]),
        rstats.lgamma(-x[500:]),
    ]  # fmt: skip
    for a, b, same in zip(theirs, found, [1, 1, 1, 1, 1, 1, 1, 0.98], strict=True):
        assert np.mean(a == b) >= same
        np.testing.assert_allclose(b, a, rtol=1e-14)
    psi = rstats.digamma(x)
    np.testing.assert_allclose(psi, r("digamma(x)", x=x), rtol=5e-16)


def test_polygammas_below_zero(r):
    """R loses six digits there (2e-11); 40-digit arithmetic says that ours are right."""
    x = -np.random.default_rng(5).uniform(0.0, 170.0, 60)
    for order in range(4):
        exact = np.array([float(mp.psi(order, mp.mpf(v))) for v in x])
        np.testing.assert_allclose(rstats.psigamma(x, order), exact, rtol=1e-12)
        np.testing.assert_allclose(r("psigamma(x, d)", x=x, d=order), exact, rtol=1e-8)


def test_own_beta_binomial_has_lbetas_bits(r):
    """Issue: retyped with scipy's betaln the chain parted at row 117; with lbeta it is R's."""
    trials = [1083, 855, 3461, 657, 1208, 1025, 527, 1668, 583, 582]
    data = np.column_stack([[0.0, 0, 2, 0, 1, 1, 0, 2, 1, 3], trials])
    code = """
        f <- function(theta, data) {
            eta <- exp(theta[1]) / (1 + exp(theta[1])); K <- exp(theta[2]); y <- data[, 1]
            n <- data[, 2]
            sum(lbeta(K * eta + y, K * (1 - eta) + n - y) - lbeta(K * eta, K * (1 - eta))) +
                theta[2] - 2 * log(1 + K)
        }
        fit <- LearnBayes::laplace(f, c(-7, 6), data); set.seed(1)
        list(fit$mode, fit$var,
             LearnBayes::rwmetrop(f, list(var = fit$var, scale = 2), fit$mode, 3000, data)$par)
    """
    mode, var, par = r(code, data=data)

    def logf(theta, data):
        eta, k = math.exp(theta[0]) / (1 + math.exp(theta[0])), math.exp(theta[1])
        y, n = data.T
        terms = rstats.lbeta(k * eta + y, k * (1 - eta) + n - y) - rstats.lbeta(
            k * eta, k * (1 - eta)
        )
        total = np.sum(terms.astype(np.longdouble))  # R's sum
        return float(float(total) + theta[1] - 2 * math.log(1 + k))

    from pyhier import learnbayes as lb

    fit = lb.laplace(logf, [-7, 6], data)
    np.testing.assert_array_equal(fit.mode, mode)
    np.testing.assert_array_equal(fit.var, var)
    rstats.set_seed(1)
    chain = lb.rwmetrop(logf, {"var": fit.var, "scale": 2}, fit.mode, 3000, data)
    np.testing.assert_array_equal(chain.par, par)


def test_an_optimiser_may_wander():
    """A density at impossible parameters is NaN, which optim takes for very bad, as in R."""
    y = np.array([1.0, 2.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        fit = rstats.optim([0.0, 0.1], lambda t: -np.sum(rstats.dnorm(y, t[0], t[1], log=True)))
    np.testing.assert_allclose(fit.par, [7 / 3, np.std(y)], rtol=5e-3)
