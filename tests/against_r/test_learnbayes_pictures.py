"""LearnBayes' pictures: the numbers that R draws and those that we draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pyhier import learnbayes as lb
from pyhier.learnbayes.pictures import log_surface

CASES = 30
CLOSE = {"rtol": 1e-10, "atol": 1e-13}

# R's graphics functions, made to note what they are asked to draw.
TRACED = {
    "contour.default": ("graphics", "list(x = x, y = y, z = z, levels = levels)"),
    "barplot.default": ("graphics", "list(height = unname(height))"),
    "image.default": ("graphics", "list(x = x, y = y, z = unname(z))"),
    "plot.xy": ("graphics", "list(x = xy$x, y = xy$y)"),  # beneath plot and lines
}


@pytest.fixture(scope="module")
def drawn(r):
    """Run R code that draws, and return what its graphics functions were asked for."""
    r("pdf(NULL); seen <<- list()")
    for name, (package, noted) in TRACED.items():
        r(
            f"suppressMessages(trace('{name}', quote(seen[[length(seen) + 1]] <<- {noted}), "
            f"print = FALSE, where = asNamespace('{package}')))"
        )

    def run(code, **inputs):
        return r(f"seen <<- list(); {code}; seen", **inputs)

    yield run
    for name, (package, _) in TRACED.items():
        r(f"suppressMessages(untrace('{name}', where = asNamespace('{package}')))")
    r("dev.off()")


def cases(seed):
    """A generator a case; the pictures of the last one are closed."""
    for case in range(CASES):
        yield np.random.default_rng([seed, case])
        plt.close("all")


def test_mycontour(drawn, agreed):
    for rng in cases(1):
        root = rng.normal(size=(2, 3))
        par = {"m": rng.normal(size=2), "v": root @ root.T}
        limits = np.ravel([[m - 4 * s, m + 4 * s] for m, s in zip(
            par["m"], np.sqrt(np.diag(par["v"])), strict=True)])  # fmt: skip
        (theirs,) = drawn("mycontour(lbinorm, limits, par)", limits=limits, par=par)
        x, y, z = log_surface(lb.lbinorm, limits, par)
        np.testing.assert_allclose(x, theirs["x"], **CLOSE)
        np.testing.assert_allclose(y, theirs["y"], **CLOSE)
        np.testing.assert_allclose(z, theirs["z"] - theirs["z"].max(), rtol=1e-10, atol=1e-10)
        ax = lb.mycontour(lb.lbinorm, limits, par)
        # R's fourth level is the top of the grid, where there is no line.
        np.testing.assert_allclose(ax.collections[0].levels, theirs["levels"][:3], **CLOSE)
    agreed("mycontour", "pictures, the same numbers", CASES)


def test_triplot(drawn, agreed):
    for rng in cases(2):
        prior, data = rng.uniform(0.5, 20, 2), rng.integers(0, 40, 2).astype(float)
        theirs = drawn("triplot(prior, data)", prior=prior, data=data)
        lines = lb.triplot(prior, data).lines
        assert len(lines) == len(theirs) == 3
        curves = sorted((line.get_ydata() for line in lines), key=np.argmax)
        expected = sorted((curve["y"] for curve in theirs), key=np.argmax)
        for ours, curve in zip(curves, expected, strict=True):
            np.testing.assert_allclose(ours, curve, **CLOSE)
        np.testing.assert_allclose(lines[0].get_xdata(), theirs[0]["x"], **CLOSE)
    agreed("triplot", "pictures, the same numbers", CASES)


def test_predplot(drawn, agreed):
    for rng in cases(3):
        n = int(rng.integers(2, 50))
        inputs = {"prior": rng.uniform(0.5, 20, 2), "n": n, "yobs": int(rng.integers(0, n + 1))}
        theirs = drawn("predplot(prior, n, yobs)", **inputs)[0]
        ends = np.array(lb.predplot(**inputs).collections[0].get_segments())[:, 1]
        np.testing.assert_allclose(ends, np.column_stack([theirs["x"], theirs["y"]]), **CLOSE)
    agreed("predplot", "pictures, the same numbers", CASES)


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_plot_bayes(drawn, agreed):
    for rng in cases(4):
        k = int(rng.integers(2, 15))
        values, probs = np.arange(1.0, k + 1), rng.dirichlet(np.ones(k))
        (theirs,) = drawn(
            "names(probs) <- values; plot(discrete.bayes(dpois, probs, y))",
            probs=probs, values=values, y=[3.0, 4.0],
        )  # fmt: skip
        post = lb.discrete_bayes(stats.poisson.pmf, pd.Series(probs, index=values), [3.0, 4.0])
        np.testing.assert_allclose(heights(lb.plot_bayes(post)), theirs["height"], **CLOSE)
    agreed("plot.bayes", "pictures, the same numbers", CASES)


def test_plot_bayes2(drawn, agreed):
    def df(y, p1, p2):
        return stats.binom.pmf(y[0], 9, p1) * stats.binom.pmf(y[1], 9, p2)

    for rng in cases(5):
        a, b = (np.linspace(0.1, 0.9, int(rng.integers(2, 9))) for _ in "ab")
        y = rng.integers(0, 10, (1, 2)).astype(float)
        image, *bars = drawn(
            """fit <- discrete.bayes.2(function(y, p, q) dbinom(y[1], 9, p) * dbinom(y[2], 9, q),
                                       prior.two.parameters(a, b), y)
               plot(fit); plot(fit, marginal = 1); plot(fit, marginal = 2)""",
            a=a, b=b, y=y,
        )  # fmt: skip
        bars = [item for item in bars if "height" in item]
        post = lb.discrete_bayes_2(df, lb.prior_two_parameters(a, b), y)
        mesh = lb.plot_bayes2(post).collections[0].get_array()
        np.testing.assert_allclose(np.reshape(mesh, (b.size, a.size)).T, image["z"], **CLOSE)
        for marginal in (1, 2):
            ours = heights(lb.plot_bayes2(post, marginal))
            np.testing.assert_allclose(ours, bars[marginal - 1]["height"], **CLOSE)
    agreed("plot.bayes2", "pictures, the same numbers", CASES)
