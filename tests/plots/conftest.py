"""Posteriors to look at: three families, few groups and many, exact and sampled."""

import numpy as np
import pytest

import pyhier as ph


def normal(groups):
    if groups == 8:
        schools = ph.load_dataset("eight_schools")
        return ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    rng = np.random.default_rng(3)
    se = rng.uniform(3.0, 18.0, groups)
    y = rng.normal(8.0, 6.0, groups) + se * rng.normal(size=groups)
    return ph.NormalNormal(y, se=se, labels=names(groups))


def binomial(groups):
    rng = np.random.default_rng(4)
    trials = rng.integers(5, 120, groups)
    trials[0] = 0 if groups > 8 else trials[0]  # a group that learns from the others alone
    return ph.BetaBinomial(
        rng.binomial(trials, rng.beta(3.0, 12.0, groups)), trials, labels=names(groups)
    )


def poisson(groups):
    rng = np.random.default_rng(5)
    exposure = rng.lognormal(6.0, 1.0, groups)
    counts = rng.poisson(exposure * rng.gamma(4.0, 1.0 / 400.0, groups))
    return ph.PoissonGamma(counts, exposure, labels=names(groups))


def names(groups):
    return [f"Hospital {j + 1}" for j in range(groups)]


FAMILIES = {"normal": normal, "binomial": binomial, "poisson": poisson}


def engine(name):
    if name == "exact":
        return ph.exact
    return lambda model: ph.rwmetrop(model, 1_000, chains=2, burn_in=200, rng=1)


CASES = [(family, groups, "exact") for family in FAMILIES for groups in (8, 80)]
CASES += [(family, 8, "rwmetrop") for family in FAMILIES]


@pytest.fixture(scope="session", params=CASES, ids=lambda case: "-".join(map(str, case)))
def post(request):
    family, groups, how = request.param
    return engine(how)(FAMILIES[family](groups))


@pytest.fixture(scope="session")
def schools():
    return ph.exact(normal(8))


@pytest.fixture(scope="session")
def chains():
    return engine("rwmetrop")(normal(8))
