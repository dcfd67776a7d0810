"""Random-walk Metropolis: right targets, wrong targets, streams, interruption, bad input."""

import pickle
import threading

import numba
import numpy as np
import pytest
import scipy
from scipy import integrate, stats

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier.kernels.density import NormalMarginal

# Adaptive quadrature in 30-digit arithmetic, uniform prior.
E_MU, E_TAU = 7.9323750182, 6.5754833467
E_THETA = [
    11.4002608704, 7.8945522837, 6.1307468569, 7.6446786243,
    5.1264241119, 6.1385362429, 10.6669833281, 8.4568178276,
]  # fmt: skip


def standardised_errors(posterior, names, means):
    """Distance of chain means from the truth in standard errors, by batches of 500 draws."""
    errors = []
    for name, mean in zip(names, means, strict=True):
        batches = posterior[name].draws.reshape(-1, 500).mean(axis=1)
        errors.append((batches.mean() - mean) / (batches.std(ddof=1) / np.sqrt(len(batches))))
    return np.array(errors)


NAMES = ["mu", "tau", *(f"theta[{label}]" for label in "ABCDEFGH")]


@pytest.mark.parametrize("rng", [1, ph.RStream(1)], ids=["numpy", "r"])
def test_means_are_the_exact_ones(model, rng):
    posterior = ph.rwmetrop(model, 500_000, rng=rng)
    errors = standardised_errors(posterior, NAMES, [E_MU, E_TAU, *E_THETA])
    assert np.max(np.abs(errors)) < 4.5


def test_a_wrong_target_is_caught(schools):
    # The negative control: a prior that should not be there.
    wrong = ph.NormalNormal(
        schools["y"], se=schools["sigma"], labels=schools["school"], prior_tau=stats.expon(scale=20)
    )
    posterior = ph.rwmetrop(wrong, 500_000, rng=1)
    errors = standardised_errors(posterior, NAMES, [E_MU, E_TAU, *E_THETA])
    assert np.max(np.abs(errors)) > 8.0


def test_weakly_informative_prior(schools):
    model = ph.NormalNormal(
        schools["y"],
        se=schools["sigma"],
        prior_mu=stats.norm(0, 5),
        prior_tau=stats.halfcauchy(scale=5),
    )
    posterior = ph.rwmetrop(model, 500_000, rng=2)
    # E[mu], E[tau] by quadrature
    errors = standardised_errors(posterior, ["mu", "tau"], [4.396820714, 3.597705484])
    assert np.max(np.abs(errors)) < 4.5
    assert posterior["mu"].std() == pytest.approx(3.317704463, rel=0.02)
    assert posterior["tau"].std() == pytest.approx(3.219958415, rel=0.05)


def test_python_prior_gives_the_compiled_priors_chain(schools):
    data = {"y": schools["y"], "se": schools["sigma"]}
    compiled = ph.NormalNormal(**data, prior_tau=stats.halfnorm(scale=5))
    python = ph.NormalNormal(**data, prior_tau=lambda tau: stats.halfnorm(scale=5).logpdf(tau))
    fit = ph.laplace(compiled)
    a, b = (ph.rwmetrop(m, 300, fit, rng=1, theta=False) for m in (compiled, python))
    np.testing.assert_allclose(a.phi, b.phi, rtol=1e-12)


def normal3(x):
    return -0.5 * (x[0] ** 2 + x[1] ** 2 / 4.0 + x[2] ** 2 / 9.0)


def kinds_of_normal3():
    c = numba.cfunc("float64(intc, CPointer(float64))")(
        lambda n, x: -0.5 * (x[0] ** 2 + x[1] ** 2 / 4.0 + x[2] ** 2 / 9.0)
    )
    low_level = scipy.LowLevelCallable(c.ctypes, signature="double (int, double *)")
    return {"callable": normal3, "njit": numba.njit(normal3), "LowLevelCallable": low_level}


@pytest.mark.parametrize("rng", [11, "r"])
def test_every_kind_of_density_makes_the_same_chain(rng):
    chains = []
    for function in kinds_of_normal3().values():
        source = ph.RStream(11) if rng == "r" else rng
        sim = lb.rwmetrop(
            function, {"var": np.diag([1.0, 4.0, 9.0]), "scale": 1.4}, [0.0] * 3, 5000, rng=source
        )
        chains.append(sim.par)
        assert 0.2 < sim.accept < 0.6
    np.testing.assert_array_equal(chains[0], chains[1])
    np.testing.assert_array_equal(chains[0], chains[2])


