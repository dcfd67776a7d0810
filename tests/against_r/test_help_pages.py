"""Every help page's examples of LearnBayes and coda, run as installed and as ported, with one seed.

Every numeric variable that a function of the package makes, everything numeric that a page shows,
and the next random number are within 1e-9 of R's, or the reason is here. Pictures (`predplot`,
`triplot`, `mycontour`, lattice's) are drawn.
"""

import numpy as np
import pytest
from against_r.help_pages import CODA, LEARNBAYES
from against_r.scripts import check, check_shown, failures, run_here, run_in_r

PAGES = [("LearnBayes", *item) for item in LEARNBAYES.items()]
PAGES += [("coda", *item) for item in CODA.items()]
# laplace divides rounding errors of the log posterior, 1e-13, by its squared step, 1e-6, and
# inverts. What the pages make of a fit goes on from R's, and has 1e-9.
BY_FIT = {"bayes.influence", "impsampling", "rejectsampling", "sir"}


@pytest.mark.parametrize(("package", "page", "port"), PAGES, ids=[page for _, page, _ in PAGES])
def test_page(r, package, page, port):
    call = 'run_example(page, package, seed, watched = "plot")'
    theirs = run_in_r(r, call, page=f"{page}.Rd", package=package, seed=1)
    assert not failures(theirs).size, failures(theirs)
    start = theirs["values"] or {}
    ours, shown, after = run_here(lambda show: port(start, show) or {}, 1)
    variables = theirs["variables"] or {}
    made = theirs["made"] if theirs["made"] is not None else []
    assert set(variables) & set(np.atleast_1d(made)) <= set(ours), "the port lacks a variable"
    for name, value in ours.items():
        check(name, variables[name], value, 1e-7 if name == "fit" and page in BY_FIT else 1e-9)
    check_shown(theirs, shown, 1e-9)
    assert after == theirs["after"]


@pytest.mark.parametrize(("package", "pages"), [("LearnBayes", LEARNBAYES), ("coda", CODA)])
def test_all_pages_with_examples_are_ported(r, package, pages):
    files = run_in_r(r, "pages_with_examples(package)", package=package)
    assert {name.removesuffix(".Rd") for name in files} == set(pages)
