"""Noncentral distributions against 50-digit arithmetic: other formulas than the package's."""

import mpmath as mp
import numpy as np
import pytest

from pyhier import rstats


def mixture(central, ncp):
    """A Poisson mixture, term by term until these are 30 digits below the largest."""
    half, j = mp.mpf(ncp) / 2, 0
    weight, total, largest = mp.e**-half, mp.mpf(0), mp.mpf(0)
    while True:
        term = weight * central(j)
        total, largest, j = total + term, max(largest, term), j + 1
        weight *= half / j
        if term < largest * mp.mpf(10) ** -30 and j > half:
            return total


def chisq(kind, x, df, ncp):
    def central(j):
        shape = mp.mpf(df) / 2 + j
        if kind == "d":
            return (
                mp.e ** ((shape - 1) * mp.log(mp.mpf(x) / 2) - mp.mpf(x) / 2) / mp.gamma(shape) / 2
            )
        ends = (0, mp.mpf(x) / 2) if kind == "p" else (mp.mpf(x) / 2, mp.inf)
        return mp.gammainc(shape, *ends, regularized=True)

    return mixture(central, ncp)


def beta(kind, x, a, b, ncp):
    x, b = mp.mpf(x), mp.mpf(b)

    def central(j):
        if kind == "d":
            return x ** (a + j - 1) * (1 - x) ** (b - 1) / mp.beta(mp.mpf(a) + j, b)
        if kind == "p":
            return mp.betainc(mp.mpf(a) + j, b, 0, x, regularized=True)
        return mp.betainc(b, mp.mpf(a) + j, 0, 1 - x, regularized=True)

    return mixture(central, ncp)


def f(kind, x, df1, df2, ncp):
    """By the beta distribution of ratio / (1 + ratio)."""
    ratio = mp.mpf(df1) * mp.mpf(x) / mp.mpf(df2)
    slope = mp.mpf(df1) / mp.mpf(df2) / (1 + ratio) ** 2 if kind == "d" else 1
    return slope * beta(kind, ratio / (1 + ratio), mp.mpf(df1) / 2, mp.mpf(df2) / 2, ncp)


def t(kind, x, df, ncp):
    """The classical series of incomplete beta functions, which cancels: with digits to spare."""
    n, shift, x = mp.mpf(df), mp.mpf(ncp), mp.mpf(x)
    if kind == "d":
        low = mp.mpf(10) ** -18 * max(1, abs(x))
        with mp.workdps(110):
            return (t("p", x + low, df, ncp) - t("p", x - low, df, ncp)) / (2 * low)
    if x < 0:
        return t({"p": "q", "q": "p"}[kind], -x, df, -ncp)
    with mp.workdps(110):
        y, half = x * x / (x * x + n), shift * shift / 2
        even = mp.e**-half
        odd = shift * even / (mp.sqrt(2) * mp.gamma(mp.mpf(3) / 2))
        total, j = mp.mpf(0), 0
        while j < half or even + abs(odd) > mp.mpf(10) ** -105:
            total += even * mp.betainc(j + mp.mpf(1) / 2, n / 2, 0, y, regularized=True)
            total += odd * mp.betainc(j + 1, n / 2, 0, y, regularized=True)
            j += 1
            even, odd = even * half / j, odd * half / (j + mp.mpf(1) / 2)
        lower = mp.ncdf(-shift) + total / 2
        return lower if kind == "p" else 1 - lower


def log_of(family, kind, x, given):
    if kind == "d":
        return getattr(rstats, f"d{family}")(x, *given, log=True)
    return getattr(rstats, f"p{family}")(x, *given, lower_tail=kind == "p", log_p=True)


CHISQ = [
    (0.3, 0.01, 0.5),
    (40, 3, 2),
    (400, 3, 10),
    (1e-6, 8, 30),
    (90, 250, 400),
    (2.5, 0.4, 1e-9),
]
BETA = [
    (0.3, 2, 3, 1),
    (0.999, 0.2, 30, 4),
    (1e-5, 40, 0.3, 60),
    (0.5, 5, 80, 200),
    (0.7, 90, 9, 25),
]
F = [(1.5, 3, 8, 4), (9e5, 49.8, 0.63, 15.3), (1e-4, 2, 3, 30), (4, 60, 90, 120)]
T = [(1.2, 4, 1.3), (-3, 5, 10), (30, 3, 20), (200, 3, 1), (0, 7, 2), (-0.3, 80, -6), (8, 0.3, 2.5),
     (2e4, 0.05, -3), (12, 3e4, 11.9)]  # fmt: skip
