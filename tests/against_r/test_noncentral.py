"""R's noncentral distributions beside ours, where R has digits; its conventions at the edges.

`tests/rstats/test_noncentral.py` holds ours against 50-digit arithmetic, far tails included.
"""

import re

import numpy as np
import pytest
from pyhier.r_bridge.validation.comparisons.whole_range import ABSOLUTE, noncentral

from pyhier import rstats

N = 150


@pytest.mark.parametrize("family", ABSOLUTE)
def test_amid_the_mass(r, family):
    given, x = noncentral(family, np.random.default_rng(1), N)
    code = "suppressWarnings(do.call(f, c(list(x), given)))"
    theirs = r(code.replace("f,", f"p{family},"), x=x, given=given)
    ours = getattr(rstats, f"p{family}")(x, **given)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=ABSOLUTE[family])
    upper = getattr(rstats, f"p{family}")(x, **given, lower_tail=False)
    np.testing.assert_allclose(upper, 1.0 - theirs, rtol=0, atol=ABSOLUTE[family])
    theirs = r(code.replace("f,", f"d{family},"), x=x, given=given)
    ours = getattr(rstats, f"d{family}")(x, **given)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7 if family == "t" else 1e-10)
    p, few = np.linspace(0.02, 0.98, 30), {name: value[:30] for name, value in given.items()}
    found = getattr(rstats, f"q{family}")(p, **few)
    back = r(code.replace("f,", f"p{family},"), x=found, given=few)
    np.testing.assert_allclose(back, p, rtol=0, atol=ABSOLUTE[family])


EDGES = [
    "dchisq(c(-1, 0, 1, Inf), 3, 2)", "dchisq(0, c(0, 1, 2, 3), 2)", "dchisq(1, 0, 2)",
    "pchisq(c(-1, 0, 1, Inf), 3, 2)", "pchisq(0, 0, 2)", "pchisq(1, 0, 2)", "pchisq(1, 3, 0)",
    "pchisq(1, 0, 2, lower.tail = FALSE)", "qchisq(c(0, 0.5, 1), 3, 2)", "qchisq(0.9, 0, 2)",
    "dbeta(c(-1, 0, 1, 2), 2, 3, 1)", "dbeta(0, 1, 3, 1)", "dbeta(0, 0.5, 3, 1)",
    "dbeta(1, 2, 1, 1)", "dbeta(1, 2, 0.5, 1)", "pbeta(c(-1, 0, 1, 2), 2, 3, 1)",
    "qbeta(c(0, 0.5, 1), 2, 3, 1)", "df(c(-1, 0, 1), 3, 4, 1)", "df(0, 2, 4, 1)", "df(0, 1, 4, 1)",
    "df(1, 3, Inf, 1)", "pf(c(-1, 0, 1, Inf), 3, 4, 1)", "pf(1, 3, Inf, 1)", "pf(1, 3, 1e9, 1)",
    "qf(c(0, 0.5, 1), 3, 4, 1)", "qf(0.5, 3, Inf, 1)", "dt(c(-Inf, 0, 1, Inf), 3, 1)",
    "dt(1, Inf, 1)", "pt(c(-Inf, 0, 1, Inf), 3, 1)", "pt(1, Inf, 1)", "pt(1, 3, -1)",
    "qt(c(0, 0.5, 1), 3, 1)", "qt(0.5, Inf, 1)", "pt(1, 1e12, 1)", "dt(1, 1e12, 1)",
    "pchisq(0, 0, 2, lower.tail = FALSE)", "pt(-3, 5, 1, log.p = TRUE)", "dt(NA, 3, 1)",
]  # fmt: skip
IMPOSSIBLE = [
    "dchisq(1, 3, -1)", "dchisq(1, -1, 1)", "dchisq(1, Inf, 1)", "dchisq(1, 3, Inf)",
    "pchisq(1, 3, Inf)", "qchisq(0.5, 3, -1)", "dbeta(0.5, 0, 1, 1)", "dbeta(0.5, 1, 0, 1)",
    "pbeta(0.5, 2, 3, -1)", "pbeta(0.5, Inf, 1, 1)", "qbeta(0.5, 0, 3, 1)", "df(1, 3, 4, Inf)",
    "pf(1, 3, 4, -1)", "pf(1, Inf, 3, 1)", "df(1, 0, 3, 1)", "dt(1, 0, 1)", "pt(1, 0, 1)",
    "qt(0.5, 3, Inf)", "qt(0.5, 0, 1)", "qt(2, 3, 1)",
]  # fmt: skip


def in_python(code):
    words = {"c": lambda *x: np.array(x, dtype=float), "Inf": np.inf, "NA": np.nan}
    words |= {name: getattr(rstats, name) for name in rstats.__all__} | {"NA": np.nan}
    text = code.replace("TRUE", "True").replace("FALSE", "False")
    return eval(re.sub(r"(lower|log)\.(tail|p)", r"\1_\2", text), words)


@pytest.mark.parametrize("code", EDGES)
def test_edges(r, code):
    """2e-9 where R's own error is that, see above."""
    theirs = np.asarray(r(f"suppressWarnings({code})"), dtype=np.float64)
    np.testing.assert_allclose(in_python(code), theirs, rtol=2e-9, atol=0)


@pytest.mark.parametrize("code", IMPOSSIBLE)
def test_impossible_arguments(r, code):
    assert np.isnan(r(f"suppressWarnings({code})"))
    with pytest.warns(RuntimeWarning, match="NaNs produced"):
        assert np.isnan(in_python(code))
