"""Diagnostics: bad input, invariances, and results as Python objects."""

import dataclasses

import numpy as np
import pytest

from pyhier import coda


@pytest.fixture
def chains():
    x = np.random.default_rng(1).normal(size=(4, 400, 2))
    return coda.mcmc_list([coda.mcmc(c, start=11, thin=5, varnames=["mu", "tau"]) for c in x])


EACH = [
    coda.effectiveSize, coda.spectrum0, coda.spectrum0_ar, coda.batchSE, coda.gelman_diag,
    coda.geweke_diag, coda.heidel_diag, coda.autocorr, coda.autocorr_diag, coda.crosscorr,
    lambda x: coda.raftery_diag(x, q=0.5, r=0.05),
]  # fmt: skip


@pytest.mark.parametrize("function", EACH)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_draws_that_are_not_finite(chains, function, bad):
    values = [np.array(chain) for chain in chains]
    values[2][390, 1] = bad
    made = coda.mcmc_list([coda.mcmc(v, start=11, thin=5, varnames=["mu", "tau"]) for v in values])
    where = rf"(x|data) has {bad} for tau at iteration 1961 of chain 3"
    with pytest.raises(ValueError, match=where):
        function(made)


@pytest.mark.parametrize("function", EACH)
def test_text_is_no_draw(function):
    with pytest.raises(TypeError):
        function([["a", "b"], ["c", "d"]])


def test_two_different_infinities(chains):
    """Their sum is NaN and their mean is not infinite: still found."""
    values = np.array(chains[0])
    values[3, 0], values[9, 0] = np.inf, -np.inf
    with pytest.raises(ValueError, match="x has inf for var1 at iteration 4 of chain 1"):
        coda.geweke_diag(coda.mcmc(values))


