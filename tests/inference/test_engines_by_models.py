"""Every engine on every model: all agree with the exact posterior, on real data.

A sampler agrees when the means of all quantities lie within 4 Monte Carlo standard errors of the
exact ones (seeds are fixed; of the 2,000 comparisons here about 0.1 would be beyond it by chance).
Quantities without a finite variance have no such error and are left out; their logs are in.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier import inference
from pyhier._arviz import load_arviz

DRAWS = 10_000


def bcg():
    d = ph.load_dataset("bcg")
    risk, control = d["vaccinated_cases"] / d["vaccinated"], d["control_cases"] / d["control"]
    var = (1.0 - risk) / d["vaccinated_cases"] + (1.0 - control) / d["control_cases"]
    return ph.NormalNormal(np.log(risk / control), var=var)


def eight_schools():
    d = ph.load_dataset("eight_schools")
    return ph.NormalNormal(d["y"], se=d["sigma"])


def teacher_expectancy():
    d = ph.load_dataset("teacher_expectancy")
    return ph.NormalNormal(d["y"], var=d["var"])


def batting_arcsine():
    """The players' averages on Efron and Morris's scale, where their variances are 1."""
    d = ph.load_dataset("baseball")
    return ph.NormalNormal(np.sqrt(45.0) * np.arcsin(2.0 * d["hits"] / 45.0 - 1.0), se=np.ones(18))


def counts_of(name, successes, trials, **more):
    def make():
        d = ph.load_dataset(name)
        return ph.BetaBinomial(d[successes], d[trials], **more)

    return make


def events_of(name, events, exposure, **prior):
    def make():
        d = ph.load_dataset(name)
        return ph.PoissonGamma(d[events], d[exposure], **prior)

    return make


def variances(df, groups=12):
    """Simulated ones, of d0 = 8 and s0^2 = 2."""

    def make():
        rng = np.random.default_rng(groups)
        sigma2 = 16.0 / rng.chisquare(8.0, groups)
        return ph.VarianceGamma(sigma2 * rng.chisquare(df, groups) / df, df)

    return make


def with_normal_effects(model, name, y, size):
    def make():
        d = ph.load_dataset(name)
        return model(d[y], d[size])

    return make


def two_arms(model):
    def make():
        d = ph.load_dataset("bcg")
        columns = ("vaccinated_cases", "vaccinated", "control_cases", "control")
        return model(*(d[name] for name in columns))

    return make


def heavy(model, **law):
    def make():
        d = ph.load_dataset("eight_schools")
        return model(d["y"], se=d["sigma"], **law)

    return make


MODELS = {
    "normal: eight schools": eight_schools,
    "normal: BCG": bcg,
    "normal: teacher expectancy": teacher_expectancy,
    "normal: baseball": batting_arcsine,
    "beta-binomial: rat tumours": counts_of("rat_tumors", "tumors", "rats"),
    "beta-binomial: free throws": counts_of("free_throws", "made", "attempts"),
    "beta-binomial: baseball": counts_of("baseball", "hits", "at_bats"),
    "beta-binomial: surgical": counts_of("surgical", "deaths", "operations"),
    "beta-binomial: cancer mortality": counts_of("cancermortality", "y", "n"),
    "Poisson-gamma: pumps": events_of("pumps", "failures", "khours"),
    "Poisson-gamma: heart transplants": events_of("hearttransplants", "y", "e", z0=0.53),
    "Poisson-gamma: cancer mortality": events_of("cancermortality", "y", "n"),
    "Poisson-gamma: surgical": events_of("surgical", "deaths", "operations"),
    "variances: six degrees of freedom": variances(6.0),
    "variances: ten": variances(10.0, 20),
    "variances: twenty": variances(20.0),
    "variances: unlike": variances(np.linspace(5.0, 40.0, 12)),
    "binomial-normal: surgical": with_normal_effects(
        ph.BinomialNormal, "surgical", "deaths", "operations"
    ),
    "t: eight schools": heavy(ph.NormalT, nu=4),
    "contaminated: eight schools": heavy(ph.NormalMixture),
    "Poisson-normal: pumps": with_normal_effects(ph.PoissonNormal, "pumps", "failures", "khours"),
    "hypergeometric-normal: BCG": two_arms(ph.HypergeometricNormal),
    "two binomials: BCG": two_arms(ph.TwoBinomialNormal),
}

FAMILIES = ("normal", "beta-binomial", "Poisson-gamma", "variances")

WRONG = {  # other priors of the same data
    "normal: eight schools": {"prior_tau": stats.halfnorm(scale=3.0)},
    "beta-binomial: free throws": {"prior": "betabinexch"},
    "Poisson-gamma: pumps": {"z0": 100.0},
}


@cache
def model_of(name):
    return MODELS[name]()


@cache
def exact_of(name):
    """Means and sds of the quantities that have both: name, mean, sd."""
    model = model_of(name)
    post = ph.exact(model)
    found = ((key, post[key]) for key in dict.fromkeys((*model.coordinates, *post.names)))
    rows = [(key, float(marginal.mean()), float(marginal.std())) for key, marginal in found]
    return [row for row in rows if np.all(np.isfinite(row[1:]))]


# --- How each engine errs ------------------------------------------------------------------------


def by_chain(post, keys):
    """By the chains' effective sample sizes (ArviZ)."""
    draws = [post.draws_of(key) for key in keys]
    assert all(np.ptp(values) > 0.0 for values in draws)  # ArviZ calls constant ones all effective
    errors = [np.squeeze(load_arviz().mcse(values, method="mean")) for values in draws]
    return [values.mean() for values in draws], errors


