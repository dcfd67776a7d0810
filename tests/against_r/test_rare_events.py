"""The methods on the page of rare events against metafor's."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "vignettes" / "rare_events.md"

FITS = """
suppressPackageStartupMessages(library(metafor))
fit <- function(f, ...) suppressWarnings(f(measure = "OR", ai = a, n1i = n, ci = c, n2i = m, ...))
of <- function(x, tau = sqrt(x$tau2)) c(x$beta[1], x$se, tau)
list(
  `DL, 0.5 added` = of(fit(rma, method = "DL", drop00 = FALSE)),
  `REML, 0.1 added` = of(fit(rma, method = "REML", add = 0.1, control = list(threshold = 1e-12))),
  `Mantel-Haenszel` = of(fit(rma.mh), 0), Peto = of(fit(function(measure, ...) rma.peto(...)), 0)
)
"""

# rma.glmm's own, which takes minutes: models CM.EL and CM.AL of metafor 3.8.
CONDITIONAL = {
    "conditional, most likely": (-1.353158, 0.832742),
    "conditional, binomial": (-1.302653, 0.7750385),
}


@pytest.fixture(scope="module")
def page():
    """What the page's cells define, up to the posterior."""
    found = {}
    for code in re.findall(r"```{code-cell} ipython3\n(.*?)```", PAGE.read_text(), re.DOTALL)[:4]:
        exec(code.split("\npost = ")[0], found)
    return found


def test_methods_are_metafors(r, page):
    a, n, c, m = page["arms"]
    for name, row in r(FITS, a=a, n=n, c=c, m=m).items():
        ours = np.array(page["table"][name], dtype=float)
        known = ~np.isnan(ours)
        np.testing.assert_allclose(ours[known], row[known], atol=1e-6, err_msg=name)
    for name, (mu, tau) in CONDITIONAL.items():
        np.testing.assert_allclose(page["table"][name][::2], (mu, tau), atol=1e-5, err_msg=name)
