"""How `nuts` is used: densities of one's own, what is kept, starts, threads, Ctrl-C, bad input."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import LowLevelCallable, stats

import pyhier as ph
from pyhier.inference import chains as running

numba = pytest.importorskip("numba")
types = numba.types

PRIORS = {"prior_mu": stats.norm(0, 5), "prior_tau": stats.halfnorm(scale=5)}
SCALE = np.array([0.01, 1.0, 300.0])
KINDS = ("non-centred", "centred", "marginal")


@pytest.fixture
def weak(schools):
    return ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"], **PRIORS)


def scaled(x):
    return -0.5 * float(np.sum((x / SCALE) ** 2)), -x / SCALE**2


# --- Densities of one's own -----------------------------------------------------------------------


def numba_pair():
    value = numba.njit(lambda x: -0.5 * np.sum((x / SCALE) ** 2))
    return value, numba.njit(lambda x: -x / SCALE**2)


def c_function(width=SCALE):
    """A C function that fills the gradient, of independent normals of some widths."""
    line = types.CPointer(types.double)

    def fill(n, x, gradient, data):
        value = 0.0
        for k in range(n):
            gradient[k] = -x[k] / width[k] ** 2
            value += 0.5 * x[k] * gradient[k]
        return value

    whole = numba.cfunc(types.double(types.intc, line, line, types.voidptr))(fill)
    return LowLevelCallable(whole.ctypes, signature="double (int, double *, double *, void *)")


def c_pair():
    line = types.CPointer(types.double)

    @numba.cfunc(types.double(types.intc, line, types.voidptr))
    def value(n, x, data):
        return -0.5 * np.sum((numba.carray(x, 3) / SCALE) ** 2)

    @numba.cfunc(types.void(types.intc, line, line, types.voidptr))
    def slope(n, x, gradient, data):
        for k in range(n):
            gradient[k] = -x[k] / SCALE[k] ** 2

    return (
        LowLevelCallable(value.ctypes, signature="double (int, double *, void *)"),
        LowLevelCallable(slope.ctypes, signature="void (int, double *, double *, void *)"),
    )


KINDS_OF_DENSITY = {
    "pair": lambda: (lambda x: scaled(x)[0], lambda x: scaled(x)[1]),
    "numba": lambda: numba.njit(lambda x: (-0.5 * np.sum((x / SCALE) ** 2), -x / SCALE**2)),
    "numba pair": numba_pair,
    "C": c_function,
    "C pair": c_pair,
}


@pytest.mark.parametrize("kind", KINDS_OF_DENSITY)
def test_every_kind_of_density_is_the_same_chain(kind):
    """Sums in another order differ in the last bits, which a chain of 60 steps keeps small."""
    wanted, found = (
        ph.nuts(density, 60, 0, start=SCALE, metric="identity", rng=1, chains=2).draws
        for density in (scaled, KINDS_OF_DENSITY[kind]())
    )
    np.testing.assert_allclose(found / SCALE, wanted / SCALE, atol=1e-6)


def test_data_beside_the_density():
    def density(x, y, scale):
        return -0.5 * np.sum((x - y) ** 2) / scale**2, (y - x) / scale**2

    y = np.array([3.0, -2.0])
    for function in (density, numba.njit(density)):
        found = ph.nuts(function, 2_000, start=[0.0, 0.0], args=(y, 0.5), rng=1)
        np.testing.assert_allclose(found.draws.mean((0, 1)), y, atol=0.05)  # of sd 0.5
        np.testing.assert_allclose(found.draws.std((0, 1)), 0.5, rtol=0.05)


def gamma_and_beta(x):
    """Gamma(2.5, rate 3), the negative of one, and Beta(2, 3) stretched over (-1, 4)."""
    a, b, c, d = x[0], -x[1], (x[2] + 1.0) / 5.0, (4.0 - x[2]) / 5.0
    value = 1.5 * np.log(a) - 3.0 * a + 1.5 * np.log(b) - 3.0 * b
    value += np.log(c) + 2.0 * np.log(d)
    slopes = [1.5 / a - 3.0, 3.0 - 1.5 / b, (1.0 / c - 2.0 / d) / 5.0]
    return value, np.array(slopes)


def test_bounds_of_every_kind():
    """Far out x rounds to an end, where this density would divide by 0, and is never given it."""
    found = ph.nuts(
        gamma_and_beta, 5_000, start=[1.0, -1.0, 1.0], lower=[0.0, None, -1.0],
        upper=[None, 0.0, 4.0], names=["up", "down", "between"], rng=2,
    )  # fmt: skip
    laws = {"up": stats.gamma(2.5, scale=1 / 3), "between": stats.beta(2, 3, loc=-1, scale=5)}
    for name, law in laws.items():
        draws = found.draws_of(name)[:, ::5]  # nearly independent
        assert stats.kstest(draws.ravel(), law.cdf).pvalue > 1e-3
    assert stats.kstest(-found.draws_of("down")[:, ::5].ravel(), laws["up"].cdf).pvalue > 1e-3
    assert found.draws_of("down").max() < 0.0


def test_extreme_scales_are_learned():
    """Twenty decades between coordinates: the metric is the variances."""
    scale = np.array([1e-10, 1.0, 1e10])
    found = ph.nuts(
        lambda x: (-0.5 * float(np.sum((x / scale) ** 2)), -x / scale**2), 2_000,
        start=scale, rng=3,
    )  # fmt: skip
    np.testing.assert_allclose(found.draws.std((0, 1)) / scale, 1.0, rtol=0.08)
    np.testing.assert_allclose(found.trajectories.metric / scale**2, 1.0, rtol=0.6)


def test_a_result_of_ones_own():
    found = ph.nuts(scaled, 500, start=SCALE, names=["a", "b", "c"], rng=1)
    table = found.summary()
    assert list(table.index) == ["a", "b", "c"]
    np.testing.assert_allclose(table["sd"], SCALE, rtol=0.15)
    assert table["r_hat"].max() < 1.01
    assert "nothing to do" in found.advice
    chains = found.to_mcmc()
    np.testing.assert_array_equal(np.asarray(chains[1])[:, 2], found.draws[1, :, 2])
    data = found.to_arviz()
    assert set(data.sample_stats.data_vars) == {
        "lp", "energy", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging",
        "reached_max_treedepth",
    }  # fmt: skip
    np.testing.assert_array_equal(data.posterior["b"], found.draws[..., 1])
    with pytest.raises(KeyError, match="no coordinate is named 'd': there are a, b, c"):
        found["d"]


def test_short_chains_of_ones_own_are_told():
    found = ph.nuts(scaled, 40, 300, start=SCALE, rng=1)
    with pytest.warns(ph.ConvergenceWarning, match=r"fewer than 400.*(tune|draws)="):
        found.summary()


# --- What is kept, and where chains start ---------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_keeping_some_changes_no_draw(weak, kind):
    whole = ph.nuts(weak, 300, 200, parameterization=kind, rng=4)
    some = ph.nuts(weak, 300, 200, parameterization=kind, keep=["mu", "theta[C]"], rng=4)
    assert some.names == ("mu", "tau", "theta[C]", "theta_new")
    for name in ("mu", "tau", "theta[C]"):
        if kind != "marginal" or name != "theta[C]":  # there effects are drawn by the block
            np.testing.assert_array_equal(some.draws_of(name), whole.draws_of(name))
    assert some["theta[C]"].mean() == pytest.approx(whole["theta[C]"].mean(), abs=1.0)
    assert not some.has_theta
    with pytest.raises(ValueError, match="not all group effects were kept"):
        _ = some.theta
    assert list(some.summary(diagnostics=False).index) == list(some.names)


def test_rotated_effects_are_kept_by_name():
    """An effect of correlated estimates is made of all coordinates of its study."""
    cov = [np.array([[1.0, 0.5], [0.5, 2.0]]), np.array([[2.0, -0.7], [-0.7, 1.0]]), 1.5]
    model = ph.NormalNormal([1.0, 2.0, 0.5, -1.0, 3.0], cov=cov, prior_tau=stats.expon())
    whole = ph.nuts(model, 200, 200, parameterization="centred", rng=1)
    some = ph.nuts(model, 200, 200, parameterization="centred", keep=["theta[4]"], rng=1)
    np.testing.assert_array_equal(some.draws_of("theta[4]"), whole.draws_of("theta[4]"))


def test_starts_where_told(weak):
    """With no warm-up and steps that move next to nothing, the first draw is the start."""
    for kind in KINDS:
        target = weak.marginal if kind == "marginal" else weak.joint(kind)
        theta = np.arange(8.0)
        point = target.place(np.array([1.0, np.log(2.0)]), theta)
        lp = target.gradient(point)[0]
        init = {"mu": 1.0, "tau": 2.0, "theta": theta}
        post = ph.nuts(
            weak, 1, 0, 1, parameterization=kind, init=init, max_treedepth=1, rng=1,
            metric="identity",
        )  # fmt: skip
        assert abs(post.sample_stats["lp"][0, 0] - lp) < 10.0
    started = ph.nuts(weak, 1, 0, 200, init="uniform", max_treedepth=1, rng=1)
    assert np.abs(started.phi[:, 0]).max() < 12.0  # within -2 and 2, and a step
    with pytest.raises(ValueError, match=r"init\['theta'\] has shape \(3,\): give one effect"):
        ph.nuts(weak, 1, init={"mu": 1.0, "tau": 1.0, "theta": [1.0, 2.0, 3.0]}, rng=1)


def test_a_flat_prior_has_no_draws_to_start_at(model):
    with pytest.raises(ValueError, match="init='prior' needs proper priors"):
        ph.nuts(model, 10, init="prior")
    assert ph.nuts(model, 10, 10, rng=1).phi.shape == (4, 10, 2)  # widely about the mode


@pytest.mark.parametrize("kind", KINDS)
def test_pickles(weak, kind):
    post = ph.nuts(weak, 50, 50, parameterization=kind, keep=["theta[B]"], rng=1)
    again = pickle.loads(pickle.dumps(post))
    np.testing.assert_array_equal(again.draws_of("theta[B]"), post.draws_of("theta[B]"))
    assert again.divergences == post.divergences


# --- Threads and Ctrl-C ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_matter(weak, kind, monkeypatch):
    side_by_side = ph.nuts(weak, 100, 100, 5, parameterization=kind, rng=2)

    def one_by_one(chains, stop, report):
        for chain in chains:
            chain.run(stop, report)

    monkeypatch.setattr(running, "_run_in_threads", one_by_one)
    alone = ph.nuts(weak, 100, 100, 5, parameterization=kind, rng=2)
    np.testing.assert_array_equal(side_by_side.theta, alone.theta)
    np.testing.assert_array_equal(side_by_side.theta_new, alone.theta_new)


def test_generators_of_every_kind(weak):
    for rng in (3, np.random.default_rng(3), ph.RStream(3)):
        assert ph.nuts(weak, 50, 50, 2, rng=rng).phi.shape == (2, 50, 2)
    first, again = (ph.nuts(weak, 50, 50, 2, rng=ph.RStream(3)).phi for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("chains", [1, 3])
def test_ctrl_c_keeps_the_draws(weak, chains, interrupt_after):
    interrupt_after(8 * chains)
    with pytest.warns(RuntimeWarning, match=r"chains of \[.*\] iterations of 10000010 are kept"):
        post = ph.nuts(weak, 10_000_000, 10, chains, keep=["mu"], rng=1)
    assert post.interrupted
    kept = post.phi.shape[1]
    assert 100 < kept < 10_000_000
    assert post.sample_stats["lp"].shape == post.phi.shape[:2] == post.theta_new.shape
    again = ph.nuts(weak, kept, 10, chains, keep=["mu"], rng=1)
    rows = {tuple(chain[-1]) for chain in again.phi}  # a slow chain may have been left out
    assert all(tuple(chain[-1]) in rows for chain in post.phi)


def test_ctrl_c_of_a_density_of_ones_own(interrupt_after):
    interrupt_after(12)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        found = ph.nuts(scaled, 1_000_000, 10, 2, start=SCALE, rng=1)
    assert found.interrupted
    assert found.draws.shape[0] == 2


def test_ctrl_c_in_the_warm_up(weak, interrupt_after):
    interrupt_after(3)
    with pytest.raises(RuntimeError, match="interrupted within the .* of 10000000"):
        ph.nuts(weak, 10, 10_000_000, 2, rng=1)


def test_ctrl_c_within_a_long_trajectory(stopped_by_an_alarm):
    """A single step of 2^20 leapfrogs is left at the next of them."""
    widths = np.geomspace(1.0, 1e9, 2_000)  # the smallest tells the step, the others go on
    function = c_function(widths)

    def run():
        ph.nuts(function, 1, 1_000_000, 2, start=widths, metric="identity", max_treedepth=20, rng=1)

    with pytest.raises(RuntimeError, match="interrupted within"):
        stopped_by_an_alarm(run)


# --- Bad input ------------------------------------------------------------------------------------

BAD = {
    "start where it is finite": ({"model": lambda x: (-np.inf, -x)}, "-inf at the start"),
    "NaN": ({"model": lambda x: (np.nan, -x)}, "nan at the start"),
    "a slope that is NaN": ({"model": lambda x: (0.0, x * np.nan)}, r"nan along x\[0\] at the"),
    "too short": ({"model": lambda x: (0.0, x[:1])}, "gradient has 1 entries: there are 2"),
    "no pair": ({"model": lambda x: 0.0}, "must return two things"),
    "words": ({"model": lambda x: ("a", x)}, "must be a number"),
    "wrong gradient": (
        {"model": lambda x: (-0.5 * float(x @ x), -x * [1.0, 1.001])},
        r"disagrees .* along coordinate 1 it is -1\.001, and they give -1 \(check_gradient=False",
    ),
    "wrong sign": ({"model": lambda x: (-0.5 * float(x @ x), x)}, "disagrees"),
    "outside": ({"lower": 2.0}, r"start\[0\] is 1: it must lie between lower \(2\) and upper"),
    "names": ({"names": ["a", "a"]}, "names is .*: give 2 different names"),
    "no function": ({"model": 3.0}, "model is a float: nuts takes a model, or a log density"),
    "no draws": ({"draws": 0}, "draws"),
    "depth": ({"max_treedepth": 21}, "max_treedepth is 21: it must be at most 20"),
    "target": ({"target_accept": 1.0}, "target_accept is 1.0: it must lie between 0 and 1"),
    "metric": ({"metric": "round"}, "metric is 'round'"),
    "keep": ({"keep": ["x[0]"]}, "keep is for a model"),
    "init": ({"init": "prior"}, "init is for a model"),
    "no start": ({"start": None}, "start is missing"),
    "starts": ({"start": [[1.0, 1.0]] * 3}, r"start has shape \(3, 2\): give \(p,\), or \(4, p\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_densities(name):
    wrong, message = BAD[name]
    given = {"model": lambda x: (-0.5 * float(x @ x), -x), "start": [1.0, 1.0], "draws": 10}
    with pytest.raises((ValueError, TypeError), match=message):
        ph.nuts(**(given | wrong), rng=1)


def test_a_wrong_gradient_is_let_through_on_demand():
    """The leapfrog stays reversible, so the draws are right and only fewer of them count."""
    wrong = ph.nuts(
        lambda x: (-0.5 * float(x @ x), -1.2 * x), 4_000, start=[1.0, 1.0], check_gradient=False,
        rng=1,
    )  # fmt: skip
    assert abs(wrong.draws.std() - 1.0) < 0.05


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e5])
def test_right_gradients_pass_wherever_they_are(offset):
    """Steps are relative to the coordinates', and rounding counts as an error."""
    y = offset + np.array([1.0, 2.0])

    def density(x):
        return -0.5 * float(np.sum((x - y) ** 2)), y - x

    assert ph.nuts(density, 10, 10, start=y + 0.5, rng=1).draws.shape == (4, 10, 2)