def by_draws(post, keys):
    sds = [post[key].std() for key in keys]
    return [post[key].mean() for key in keys], np.array(sds) / np.sqrt(post.theta_new.size)


def by_weights(post, keys):
    return [post[key].mean() for key in keys], [post.mcse(key) for key in keys]


def by_resampling(post, keys):
    """The weights' error, and on top of it that of picking by them."""
    means, errors = by_draws(post, keys)
    return means, errors * np.sqrt(1.0 + post.theta_new.size / post.ess)


SAMPLERS = {
    "rwmetrop": (lambda m: ph.rwmetrop(m, DRAWS, burn_in=500, chains=2, rng=1), by_chain),
    "indepmetrop": (lambda m: ph.indepmetrop(m, DRAWS, df=2, chains=2, rng=2), by_chain),
    "gibbs": (lambda m: ph.gibbs(m, DRAWS, burn_in=500, chains=2, rng=3), by_chain),
    "nuts": (lambda m: ph.nuts(m, 2_000, 500, chains=4, rng=9), by_chain),
    "importance": (lambda m: ph.importance(m, DRAWS, df=2, rng=4), by_weights),
    "sir": (lambda m: ph.sir(m, DRAWS, df=2, pool=2 * DRAWS, rng=5), by_resampling),
    "rejection": (lambda m: ph.rejection(m, DRAWS, df=1, rng=6), by_draws),
    "grid": (lambda m: ph.grid(m).to_draws(DRAWS, 7), by_draws),
    "exact": (lambda m: ph.exact(m).to_draws(DRAWS, 8), by_draws),
}


def distances(post, errors_of, rows):
    """How far each mean is from the exact one, in Monte Carlo standard errors."""
    means, errors = errors_of(post, [key for key, *_ in rows])
    return (np.array(means) - [mean for _, mean, _ in rows]) / np.array(errors)


def test_the_grid_is_complete():
    families = [name.split(":")[0] for name in MODELS]
    assert all(families.count(family) >= 4 for family in FAMILIES)
    # Tested below, given() and exact_many() being no engines of any model.
    others = {"laplace", "empirical_bayes", "given", "vi", "exact_many"}
    engines = {name for name in inference.__all__ if name[0].islower()}
    assert engines == set(SAMPLERS) | others


@pytest.mark.parametrize("engine", SAMPLERS)
@pytest.mark.parametrize("name", MODELS)
def test_samplers_agree_with_exact(name, engine):
    sample, errors_of = SAMPLERS[engine]
    rows = exact_of(name)
    assert len(rows) >= len(model_of(name).labels) + 2
    far = distances(sample(model_of(name)), errors_of, rows)
    assert np.max(np.abs(far)) < 4.0, rows[int(np.argmax(np.abs(far)))]


@cache
def rows_of_sleepstudy():
    """Raw rows with two coefficients that vary: five coordinates, and the exact answer."""
    model = ph.HierarchicalRegression.from_formula(
        "Reaction ~ Days + (Days || Subject)", ph.load_dataset("sleepstudy")
    )
    post = ph.exact(model)
    found = ((key, post[key]) for key in (*model.coordinates, *post.names))
    return model, [(key, float(one.mean()), float(one.std())) for key, one in found]


@pytest.mark.parametrize("engine", [name for name in SAMPLERS if name != "grid"])
def test_samplers_agree_with_exact_on_raw_rows(engine):
    """All but a grid, which takes three coordinates."""
    sample, errors_of = SAMPLERS[engine]
    model, rows = rows_of_sleepstudy()
    far = distances(sample(model), errors_of, rows)
    assert np.max(np.abs(far)) < 4.0, rows[int(np.argmax(np.abs(far)))]


