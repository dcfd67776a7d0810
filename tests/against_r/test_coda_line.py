"""What is printed of coda's own example, the `line` data, character for character."""

import numpy as np
import pytest

from pyhier import coda

pytestmark = pytest.mark.usefixtures("r")

CALLS = {
    "line": lambda x: x,
    "line[[1]]": lambda x: x[0],
    "line[, 1]": lambda x: x[:, "alpha"],
    "window(line, 11, 50, 3)": lambda x: coda.window(x, 11, 50, 3),
    "summary(line)": coda.summary,
    "summary(line[[2]])": lambda x: coda.summary(x[1]),
    "summary(line[, 1])": lambda x: coda.summary(x[:, 0]),
    "HPDinterval(line)": coda.HPDinterval,
    "rejectionRate(line)": coda.rejectionRate,
    "effectiveSize(line)": coda.effectiveSize,
    "gelman.diag(line)": coda.gelman_diag,
    "geweke.diag(line)": coda.geweke_diag,
    "heidel.diag(line)": coda.heidel_diag,
    "raftery.diag(line)": coda.raftery_diag,
    "raftery.diag(line, r = 0.05)": lambda x: coda.raftery_diag(x, r=0.05),
}


@pytest.mark.parametrize("call", CALLS)
def test_printed_as_in_r(call, r):
    code = f"library(coda); data(line); paste(capture.output(print({call})), collapse = '\n')"
    assert str(CALLS[call](coda.load_line())).rstrip() == r(code).rstrip()


def test_the_same_data(r):
    line = coda.load_line()
    assert np.array_equal(coda.as_array(line), r("library(coda); unname(as.array(line))"))
    # The example of R's help on mcmc.list.
    second = line[:, [0]]
    assert coda.varnames(second) == coda.varnames(line)[:1]
    code = (
        "library(coda); data(line); paste(capture.output(line[, 1, drop = FALSE]), collapse = '\n')"
    )
    assert str(second) == r(code)
