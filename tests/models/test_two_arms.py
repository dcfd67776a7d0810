"""Events in two arms: log odds ratios given the margins, and logits with offsets."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

import pyhier as ph

# Two studies with none in an arm, one with nothing but events, one without any.
EVENTS, SIZE = np.array([4, 0, 12, 3, 0.0]), np.array([30, 25, 12, 40, 10.0])
OTHERS, OTHER_SIZE = np.array([9, 4, 9, 0, 0.0]), np.array([28, 24, 15, 35, 12.0])
ARMS = EVENTS, SIZE, OTHERS, OTHER_SIZE
PRIORS = {"prior_mu": stats.norm(-0.5, 1), "prior_tau": stats.lognorm(0.4, scale=0.6)}
BCG = ph.load_dataset("bcg")
OF_BCG = [BCG[name] for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")]


def log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def hypergeometric(theta):
    """Logs of the studies' probabilities, shape (5, *theta.shape), term by term."""
    rows = []
    for a, n, c, m in zip(*ARMS, strict=True):
        x = np.arange(max(0, a + c - m), min(n, a + c) + 1)
        weight = log_choose(n, x) + log_choose(m, a + c - x)
        own = log_choose(n, a) + log_choose(m, c) + a * theta
        rows.append(own - logsumexp(weight + np.multiply.outer(theta, x), axis=-1))
    return np.array(rows)


def binomial(theta):
    """The same given events in both arms, which are rare."""
    off = np.log(SIZE / OTHER_SIZE)[:, None, None]
    y, n = EVENTS[:, None, None], (EVENTS + OTHERS)[:, None, None]
    return log_choose(n, y) + y * (theta + off) - n * np.logaddexp(0, theta + off)


MODELS = {
    "exact": (lambda **more: ph.HypergeometricNormal(*ARMS, **more), hypergeometric),
    "rare": (lambda **more: ph.BinomialNormal.from_two_arms(*ARMS, **more), binomial),
}


@pytest.mark.parametrize("kind", MODELS)
def test_against_sums(kind):
    """The evidence, and means, sds and tails of mu, tau and effects, by sums over all three."""
    make, mass = MODELS[kind]
    post = ph.exact(make(**PRIORS))
    z = np.linspace(-9.0, 9.0, 181)
    height = stats.norm.pdf(z) * (z[1] - z[0])
    mu, log_tau = np.linspace(-7.0, 6.0, 131)[:, None], np.linspace(-3.6, 2.6, 63)
    total, sums = 0.0, np.zeros(8)
    for s in log_tau:
        theta = mu + np.exp(s) * z
        own = np.exp(mass(theta))
        parts = own @ height
        share = parts.prod(axis=0) * PRIORS["prior_mu"].pdf(mu[:, 0])
        share *= PRIORS["prior_tau"].pdf(np.exp(s)) * np.exp(s)
        total += share.sum()
        sums[:4] += [share @ mu[:, 0], share @ mu[:, 0] ** 2, share.sum() * np.exp(s),
                     share.sum() * np.exp(2 * s)]  # fmt: skip
        for i, group in ((4, 1), (6, 2)):
            law = own[group] * height / parts[group][:, None]
            sums[i : i + 2] += [share @ (law * theta).sum(axis=1),
                                share @ (law * theta**2).sum(axis=1)]  # fmt: skip
    width = (mu[1, 0] - mu[0, 0]) * (log_tau[1] - log_tau[0])
    assert post.log_evidence == pytest.approx(np.log(total * width), abs=1e-8)
    wanted = sums / total
    for i, name in enumerate(("mu", "tau", "theta[2]", "theta[3]")):
        mean, square = wanted[2 * i : 2 * i + 2]
        assert post[name].mean() == pytest.approx(mean, abs=1e-8)
        assert post[name].std() == pytest.approx(np.sqrt(square - mean**2), abs=1e-8)
    none = post["theta[5]"]  # it says nothing: a new study's
    new = post["theta_new"]
    if kind == "exact":
        assert none.mean() == pytest.approx(new.mean(), abs=1e-8)
        np.testing.assert_allclose(none.cdf([-2.0, 0.3]), new.cdf([-2.0, 0.3]), atol=1e-8)