POINTS = [("chisq", chisq, *p) for p in CHISQ] + [("beta", beta, *p) for p in BETA]
POINTS += [("f", f, *p) for p in F] + [("t", t, *p) for p in T]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0]}{point[2:]}")
@pytest.mark.parametrize("kind", ["d", "p", "q"])
def test_density_and_both_tails(kind, point):
    """Logarithms, which say that no tail is a difference. 1e-13: rounding of the terms'."""
    family, exact, x, *given = point
    with mp.workdps(50):
        expected = float(mp.log(exact(kind, x, *given)))
    assert log_of(family, kind, x, given) == pytest.approx(expected, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point[0]}{point[2:]}")
def test_quantiles_invert(point):
    family, _, _, *given = point
    quantile, probability = getattr(rstats, f"q{family}"), getattr(rstats, f"p{family}")
    for log_p in (-40.0, -3.0, -0.2):
        for lower in (True, False):
            x = quantile(log_p, *given, lower_tail=lower, log_p=True)
            if 1e-300 < abs(x) < 1e300 and x < {"beta": 1.0 - 1e-6}.get(family, np.inf):
                back = probability(x, *given, lower_tail=lower, log_p=True)
                assert back == pytest.approx(log_p, rel=1e-11), (log_p, lower, x)


@pytest.mark.parametrize(
    ("family", "given"), [("chisq", [3.0]), ("beta", [2.0, 3.0]), ("f", [3.0, 8.0]), ("t", [4.0])]
)
def test_no_noncentrality_is_central(family, given):
    x, p = np.array([0.1, 0.4, 0.9]), np.array([0.01, 0.5, 0.99])
    for function, at in ((f"d{family}", x), (f"p{family}", x), (f"q{family}", p)):
        central = getattr(rstats, function)(at, *given)
        zero = getattr(rstats, function)(at, *given, 0.0)
        np.testing.assert_allclose(zero, central, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(getattr(rstats, function)(at, *given, None), central, rtol=0)


@pytest.mark.parametrize("ncp", 10.0 ** np.arange(4, 16, 2))
@pytest.mark.parametrize("sds", [-6.0, -0.1, 1.5, 20.0])
def test_large_noncentralities(ncp, sds):
    """The square of a normal variable, in 50 digits; sums with one count in many."""
    x = ncp + sds * 2.0 * np.sqrt(ncp)
    with mp.workdps(50):
        root, mean = mp.sqrt(mp.mpf(x)), mp.sqrt(mp.mpf(ncp))
        below = float(mp.log(mp.ncdf(root - mean) - mp.ncdf(-root - mean)))
        above = float(mp.log(mp.ncdf(mean - root) + mp.ncdf(-root - mean)))
    # x and ncp have their own rounding, which the tails magnify
    noise = 1e-13 + 1e-16 * np.sqrt(ncp) * abs(sds)
    assert log_of("chisq", "p", x, [1.0, ncp]) == pytest.approx(below, rel=noise, abs=noise)
    assert log_of("chisq", "q", x, [1.0, ncp]) == pytest.approx(above, rel=noise, abs=noise)


def test_t_where_r_takes_the_normal():
    with mp.workdps(50):
        exact = float(t("p", 50, 3, 40))
    assert rstats.pt(50, 3, 40) == pytest.approx(exact, rel=1e-13)


def test_far_tail_of_many_trials():
    """The largest term lies far beyond the Poisson mean: not found, the sum overflows."""
    given = 1.368216482762911, 31574575.144494884, 6682.082233118983
    found = rstats.pbeta(0.003150622302081563, *given, lower_tail=False, log_p=True)
    counts = np.arange(13_000.0, 27_000.0)
    terms = rstats.dpois(counts, given[2] / 2, log=True) + rstats.pbeta(
        0.003150622302081563, given[0] + counts, given[1], lower_tail=False, log_p=True
    )
    assert found == pytest.approx(
        terms.max() + np.log(np.sum(np.exp(terms - terms.max()))), rel=1e-14
    )


def test_what_is_not_resolved_is_refused():
    with pytest.raises(ArithmeticError, match=r"ncp = -23294\.7 with df = 0\.00228"):
        rstats.pt(-3190487.0, 0.0022820870666, -23294.738405926277)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rstats.pchisq(1, 3, -1), r"pchisq\(q=1, df=3, ncp=-1\)"),
        (lambda: rstats.dbeta(0.5, 2, 3, np.inf), "ncp=inf"),
        (lambda: rstats.qt(0.5, -1, 2), "df=-1"),
        (lambda: rstats.qf(1.5, 2, 3, 1), r"qf\(p=1\.5"),
    ],
)
def test_impossible_arguments(call, message):
    with pytest.warns(RuntimeWarning, match=message) as caught:
        assert np.isnan(call())
    assert caught[0].filename == __file__