def test_three_dimensional_moments():
    density = kinds_of_normal3()["LowLevelCallable"]
    proposal = {"var": np.diag([1.0, 4.0, 9.0]), "scale": 1.4}
    par = lb.rwmetrop(density, proposal, [0.0] * 3, 400_000, rng=5).par
    np.testing.assert_allclose(par.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(par.std(axis=0), [1.0, 2.0, 3.0], rtol=0.03)


def test_open_decisions_are_made_in_r_arithmetic(model):
    """R's chain must not depend on the fast density that makes the clear decisions."""

    class Plain:
        """The same density without a fast form."""

        def __call__(self, x):
            return model.log_marginal(x)

    fit = ph.laplace(model, start=[8, 2])
    proposal = {"var": fit.var, "scale": 2}
    fast = lb.rwmetrop(model.log_marginal, proposal, fit.mode, 50_000, rng=ph.RStream(2))
    slow = lb.rwmetrop(Plain(), proposal, fit.mode, 50_000, rng=ph.RStream(2))
    np.testing.assert_array_equal(fast.par, slow.par)


def test_chains_do_not_depend_on_pieces(model):
    whole = ph.rwmetrop(model, 30_000, rng=7, theta=False)
    short = ph.rwmetrop(model, 1_000, rng=7, theta=False)
    np.testing.assert_array_equal(whole.phi[:, :1_000], short.phi)


def test_several_chains(model):
    a = ph.rwmetrop(model, 2_000, chains=4, rng=1)
    b = ph.rwmetrop(model, 2_000, chains=4, rng=np.random.default_rng(1))
    assert a.phi.shape == (4, 2_000, 2)
    assert a.theta.shape == (4, 2_000, 8)
    np.testing.assert_array_equal(a.phi, b.phi)
    np.testing.assert_array_equal(a.theta, b.theta)
    assert len(np.unique(a.phi[:, 0, 0])) == 4
    between = a.phi.mean(axis=1)
    np.testing.assert_allclose(between[:, 0], between[:, 0].mean(), atol=2.0)


def test_chains_of_an_r_stream_follow_one_another(model):
    fit = ph.laplace(model, start=[8, 2])
    both = ph.rwmetrop(model, 500, fit, 2, start=fit.mode, chains=2, rng=ph.RStream(3), theta=False)
    stream = ph.RStream(3)
    first, second = (ph.rwmetrop(model, 500, fit, 2, rng=stream, theta=False) for _ in range(2))
    np.testing.assert_array_equal(both.phi[0], first.phi[0])
    assert not np.array_equal(both.phi[1], second.phi[0])  # theta_new was drawn in between
    assert both.phi.shape == (2, 500, 2)


def test_burn_in_is_kept_apart(model):
    fit = ph.laplace(model)
    whole = ph.rwmetrop(model, 1_000, fit, rng=4, theta=False)
    split = ph.rwmetrop(model, 600, fit, burn_in=400, rng=4, theta=False)
    np.testing.assert_array_equal(np.concatenate([split.burn_in, split.phi], axis=1), whole.phi)
    assert split.accept == whole.accept


def test_chains_start_where_told(model):
    starts = [[0.0, 0.0], [20.0, 3.0]]
    posterior = ph.rwmetrop(model, 10, np.eye(2) * 1e-12, 1.0, starts, chains=2, rng=1)
    np.testing.assert_allclose(posterior.phi[:, 0], starts, atol=1e-4)


def test_new_effects_are_drawn_when_asked_for(model):
    """The numbers that a generator gives at once; its owner has the rest of its stream."""
    theirs = np.random.default_rng(3)
    early = ph.rwmetrop(model, 400, chains=2, rng=theirs, theta=False)
    late = ph.rwmetrop(model, 400, chains=2, rng=3, theta=False)
    again = pickle.loads(pickle.dumps(late))
    np.testing.assert_array_equal(late.theta_new, early.theta_new)
    np.testing.assert_array_equal(again.theta_new, early.theta_new)
    np.testing.assert_array_equal(late["theta_new"].mean(), early["theta_new"].mean())
    np.testing.assert_array_equal(late.phi, again.phi)
    assert late.theta_new is late.theta_new
    with pytest.raises(ValueError, match="read-only"):
        late.theta_new[0, 0] = 0.0
    assert not late.has_theta


# --- Interruption ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chains", [1, 2, 8])
def test_ctrl_c_keeps_the_draws(model, chains, interrupt_after):
    interrupt_after(12 * chains)
    with pytest.warns(
        RuntimeWarning, match=r"interrupted: chains of \[.*\] iterations of 100000000"
    ):
        posterior = ph.rwmetrop(model, 100_000_000, chains=chains, rng=1, theta=False)
    assert posterior.interrupted
    kept = posterior.phi.shape[1]
    assert 1_000 < kept < 100_000_000
    again = ph.rwmetrop(model, kept, chains=chains, rng=1, theta=False).phi
    rows = {tuple(chain[-1]) for chain in again}  # a slow chain may have been left out
    assert len(posterior.phi) >= max(1, chains // 2)
    assert all(tuple(chain[-1]) in rows for chain in posterior.phi)


def test_ctrl_c_keeps_all_chains_of_a_python_prior(schools, interrupt_after):
    prior = {"prior_tau": lambda tau: -tau / 5.0}
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], **prior)
    fit = ph.laplace(model)
    interrupt_after(8)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        posterior = ph.rwmetrop(model, 1_000_000, fit, chains=2, rng=1, theta=False)
    assert posterior.phi.shape[0] == 2
    assert posterior.phi.shape[1] > 256