@pytest.mark.parametrize("kind", MODELS)
def test_draws_and_predictions(kind):
    make, mass = MODELS[kind]
    model = make(**PRIORS)
    post = ph.exact(model)
    draws = post.to_draws(20_000, 1)
    for name in ("theta[2]", "theta[4]"):
        assert stats.kstest(post[name].cdf(draws.draws_of(name).ravel()), "uniform").pvalue > 1e-4
    theta = np.array([[0.2, -1.0, 0.4, 1.0, 0.0]])
    own = [mass(np.array([[x]]))[j].item() for j, x in enumerate(theta[0])]
    np.testing.assert_allclose(model.log_likelihood(theta)[0], own, atol=1e-12)
    again = model.predict(np.repeat(theta, 40_000, axis=0), np.random.default_rng(2))
    off = np.log(SIZE / OTHER_SIZE)
    if kind == "exact":
        law = stats.nchypergeom_fisher(
            (SIZE + OTHER_SIZE)[:4], SIZE[:4], (EVENTS + OTHERS)[:4], np.exp(theta[0, :4])
        )
        mean, sd = law.mean(), law.std()
    else:
        p, n = 1 / (1 + np.exp(-theta[0] - off))[:4], (EVENTS + OTHERS)[:4]
        mean, sd = n * p, np.sqrt(n * p * (1 - p))
    np.testing.assert_array_less(np.abs(again.mean(axis=0)[:4] - mean), 5 * sd / 200)
    assert (again[:, 4] == 0.0).all()
    if kind == "exact":
        with pytest.raises(ValueError, match="risk in its second arm"):
            post.predict_new(10, rng=1)