@cache
def rows_of_two_arms_with_risks():
    """Events in two arms with normal risks, five trials: four coordinates, and the exact answer."""
    d = ph.load_dataset("bcg").iloc[::3]
    model = ph.TwoBinomialNormalRisks(
        d["vaccinated_cases"], d["vaccinated"], d["control_cases"], d["control"],
        prior_tau=stats.halfnorm(scale=1.0), prior_sigma=stats.halfnorm(scale=2.0),
    )  # fmt: skip
    post = ph.exact(model)
    weight = post.lattice.weight
    rows = []
    for key, value in model.hyperparameters(post.lattice.psi).items():  # marginals take longer
        mean = float(weight @ value)
        rows.append((key, mean, float(np.sqrt(weight @ (value - mean) ** 2))))
    effects = list(post.names)[4:6]
    return model, rows + [(k, float(post[k].mean()), float(post[k].std())) for k in effects]


@pytest.mark.parametrize("engine", [name for name in SAMPLERS if name != "grid"])
def test_samplers_agree_with_exact_on_two_arms_with_risks(engine):
    """All but a grid, which takes three coordinates."""
    sample, errors_of = SAMPLERS[engine]
    model, rows = rows_of_two_arms_with_risks()
    far = distances(sample(model), errors_of, rows)
    assert np.max(np.abs(far)) < 4.0, rows[int(np.argmax(np.abs(far)))]


FAR = {"far": ph.load_dataset("bcg")["latitude"] > 33}
COVARIATES = {
    "beta-binomial": lambda: counts_of("bcg", "vaccinated_cases", "vaccinated", X=FAR)(),
    "Poisson-gamma": lambda: events_of("bcg", "control_cases", "control", X=FAR)(),
    "t": lambda: ph.NormalT(
        bcg().y[:7],
        var=bcg().var[:7],
        X={"far": FAR["far"][:7]},
        prior_tau=stats.halfnorm(scale=1.0),
    ),
}


@cache
def with_covariates(family):
    """A model with a covariate, and the exact answer."""
    model = COVARIATES[family]()
    post = ph.exact(model)
    found = ((key, post[key]) for key in (*model.coordinates, *post.names))
    rows = [(key, float(one.mean()), float(one.std())) for key, one in found]
    return model, [row for row in rows if np.all(np.isfinite(row[1:]))]


@pytest.mark.parametrize("engine", SAMPLERS)
@pytest.mark.parametrize("family", COVARIATES)
def test_samplers_agree_with_exact_with_covariates(family, engine):
    sample, errors_of = SAMPLERS[engine]
    model, rows = with_covariates(family)
    assert len(rows) >= len(model.labels) + 3
    far = distances(sample(model), errors_of, rows)
    assert np.max(np.abs(far)) < 4.0, rows[int(np.argmax(np.abs(far)))]


@pytest.mark.parametrize("engine", SAMPLERS)
@pytest.mark.parametrize("name", WRONG)
def test_samplers_of_a_wrong_target_do_not(name, engine):
    """The negative control: the same data under another prior must fail the same check."""
    sample, errors_of = SAMPLERS[engine]
    wrong = model_of(name).with_prior(**WRONG[name])
    far = distances(sample(wrong), errors_of, exact_of(name))
    assert np.max(np.abs(far)) > 10.0


@pytest.mark.parametrize("name", MODELS)
def test_grid_agrees_with_exact(name):
    """To what is left outside its limits: 1e-7 of the highest density, times the tail's width."""
    rows = exact_of(name)
    post = ph.grid(model_of(name))
    errors = [(post[key].mean() - mean) / sd for key, mean, sd in rows]
    assert np.max(np.abs(errors)) < 2e-5


@pytest.mark.parametrize("name", MODELS)
def test_laplace_approximates(name):
    """The coordinates' posteriors are skew, so their means are only near the modes."""
    model = model_of(name)
    post = ph.laplace(model).sample(DRAWS, 1)
    rows = [row for row in exact_of(name) if row[0] in model.coordinates]
    assert len(rows) == 2
    errors = [(post[key].mean() - mean) / sd for key, mean, sd in rows]
    assert np.max(np.abs(errors)) < 0.75


@pytest.mark.parametrize("name", MODELS)
def test_empirical_bayes_understates(name):
    """The effects' means are near the exact ones, and their sds nowhere above them by much."""
    model = model_of(name)
    table = ph.empirical_bayes(model).compare()
    groups = table.iloc[:-1]
    off = (groups["mean"] - groups["full_mean"]) / groups["full_sd"]
    assert np.max(np.abs(off)) < 1.0
    assert groups["sd_ratio"].mean() < 1.0