def test_infinite_density_on_the_way():
    def spike(x):
        return (np.inf if x[0] > 3.0 else -0.5 * float(x @ x)), -x

    with pytest.raises(ValueError, match=r"the log density is \+inf at a point of the chain"):
        ph.nuts(spike, 10_000, start=[0.0], rng=1)


def test_an_error_of_the_density_is_the_users():
    def breaks(x):
        if x[0] > 2.0:
            raise ZeroDivisionError("by the user")
        return -0.5 * float(x @ x), -x

    with pytest.raises(ZeroDivisionError, match="by the user"):
        ph.nuts(breaks, 10_000, start=[0.0], rng=1)


def test_memory_is_counted_before_it_is_taken(weak):
    with pytest.raises(
        ValueError, match=r"draws is 10+: with 4 chains in 10 coordinates that takes"
    ):
        ph.nuts(weak, 10**12)


# --- Many groups ----------------------------------------------------------------------------------


def many(groups, **more):
    rng = np.random.default_rng(1)
    se = rng.uniform(1.0, 3.0, groups)
    y = rng.normal(2.0, np.hypot(se, 1.5))
    return ph.NormalNormal(y, se=se, **PRIORS, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_bounded_by_what_is_kept(kind):
    """Of 20,000 groups: ten times the draws take next to no more memory, and all effects would."""
    model, peaks = many(20_000), []
    for draws in (2, 20):
        tracemalloc.start()
        ph.nuts(model, draws, 2, 1, parameterization=kind, keep=["mu", "tau"], max_treedepth=4,
                rng=1)  # fmt: skip
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.3 * 18 * 8 * 20_000


def test_many_groups_are_the_exact_posterior():
    """2,000 groups, whose data say much: mu and tau within 4 Monte Carlo errors."""
    model = many(2_000)
    post = ph.nuts(model, 200, 300, 2, parameterization="centred", keep=["mu", "tau"], rng=1)
    assert ph.grade(post, names=["mu", "tau"]).right