@pytest.mark.parametrize("kind", ["centred", "non-centred"])
@pytest.mark.parametrize("which", MODELS)
def test_joint_densities(which, kind):
    """The joint density by its parts; its gradient by differences."""
    model = MODELS[which][0](**PRIORS)
    rng = np.random.default_rng(4)
    x = np.array([0.3, -0.4, *rng.normal(size=5)])
    density = model.joint(kind)
    value, gradient = density.gradient(x)
    mu, tau = x[0], np.exp(x[1])
    theta = x[2:] if kind == "centred" else mu + tau * x[2:]
    wanted = model.log_likelihood(theta).sum() + model.log_prior(x[:2])
    wanted += stats.norm(mu, tau).logpdf(theta).sum() + (5 * x[1] if kind != "centred" else 0.0)
    assert value == pytest.approx(wanted, rel=1e-12)
    h = 1e-5
    for k, step in enumerate(h * np.eye(7)):
        slope = (density.gradient(x + step)[0] - density.gradient(x - step)[0]) / (2 * h)
        assert gradient[k] == pytest.approx(slope, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("which", MODELS)
def test_derivatives(which):
    model = MODELS[which][0](**PRIORS)
    point, h = np.array([-0.7, -0.2]), 1e-4
    gradient, hessian = model.derivatives(point)
    ends = [[model.derivatives(point + s * h * unit)[0] for s in (-1, 1)] for unit in np.eye(2)]
    np.testing.assert_allclose(hessian, [(b - a) / (2 * h) for a, b in ends], rtol=1e-6, atol=1e-7)
    values = [[model.log_marginal(point + s * h * unit) for s in (-1, 1)] for unit in np.eye(2)]
    np.testing.assert_allclose(gradient, [(b - a) / (2 * h) for a, b in values], atol=1e-6)


def test_bcg_of_metafor():
    """What rma.glmm(measure = "OR", model = "CM.EL") of metafor 3.8 with BiasedUrn 2.0.9 prints."""
    model = ph.HypergeometricNormal(*OF_BCG)
    fit = ph.empirical_bayes(model).estimate
    np.testing.assert_allclose([fit["mu"], fit["tau"]], [-0.75381051, 0.55824267], atol=2e-8)
    at = model.log_marginal_likelihood(model.phi_at(**fit)[np.newaxis])[0]
    assert at == pytest.approx(-48.374791239515, abs=1e-8)


def test_both_models_agree_on_rare_events():
    """Of events of one in a million given the margins they are binomial."""
    rare = EVENTS, SIZE * 1e6, OTHERS, OTHER_SIZE * 1e6
    first = ph.exact(ph.HypergeometricNormal(*rare, **PRIORS))
    second = ph.exact(ph.BinomialNormal.from_two_arms(*rare, **PRIORS))
    for name in ("mu", "tau", "theta[1]"):
        assert first[name].mean() == pytest.approx(second[name].mean(), abs=1e-5)


def test_arms_and_events_are_symmetric():
    """Arms changed, or events and the others: the log odds ratios change their signs."""
    prior = {"prior_tau": stats.halfnorm(scale=1), "prior_mu": stats.norm(0, 2)}
    first = ph.exact(ph.HypergeometricNormal(*ARMS, **prior))
    arms = ph.exact(ph.HypergeometricNormal(OTHERS, OTHER_SIZE, EVENTS, SIZE, **prior))
    others = ph.exact(ph.HypergeometricNormal(SIZE - EVENTS, SIZE, OTHER_SIZE - OTHERS, OTHER_SIZE,
                                              **prior))  # fmt: skip
    for name in ("mu", "theta[1]", "theta[3]"):
        for other in (arms, others):
            assert other[name].mean() == pytest.approx(-first[name].mean(), abs=1e-9)
    assert arms.log_evidence == pytest.approx(first.log_evidence, abs=1e-9)
    assert others.log_evidence == pytest.approx(first.log_evidence, abs=1e-9)


def test_covariates_of_two_arms():
    """A constant as the only covariate is mu; a covariate's tables are the density."""
    prior = {"prior_tau": stats.halfnorm(scale=1)}
    plain = ph.exact(ph.HypergeometricNormal(*OF_BCG, **prior))
    x = (BCG["latitude"].to_numpy() - 33.0) / 10.0
    model = ph.HypergeometricNormal(*OF_BCG, X={"x": x}, **prior)
    ones = ph.HypergeometricNormal(*OF_BCG, X={"one": np.ones(13)}, **prior)
    by_one = ph.exact(ones)
    assert by_one["beta[one]"].mean() == pytest.approx(plain["mu"].mean(), abs=1e-8)
    rng = np.random.default_rng(3)
    psi = np.column_stack([rng.normal(-0.7, 0.5, (60, 2)), rng.choice([-3.0, 0.2], 60)])
    np.testing.assert_allclose(model.log_psi(psi), model.log_posterior(psi), rtol=1e-11)
    off = ph.BinomialNormal.from_two_arms(*OF_BCG, X={"x": x}, **prior)
    np.testing.assert_allclose(off.log_psi(psi), off.log_posterior(psi), rtol=1e-11)
    for one in (model, off):
        copy = pickle.loads(pickle.dumps(one))
        assert type(copy) is type(one)
        assert copy.log_marginal(psi[0]) == one.log_marginal(psi[0])


def test_an_offset_moves_effects():
    """The same offset everywhere moves mu; one known of each group is its logit's part."""
    y, n = [3, 0, 7, 5], [10, 9, 20, 12]
    prior = {"prior_tau": stats.halfnorm(scale=1)}
    first = ph.exact(ph.BinomialNormal(y, n, **prior))
    model = ph.BinomialNormal(y, n, offset=np.full(4, 2.5), **prior)
    moved = ph.exact(model)
    for name in ("mu", "theta[2]"):
        np.testing.assert_allclose(moved[name].ppf([0.1, 0.8]), first[name].ppf([0.1, 0.8]) - 2.5)
    assert model.with_prior(prior_mu=stats.norm(0, 1)).offset.tolist() == [2.5] * 4
    assert pickle.loads(pickle.dumps(model)).offset.tolist() == [2.5] * 4
    np.testing.assert_allclose(model.estimates()[0], ph.BinomialNormal(y, n).estimates()[0] - 2.5)
    # equal counts with other offsets are other groups
    two = ph.exact(ph.BinomialNormal([3, 3, 5], [10, 10, 9], offset=[0.0, 2.0, 1.0], **prior))
    assert abs(two["theta[1]"].mean() - two["theta[2]"].mean()) > 0.1


@pytest.mark.parametrize("events", ["few", "many"])
def test_improper(events):
    """No study with an event in its first arm under a flat mu; none that tells anything."""
    none, some, size = np.zeros(4), np.array([1.0, 3, 2, 2]), np.full(4, 12.0)
    arms = (none, size, some, size) if events == "few" else (some, size, none, size)
    end = "minus infinity" if events == "few" else "from infinity"
    with pytest.raises(ValueError, match=f"flat prior of mu: no study .* {end}.*prior_mu"):
        ph.exact(ph.HypergeometricNormal(*arms))
    proper = {"prior_mu": stats.norm(0, 2), "prior_tau": stats.halfnorm(scale=1)}
    post = ph.exact(ph.HypergeometricNormal(*arms, **proper))
    assert np.sign(post["mu"].mean()) == (-1 if events == "few" else 1)
    with pytest.raises(ValueError, match="both people with an event and people without one"):
        ph.exact(ph.HypergeometricNormal(none, size, none, size))
    with pytest.raises(ValueError, match="at least 3 groups"):
        ph.exact(ph.HypergeometricNormal([1, 2], [9, 9], [3, 1], [9, 9]))


def test_errors():
    with pytest.raises(ValueError, match=r"events\[1\] \(group B\) is 30"):
        ph.HypergeometricNormal([1, 30], [5, 20], [1, 2], [9, 9], labels=["A", "B"])
    with pytest.raises(ValueError, match=r"size\[0\] \(group 1\) is 0"):
        ph.BinomialNormal.from_two_arms([0, 3], [0, 20], [1, 2], [9, 9])
    with pytest.raises(ValueError, match="control_size has 1"):
        ph.HypergeometricNormal([1, 3], [5, 20], [1, 2], [9])
    with pytest.raises(ValueError, match="NormalNormal"):
        ph.HypergeometricNormal([4e7], [1e9], [3e7], [1e9])
    with pytest.raises(ValueError, match="different pandas indexes"):
        ph.HypergeometricNormal(
            pd.Series([1, 3], [0, 1]), pd.Series([9, 9], [1, 0]), [1, 2], [9, 9]
        )
    with pytest.raises(ValueError, match="measure is 'RR'"):
        ph.BinomialNormal.from_two_arms([1, 3], [5, 20], [1, 2], [9, 9], measure="RR")
    with pytest.raises(TypeError, match="leave it out"):
        ph.BinomialNormal.from_two_arms([1, 3], [5, 20], [1, 2], [9, 9], offset=[0, 1])
    with pytest.raises(ValueError, match="offset"):
        ph.BinomialNormal([1, 3], [5, 20], offset=[0, np.nan])


def test_rates_have_times():
    """Sizes are times at risk where the measure is a ratio of rates."""
    model = ph.BinomialNormal.from_two_arms(
        [3, 5, 1], [10.5, 3.25, 8.0], [2, 6, 4], [9.5, 4.0, 8.0], measure="IRR"
    )
    np.testing.assert_allclose(model.offset, np.log([10.5 / 9.5, 3.25 / 4.0, 1.0]))
    with pytest.raises(ValueError, match="size"):
        ph.BinomialNormal.from_two_arms([3, 5], [10.5, 3.25], [2, 6], [9.5, 4.0])
