"""The porting guide's two columns, run in R and in Python: the same variables."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "vignettes" / "porting.md"

# R's expression beside ours. laplace divides rounding errors of the log posterior, 1e-13, by its
# squared step, 1e-6; what depends on fit's var has that 1e-7, times a few.
SAME, BY_FIT = 1e-9, 1e-6
VARIABLES = [
    ("fit$mode", "fit.mode", 1e-7),
    ("fit$var", "fit.var", BY_FIT),
    ("c(lower, upper)", "np.r_[lower, upper]", BY_FIT),
    ("dmax", "dmax.item()", 1e-7),
    ("theta", "theta", BY_FIT),
    ("c(s$est, s$se)", "[s.est, s.se]", BY_FIT),
    ("theta.s", "theta_s", BY_FIT),
    ("S$summary", "S.summary", BY_FIT),
    ("S$summary.obs", "S.summary_obs", BY_FIT),
    ("rw$par", "rw.par", BY_FIT),
    ("ind$par", "ind.par", BY_FIT),
    ("gs$par", "gs.par", BY_FIT),
    ("c(rw$accept, ind$accept, gs$accept)", "[rw.accept, ind.accept, *gs.accept]", 0.0),
    ("burnt", "burnt", BY_FIT),
    ("last", "last", BY_FIT),
    ("x", "x", 0.0),
    ("u", "u", 0.0),
    ("m", "m", 0.0),
    ("v", "v", 0.0),
    ("kernel", "kernel", BY_FIT),
    ("tab", "tab", 0.0),
    ("b", "b", SAME),
    ("q", "q", BY_FIT),
    ("big", "big", BY_FIT),
    ("sq", "sq", 0.0),
    ("c(prior)", "prior.to_numpy().ravel()", SAME),
    ("pred", "pred", SAME),
    ("gaps", "gaps", 0.0),
    ("centre", "centre", SAME),
    ("walk", "walk", 0.0),
    ("once", "once", 0.0),
    ("as.numeric(ratio)", "ratio", SAME),
    ("share", "share", SAME),
    ("unname(stats)", "stats", SAME),
    ("unname(size)", "size", SAME),
    ("unname(shrink)", "shrink", SAME),
    ("unname(score)", "score", SAME),
    ("unname(error)", "error", SAME),
    ("c(interval)", "np.ravel(interval, order='F')", SAME),
    ("logtime", "logtime", SAME),
    ("small", "small", SAME),
    ("unname(xtx)", "xtx", SAME),
    ("unname(nest)", "nest", 0.0),
    ("unname(without)", "without", 0.0),
    ("ps", "ps", SAME),
    ("unname(tails)", "tails", SAME),
    ("by_hand", "by_hand", SAME),
    ("centre_of", "centre_of", SAME),
    ("unname(b_glm)", "b_glm", SAME),
    ("unname(se_glm)", "se_glm", SAME),
    ("unname(both)", "both", 0.0),
    ("unname(rho)", "rho", SAME),
    ("unname(lags)", "lags", SAME),
    ("unname(half)", "half", SAME),
    ("c(own)", "np.ravel(own, order='F')", SAME),
    ("unname(own_size)", "own_size", SAME),
]


def column(kind):
    return "\n".join(re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL))


@pytest.fixture(scope="module")
def columns(r):
    expressions = ", ".join(theirs for theirs, _, _ in VARIABLES)
    # A function of its own, so that the script's variables stay out of the session.
    code = f"(function() {{ pdf(NULL); on.exit(dev.off())\n{column('r')}\nlist({expressions}) }})()"
    theirs = r(f"invisible(capture.output(answer <- suppressWarnings({code}))); answer")
    namespace = {}
    exec(compile(column(r"\{code-cell\} ipython3"), str(PAGE), "exec"), namespace)
    plt.close("all")
    ours = [eval(expression, namespace) for _, expression, _ in VARIABLES]
    return theirs, ours


@pytest.mark.parametrize("place", range(len(VARIABLES)), ids=[name for name, _, _ in VARIABLES])
def test_same_variables(columns, place):
    theirs, ours = (np.asarray(column[place], dtype=np.float64) for column in columns)
    assert theirs.shape == ours.shape
    np.testing.assert_allclose(ours, theirs, rtol=VARIABLES[place][2], atol=0)


def test_pages_blocks_are_in_pairs():
    kinds = re.findall(r"```(r|\{code-cell\} ipython3)\n", PAGE.read_text())
    assert kinds == ["r", "{code-cell} ipython3"] * (len(kinds) // 2)
    assert len(kinds) >= 58


def table_rows():
    """R's expression and ours of each row of the page's table."""
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \|", PAGE.read_text(), re.MULTILINE)
    return [(theirs.replace("\\|", "|"), ours) for theirs, ours in rows]


def setup(kind):
    text = PAGE.read_text().split("## From R to here")[1]
    return re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL).group(1)


PICTURES = (
    "plot(", "lines(", "points(", "hist(", "curve(", "par(", "abline(", "text(", "legend(",
    "barplot(", "boxplot(", "contour(", "pairs(",
)  # fmt: skip
ON_ANOTHER = r"(lines|points|abline|text|legend)\(|.*add = TRUE"


@pytest.mark.parametrize(("theirs", "ours"), table_rows())
def test_table(r, theirs, ours):
    """Both run; their numbers are the same, to the rounding of other sums."""
    code = f"""pdf(NULL); on.exit(dev.off()); {setup("r")}
        {"plot(x, y);" if re.match(ON_ANOTHER, theirs) else ""} {theirs}"""
    expected = r(f"(function() {{ {code} }})()")
    namespace = {}
    exec("import numpy as np\nfrom pyhier import learnbayes as lb, load_dataset, rstats", namespace)
    exec(setup(r"\{code-cell\} ipython3"), namespace)
    found = eval(ours, namespace)
    plt.close("all")
    if theirs.startswith(PICTURES):
        return
    if isinstance(expected, dict):  # a data frame
        expected = np.column_stack(list(expected.values()))
    if np.asarray(expected).dtype.kind in "OU":
        assert list(np.atleast_1d(expected)) == list(np.atleast_1d(found))
        return
    np.testing.assert_allclose(
        np.asarray(found, dtype=float).squeeze(), np.asarray(expected, dtype=float).squeeze(),
        rtol=1e-12,
    )  # fmt: skip


def test_the_table_is_long():
    assert len(table_rows()) >= 145