def test_ctrl_c_in_the_first_of_an_r_streams_chains(model, interrupt_after):
    interrupt_after(12)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        posterior = ph.rwmetrop(model, 100_000_000, chains=3, rng=ph.RStream(1), theta=False)
    assert posterior.phi.shape[0] == 1
    assert posterior.phi.shape[1] > 1_000


@pytest.mark.parametrize("chains", [1, 2])
def test_ctrl_c_in_the_burn_in_keeps_nothing(model, chains, interrupt_after):
    """A posterior without a draw is none: its means would be NaN."""
    interrupt_after(3)
    with pytest.raises(RuntimeError, match="interrupted within the burn-in of 100000000"):
        ph.rwmetrop(model, 1_000, burn_in=100_000_000, chains=chains, rng=1)


def test_ctrl_c_while_theta_is_drawn(model, monkeypatch):
    def interrupted(phi, rng):
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "draw_theta", interrupted)
    with pytest.warns(RuntimeWarning, match="the group effects were not drawn"):
        posterior = ph.rwmetrop(model, 1_000, rng=1)
    assert posterior.phi.shape == (1, 1_000, 2)
    assert posterior.interrupted


def test_ctrl_c_in_a_python_density():
    calls = 0

    def density(x):
        nonlocal calls
        calls += 1
        if calls == 100:
            raise KeyboardInterrupt
        return -0.5 * float(x @ x)

    with pytest.warns(RuntimeWarning, match=r"chains of \[98\] iterations of 10000"):
        sim = lb.rwmetrop(density, {"var": np.eye(2), "scale": 1}, [0, 0], 10_000, rng=1)
    assert sim.par.shape == (98, 2)  # the first call was the start's


def test_progress_bar(model, capsys):
    ph.rwmetrop(model, 1_000, rng=1, progress=True)
    assert "1.00k/1.00k" in capsys.readouterr().err
    ph.rwmetrop(model, 1_000, rng=1, progress=False)
    assert capsys.readouterr().err == ""


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [0, -1, 2.5, np.nan])
def test_draws_must_be_a_count(model, draws):
    with pytest.raises(ValueError, match="draws is .*positive whole number"):
        ph.rwmetrop(model, draws)


def test_r_hands_over_doubles(model):
    assert ph.rwmetrop(model, 8.0, chains=2.0, burn_in=1.0, rng=1).phi.shape == (2, 8, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"proposal": [[1, 2], [2, 1]]}, ValueError, "leading minor of order 2"),
        ({"proposal": [[1, 0.5], [-90, 1]]}, ValueError, "not symmetric"),
        ({"proposal": np.eye(3)}, ValueError, r"shape \(3, 3\): the chain has 2 coordinates"),
        ({"proposal": [1, 2]}, ValueError, "proposal has 1 dimensions"),
        ({"proposal": [[np.nan, 0], [0, 1]]}, ValueError, "not finite"),
        ({"scale": 0}, ValueError, "scale is 0: it must be positive"),
        ({"start": [1, 2, 3]}, ValueError, r"start has shape \(3,\)"),
        ({"start": [np.nan, 0]}, ValueError, "log posterior is nan at the start"),
        ({"start": [0, -np.inf]}, ValueError, "log posterior is -inf at the start"),
        ({"rng": "seed"}, TypeError, "rng is a str"),
        ({"rng": -1}, ValueError, "rng is -1"),
        ({"chains": 0}, ValueError, "chains is 0"),
        ({"draws": "many"}, TypeError, "draws is 'many'"),
        ({"draws": True}, TypeError, "draws is True"),
    ],
)
def test_bad_arguments(model, arguments, error, message):
    with pytest.raises(error, match=message):
        ph.rwmetrop(model, **({"draws": 10} | arguments))


def test_a_callable_that_raises_keeps_its_traceback():
    def density(x):
        if x[0] > 1.0:
            raise RuntimeError("mine")
        return -0.5 * x[0] ** 2

    with pytest.raises(RuntimeError, match="mine") as caught:
        lb.rwmetrop(density, {"var": [[4.0]], "scale": 2}, [0.0], 1000, rng=1)
    assert caught.traceback[-1].name == "density"


