"""check_model: our models keep their word, one of a reader's own too, and a wrong one is found."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.testing import check_model

HOURS = np.array([4200.0, 9100.0, 650.0, 15200.0, 2400.0, 7300.0])
LAMPS = np.array([5, 8, 2, 12, 6, 4])


@pytest.fixture(scope="module")
def lifetimes():
    """The model of the vignette, as it is printed there."""
    text = (Path(__file__).parent.parent / "vignettes" / "own_model.md").read_text()
    code = re.search(r"```\{code-cell\} ipython3\n(import numpy.*?)```", text, re.S)[1]
    scope = {"__name__": "own_model"}
    exec(compile(code, "own_model.md", "exec"), scope)
    return scope["Lifetimes"]


def test_the_vignettes_model_is_as_short_as_it_says(lifetimes):
    text = (Path(__file__).parent.parent / "vignettes" / "own_model.md").read_text()
    body = re.search(r"class Lifetimes.*?```", text, re.S)[0]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 48


def test_a_model_of_ones_own(lifetimes, monkeypatch):
    monkeypatch.setitem(globals(), "Lifetimes", lifetimes)  # where pickle looks for it
    monkeypatch.setattr(lifetimes, "__module__", __name__)
    found = check_model(
        lifetimes(HOURS, LAMPS), lambda order: lifetimes(HOURS[order], LAMPS[order])
    )
    assert not found.skipped
    assert len(found.passed) == 9


SCHOOLS = ph.load_dataset("eight_schools")
RATS = ph.load_dataset("rat_tumors").iloc[40:52]
PUMPS = ph.load_dataset("pumps")
BCG = ph.load_dataset("bcg")
MODELS = {
    "normal": lambda o: ph.NormalNormal(
        SCHOOLS["y"].to_numpy()[o], se=SCHOOLS["sigma"].to_numpy()[o],
        prior_mu=stats.norm(0, 5), prior_tau=stats.halfcauchy(scale=5),
    ),
    "covariates": lambda o: ph.NormalNormal(
        SCHOOLS["y"].to_numpy()[o], se=SCHOOLS["sigma"].to_numpy()[o], X=np.arange(8.0)[o]
    ),
    "successes": lambda o: ph.BetaBinomial(
        RATS["tumors"].to_numpy()[o], RATS["rats"].to_numpy()[o]
    ),
    "successes by x": lambda o: ph.BetaBinomial(
        RATS["tumors"].to_numpy()[o], RATS["rats"].to_numpy()[o], X={"x": (np.arange(12) > 5)[o]},
    ),
    "events": lambda o: ph.PoissonGamma(
        PUMPS["failures"].to_numpy()[o], PUMPS["khours"].to_numpy()[o],
        prior={"alpha": stats.expon(scale=2), "mu": stats.expon(scale=1)},
    ),
    "variances": lambda o: ph.VarianceGamma(
        np.array([0.8, 0.1, 0.4, 2.7, 0.6, 0.3, 1.2, 0.9])[o],
        np.array([3.0, 1.0, 7.5, 2.0, 40.0, 0.7, 9.0, 12.0])[o],
        prior={"d0": stats.gamma(3, scale=2), "s2_0": stats.lognorm(1)},
    ),
    "t": lambda o: ph.NormalT(
        SCHOOLS["y"].to_numpy()[o], se=SCHOOLS["sigma"].to_numpy()[o], nu=3,
    ),
    "contaminated": lambda o: ph.NormalMixture(
        SCHOOLS["y"].to_numpy()[o], se=SCHOOLS["sigma"].to_numpy()[o],
        prior_mu=stats.norm(0, 20), prior_tau=stats.halfnorm(scale=10),
    ),
    "logits": lambda o: ph.BinomialNormal(
        RATS["tumors"].to_numpy()[o], RATS["rats"].to_numpy()[o],
        prior_mu=stats.norm(-1, 2), prior_tau=stats.halfnorm(scale=1),
    ),
    "two arms": lambda o: ph.HypergeometricNormal(*(
        BCG[name].to_numpy()[o]
        for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")
    )),
    "two arms with risks": lambda o: ph.TwoBinomialNormalRisks(*(
        BCG[name].to_numpy()[o]
        for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")
    )),
    "log rates": lambda o: ph.PoissonNormal(
        PUMPS["failures"].to_numpy()[o], PUMPS["khours"].to_numpy()[o]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_our_models(name):
    make = MODELS[name]
    groups = {"successes": 12, "successes by x": 12, "logits": 12, "events": 10, "log rates": 10,
              "two arms": 13, "two arms with risks": 13}  # fmt: skip
    groups = groups.get(name, 8)
    found = check_model(make(np.arange(groups)), make)
    wanted = {"density", "derivatives", "draws of effects", "permutation", "engines"}
    if name == "two arms with risks":  # four coordinates, which no quadrature takes
        wanted = wanted - {"engines"} | {"marginal likelihood"}
    assert wanted <= {*found.passed}


def wrong(lifetimes, **members):
    return type("Wrong", (lifetimes,), members)(HOURS, LAMPS)


def test_wrong_models_are_found(lifetimes):
    right = lifetimes(HOURS, LAMPS)
    phi = right.start()

    def steep(self, point):
        gradient, hessian = lifetimes.derivatives(self, point)
        return 1.02 * gradient + 0.02, hessian

    def likelihood(self, points):
        return lifetimes.log_marginal_likelihood(self, points) + 0.1 * points[:, 0]

    def theta(self, points, rng):
        return 1.1 * lifetimes.draw_theta(self, points, rng)

    def prior(self, n, rng):
        return lifetimes.draw_prior(self, n, rng) + 0.2

    assert np.isfinite(right.log_posterior(phi[None]))
    for message, members in (
        ("gradient in log_alpha", {"derivatives": steep}),
        ("Bayes' theorem", {"log_marginal_likelihood": likelihood}),
        ("draw_theta of group 1|Bayes", {"draw_theta": theta}),
        ("draw_prior and log_prior", {"draw_prior": prior}),
    ):
        with pytest.raises(AssertionError, match=message):
            check_model(wrong(lifetimes, **members))


def test_no_model():
    with pytest.raises(TypeError, match="model is a int"):
        check_model(3)
