"""A fault in what `pyhier validate` compares is found: in every answer, and by its exit code."""

from dataclasses import replace

import numpy as np
import pytest
from pyhier.r_bridge.validation import report
from pyhier.r_bridge.validation.comparison import compare
from pyhier.r_bridge.validation.comparisons import all_comparisons

import pyhier as ph
from pyhier import rstats
from pyhier.cli import main

COMPARISONS = {c.function: c for c in all_comparisons(["stats", "metafor", "lme4"])}


def slightly(function, names, size):
    """The same function with one part of its answer off by a share of it."""

    def faulty(*args, **options):
        found = function(*args, **options)
        if names is None:
            return found * (1.0 + size)
        return replace(found, **{name: getattr(found, name) * (1.0 + size) for name in names})

    return faulty


FAULTS = {
    "d and pbeta, far": (rstats, "pbeta", None, 1e-9),
    "d and pt, far": (rstats, "dt", None, 1e-9),
    "qgamma, far": (rstats, "qgamma", None, 1e-8),
    "qbinom, far": (rstats, "qbinom", None, 2.0),
    "p and qchisq, noncentral": (rstats, "pchisq", None, 1e-10),
    "df, noncentral": (rstats, "df", None, 1e-9),
    "rma mods, REML": (ph, "random_effects", ["beta"], 1e-7),
    "rma mods, SJ": (ph, "random_effects", ["QM"], 1e-9),
    "rma.mv, levels": (ph, "random_effects", ["se"], 1e-7),
    "rma.mv, outcomes": (ph, "random_effects", ["log_likelihood"], 1e-5),
    "rma.glmm, PLO": (ph, "BinomialNormal", None, None),
    "lmer": (ph, "lmer", ["sigma"], 1e-7),
    "lmer, search": (ph, "lmer", ["theta"], 1e-2),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_is_found(r, name, monkeypatch):
    module, function, names, size = FAULTS[name]
    assert compare(COMPARISONS[name], 4, seed=3).failures == []
    faulty = slightly(getattr(module, function), names, size or 0.0)
    if size is None:  # an event too many
        right = getattr(module, function)
        faulty = lambda a, n: right(np.append(a[:-1], a[-1] - 1.0), n)  # noqa: E731
    monkeypatch.setattr(module, function, faulty)
    assert compare(COMPARISONS[name], 4, seed=3).failures != []


def test_the_exit_code_says_so(r, monkeypatch, capsys):
    monkeypatch.setattr(report, "CASES", 1)
    assert main(["validate", "lme4"]) == 0
    assert "lme4::lmer" in capsys.readouterr().out
    monkeypatch.setattr(ph, "lmer", slightly(ph.lmer, ["beta"], 1e-6))
    assert main(["validate", "lme4"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "apart" in next(line for line in said if line.startswith("lme4::lmer "))
    assert "1 not;" in said[-1]