def test_a_numba_function_that_raises_keeps_its_traceback():
    @numba.njit
    def density(x):
        if x[0] > 1.0:
            raise ValueError("mine")
        return -0.5 * x[0] ** 2

    proposal = {"var": [[4.0]], "scale": 2}
    for _ in range(2):  # and again: the failure is not remembered
        with pytest.raises(ValueError, match="mine"):
            lb.rwmetrop(density, proposal, [0.0], 1000, rng=1)


def test_a_density_may_write_to_its_argument():
    @numba.njit
    def writes(x):
        value = -0.5 * x[0] ** 2
        x[0] = 100.0
        return value

    def c_writes(n, x):
        value = -0.5 * x[0] ** 2
        x[0] = 100.0
        return value

    c = numba.cfunc("float64(intc, CPointer(float64))")(c_writes)
    low_level = scipy.LowLevelCallable(c.ctypes, signature="double (int, double *)")
    for density in (writes, low_level):
        par = lb.rwmetrop(density, {"var": [[1.0]], "scale": 2}, [0.0], 1000, rng=1).par
        assert np.max(np.abs(par)) < 6.0


@pytest.mark.parametrize(
    "prior", [stats.uniform(0, 20), stats.uniform(0, 5), stats.uniform(5, 1), stats.expon(loc=2)]
)
def test_priors_with_an_edge(schools, prior):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=prior)
    post = ph.exact(model)
    low, high = prior.support()
    tau = post["tau"]
    found = [tau.ppf(1e-9), tau.mean(), tau.isf(1e-9)]
    assert low <= found[0] <= found[1] <= found[2] <= high
    # Log tau is found to 1e-11, and such a tail is about 1e-9 of it wide.
    np.testing.assert_allclose([tau.cdf(found[0]), tau.sf(found[2])], 1e-9, rtol=0.01)
    total, _ = integrate.quad(tau.pdf, low, min(high, 500.0), limit=400)
    assert total == pytest.approx(1.0, abs=1e-6)  # expon's tail beyond 500 is below this
    chain = ph.rwmetrop(
        model, 40_000, [[30.0, 0.0], [0.0, 0.3]], 1.0, [8.0, np.log(prior.median())], rng=1
    )
    batches = chain["tau"].draws.reshape(-1, 500).mean(axis=1)
    assert abs(batches.mean() - post["tau"].mean()) < 5 * batches.std(ddof=1) / np.sqrt(
        batches.size
    )


def test_default_starts_are_within_the_prior(schools):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=stats.uniform(0, 20))
    for seed in range(20):
        assert ph.rwmetrop(model, 10, chains=4, rng=seed).phi.shape == (4, 10, 2)


def test_a_mode_at_an_edge_is_said(schools):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=stats.uniform(5, 1))
    with pytest.raises(ValueError, match=r"the prior ends at .*exact\(model\)"):
        ph.rwmetrop(model, 10, rng=1)


def test_a_density_that_is_infinite_is_none():
    def density(x):
        return np.inf if x[0] > 1.0 else -0.5 * x[0] ** 2

    with pytest.raises(ValueError, match=r"\+inf at a proposal"):
        lb.rwmetrop(density, {"var": [[4.0]], "scale": 2}, [0.0], 1000, rng=1)


def test_nan_proposals_are_refused():
    def density(x):
        return np.nan if x[0] > 1.0 else -0.5 * x[0] ** 2

    for rng in (1, ph.RStream(1)):
        sim = lb.rwmetrop(density, {"var": [[4.0]], "scale": 1}, [0.0], 2000, rng=rng)
        assert sim.par.max() <= 1.0


def test_many_groups_are_sampled():
    rng = np.random.default_rng(8)
    se = rng.uniform(1, 3, 20_000)
    model = ph.NormalNormal(rng.normal(4.0, np.hypot(se, 2.0)), se=se)
    posterior = ph.rwmetrop(model, 4_000, rng=1, theta=False)
    assert posterior.names == ("mu", "tau", "theta_new")
    assert posterior["tau"].mean() == pytest.approx(2.0, abs=0.1)
    with pytest.raises(ValueError, match="theta=True"):
        posterior.theta.mean()


def test_density_is_shared_between_threads():
    density = NormalMarginal(np.arange(5.0), np.ones(5))
    sims: dict[int, np.ndarray] = {}

    def run(seed):
        proposal = {"var": np.eye(2), "scale": 1}
        sims[seed] = lb.rwmetrop(density, proposal, [0, 0], 20_000, rng=seed).par

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, par in sims.items():
        proposal = {"var": np.eye(2), "scale": 1}
        np.testing.assert_array_equal(
            par, lb.rwmetrop(density, proposal, [0, 0], 20_000, rng=seed).par
        )


def test_only_models_are_sampled():
    with pytest.raises(TypeError, match=r"learnbayes.rwmetrop takes any log posterior"):
        ph.rwmetrop(lambda x: -0.5 * x @ x, 10)