def test_options_out_of_range(chains):
    for call, message in [
        (lambda: coda.gelman_diag(chains, confidence=1.0), "confidence is 1.0"),
        (lambda: coda.gelman_diag(chains[:1]), "You need at least two chains: x has 1"),
        (lambda: coda.geweke_diag(chains, 0.6, 0.5), "overlapping: frac1 [+] frac2 is 1.1"),
        (lambda: coda.geweke_diag(chains, 0.0), "frac1 invalid"),
        (lambda: coda.geweke_diag(coda.mcmc(np.arange(4.0) ** 2, thin=10)), "raise frac1"),
        (lambda: coda.raftery_diag(chains, q=1.0), "q is 1.0"),
        (lambda: coda.raftery_diag(chains, r=0.0), "r is 0.0"),
        (lambda: coda.spectrum0(chains, order=3), "invalid order"),
        (lambda: coda.batchSE(chains, 401), "0 batches fit into chains of 400 draws"),
        (lambda: coda.autocorr(chains, lags=[400]), "as long as the chain, 400 draws"),
        (lambda: coda.autocorr(chains, lags=[-1]), "from 0 up"),
        (lambda: coda.autocorr(chains, lags=[7], relative=False), "7 is no multiple of 5"),
        (lambda: coda.effectiveSize(coda.mcmc([1.0])), "at least 2"),
        (lambda: coda.heidel_diag(coda.mcmc([1.0])), "at least 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_singular_chains():
    x = np.random.default_rng(2).normal(size=(3, 200, 3))
    x[:, :, 2] = 2.0 * x[:, :, 0] - 1.0
    names = ["mu", "tau", "twice mu"]
    made = coda.mcmc_list([coda.mcmc(c, varnames=names) for c in x])
    with pytest.raises(ValueError, match=r"mu, twice mu are linearly dependent .*multivariate=Fal"):
        coda.gelman_diag(made)
    x[:, :, 2] = [[1.0], [2.0], [2.0]]
    made = coda.mcmc_list([coda.mcmc(c, varnames=names) for c in x])
    with pytest.raises(ValueError, match="twice mu does not vary within the chains"):
        coda.gelman_diag(made)
    assert coda.gelman_diag(made, multivariate=False).psrf["twice mu", "Point est."] == np.inf


def test_periodic_draws_have_no_run_length():
    with pytest.warns(RuntimeWarning, match="no run length for x: .* periodic"):
        found = coda.raftery_diag(
            coda.mcmc(np.tile([[0.0], [1.0]], (2000, 1)), varnames=["x"]), q=0.5, r=0.05
        )
    assert np.isnan(found.resmatrix["x", "N"])


@pytest.mark.parametrize("scale", [1e-3, 1e8])
def test_shift_and_scale(chains, scale):
    """No diagnostic depends on the unit; those of convergence not on the origin either."""
    moved = coda.mcmc_list([coda.mcmc(scale * (np.array(c) + 3.0), thin=5) for c in chains])
    for function in (coda.effectiveSize, coda.autocorr_diag, coda.crosscorr):
        np.testing.assert_allclose(
            function(moved), np.asarray(function(chains)), rtol=1e-9, atol=1e-12
        )
    ours, other = (
        coda.gelman_diag(chains, autoburnin=False),
        coda.gelman_diag(moved, autoburnin=False),
    )
    np.testing.assert_allclose(other.psrf, np.asarray(ours.psrf), rtol=1e-12)
    assert other.mpsrf == pytest.approx(ours.mpsrf, rel=1e-12)
    thinned = [coda.mcmc(np.array(c), thin=5) for c in chains]
    z = [coda.geweke_diag(x).z for x in (thinned[1], moved[1])]
    np.testing.assert_allclose(*map(np.asarray, z), rtol=1e-9)


def test_chains_in_another_order(chains):
    turned = coda.mcmc_list(list(chains)[::-1])
    first, second = coda.gelman_diag(chains), coda.gelman_diag(turned)
    np.testing.assert_allclose(first.psrf, np.asarray(second.psrf), rtol=1e-12)


def test_a_list_of_results(chains):
    named = coda.mcmc_list(**{"a": chains[0], "b c": chains[1]})
    found = coda.geweke_diag(named)
    assert len(found) == 2
    assert found["b c"] is found[1]
    assert [one.frac for one in found] == [(0.1, 0.5)] * 2
    assert "$`b c`" in str(found)
    with pytest.raises(KeyError, match="there are a, b c"):
        found["d"]
    assert "<h4>b c</h4>" in found._repr_html_()


@pytest.mark.parametrize("function", EACH)
def test_results_are_frozen_and_have_tables(chains, function):
    found = function(chains)
    one = found[0] if isinstance(found, coda.PerChain) else found
    assert "<table>" in one._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, dataclasses.fields(one)[0].name, None)


def test_negative_control():
    """Chains that have not met: every diagnostic says so."""
    rng = np.random.default_rng(3)
    x = [coda.mcmc(rng.normal(size=(1000, 1)).cumsum(axis=0) + 50 * k) for k in range(3)]
    assert coda.gelman_diag(coda.mcmc_list(x)).psrf[0, 0] > 1.5
    assert abs(coda.geweke_diag(x[0]).z[0]) > 2.5
    assert coda.effectiveSize(x[0])[0] < 20
    late = coda.mcmc(np.where(np.arange(1000) < 490, 3.0, 0.0) + rng.normal(size=1000))
    assert coda.heidel_diag(late).stest[0] == 0.0


@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**520, 2.0**1000])
def test_units_of_a_chain_leave_its_correlations_as_they_are(unit):
    """To the last bit, where squares are beyond doubles too."""
    draws = np.random.default_rng(3).normal(size=(200, 3)) + 5.0
    for found in (coda.crosscorr, coda.autocorr, coda.autocorr_diag):
        wanted, scaled = (np.asarray(found(coda.mcmc(k * draws))) for k in (1.0, unit))
        np.testing.assert_array_equal(scaled, wanted)
