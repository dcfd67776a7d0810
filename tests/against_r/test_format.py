"""R's printed numbers, character for character, against a live R."""

import numpy as np
import pytest
from pyhier.r_bridge.validation.live_r import evaluate

from pyhier.rstats.format import NA, format_numbers, matrix_text, signif, vector_text
from pyhier.rstats.quantile import quantile

pytestmark = pytest.mark.usefixtures("r")

PRINT = "paste(capture.output(print({})), collapse = '\n')"


def samples(seed, n=60):
    """Vectors of many lengths, scales and kinds of number."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        size = int(rng.integers(1, 30))
        scale = 10.0 ** rng.integers(-10, 11, size if i % 2 else 1)
        x = rng.normal(size=size) * scale
        if i % 5 == 0:
            x = np.round(x, int(rng.integers(0, 4)))
        if i % 7 == 0:
            x[rng.integers(size)] = [0.0, np.inf, -np.inf, np.nan, NA][i % 5]
        if i % 11 == 0:
            x = np.trunc(x)
        yield x


@pytest.mark.parametrize("seed", range(5))
def test_vectors_as_r_prints_them(seed):
    for x in samples(seed):
        assert vector_text(x) == evaluate(PRINT.format("x"), x=x)
        names = [f"v{j}" * (1 + j % 4) for j in range(x.size)]
        code = "names(x) <- n; " + PRINT.format("x")
        assert vector_text(x, names) == evaluate(code, x=x, n=names)


@pytest.mark.parametrize("digits", range(1, 11))
def test_any_number_of_digits(digits):
    for x in samples(digits + 100):
        assert format_numbers(x, digits) == list(
            np.atleast_1d(evaluate("format(x, digits = d)", x=x, d=digits))
        )
        assert signif(x, digits).tolist() == pytest.approx(
            np.atleast_1d(evaluate("signif(x, d)", x=x, d=digits)).tolist(),
            rel=1e-15,  # the last bit: R scales by powers of ten, we round the decimal text
            nan_ok=True,
        )


@pytest.mark.parametrize("digits", range(1, 8))
def test_numbers_just_below_a_power_of_ten(digits):
    """They round up to it in scientific notation, and only some of them in fixed."""
    rng = np.random.default_rng(digits)
    for i in range(60):
        x = 10.0 ** rng.integers(0, 8, 3) * (1.0 - 10.0 ** -rng.integers(1.0, 14.0, 3))
        if i % 2:
            x[2] = np.round(100 * rng.normal(), 3)
        theirs = evaluate("format(x, digits = d)", x=x, d=digits)
        assert format_numbers(x, digits) == list(theirs)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("digits", [3, 4, 7])
def test_matrices_as_r_prints_them(seed, digits):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        rows, columns = rng.integers(1, 15, 2)
        x = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-10, 11, columns)
        text = f"paste(capture.output(print(x, digits = {digits})), collapse = '\n')"
        assert matrix_text(x, digits=digits) == evaluate(text, x=x)
        r, c = [f"row{i}" for i in range(rows)], [f"c{'x' * (3 * j)}" for j in range(columns)]
        code = "dimnames(x) <- list(as.character(r), as.character(c)); " + text
        assert matrix_text(x, r, c, digits) == evaluate(code, x=x, r=r, c=c)


def test_more_than_r_prints():
    x = np.arange(150_000.0)
    assert vector_text(x) == evaluate(PRINT.format("x"), x=x)
    matrix = x.reshape(50_000, 3)
    assert matrix_text(matrix) == evaluate(PRINT.format("x"), x=matrix)


@pytest.mark.parametrize("kind", range(1, 10))
def test_quantiles(kind):
    rng = np.random.default_rng(kind)
    probs = rng.random(20)
    for n in (1, 2, 7, 100):
        x = rng.normal(size=n)
        assert quantile(x, probs, kind) == pytest.approx(
            evaluate(f"unname(quantile(x, p, type = {kind}))", x=x, p=probs),
            rel=1e-12,
            abs=1e-14,  # two neighbours of opposite sign cancel
        )
