"""R's streams, without R: recorded numbers, and what the functions promise."""

import copy
import pickle

import numpy as np
import pytest

from pyhier import rstats
from pyhier.rstats import RStream


def test_numbers_recorded_from_r():
    # R 4.2.2: set.seed(42); rnorm(3); runif(2), printed with digits = 17
    stream = RStream(42)
    normal = [1.3709584471466685, -0.56469817139608869, 0.36312841133733920]
    uniform = [0.73658831464126706, 0.13466659723781049]
    np.testing.assert_array_equal(stream.rnorm(3), normal)
    np.testing.assert_array_equal(stream.runif(2), uniform)


def test_global_stream_is_one_stream():
    rstats.set_seed(7)
    split = np.concatenate([rstats.rnorm(3), rstats.runif(2), rstats.rnorm(1)])
    stream = RStream(7)
    np.testing.assert_array_equal(
        split, np.concatenate([stream.rnorm(3), stream.runif(2), stream.rnorm(1)])
    )


def test_same_seed_as_r_reads_it():
    np.testing.assert_array_equal(RStream(1.9).runif(2), RStream(1).runif(2))
    np.testing.assert_array_equal(RStream(-1.9).runif(2), RStream(-1).runif(2))
    assert RStream(-1).runif(1) != RStream(1).runif(1)


def test_recycling():
    a, b = RStream(3), RStream(3)
    np.testing.assert_array_equal(
        a.rnorm(5, [0.0, 100.0], [1.0, 2.0, 3.0]),
        [0.0, 100.0, 0.0, 100.0, 0.0] + np.array([1.0, 2.0, 3.0, 1.0, 2.0]) * b.rnorm(5),
    )


def test_degenerate_parameters_use_no_numbers():
    stream, other = RStream(3), RStream(3)
    np.testing.assert_array_equal(
        stream.rnorm(3, [1.0, np.inf, 2.0], [0.0, 1.0, 0.0]), [1, np.inf, 2]
    )
    np.testing.assert_array_equal(stream.runif(2, 4.0, 4.0), [4.0, 4.0])
    np.testing.assert_array_equal(stream.rnorm(2), other.rnorm(2))


def test_copies_go_on_from_the_same_place():
    stream = RStream(5)
    stream.rnorm(700)
    twin, thawed = copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))
    expected = stream.runif(10)
    np.testing.assert_array_equal(twin.runif(10), expected)
    np.testing.assert_array_equal(thawed.runif(10), expected)


def test_unseeded_streams_differ():
    assert RStream().runif(1) != RStream().runif(1)


def test_lengths():
    assert RStream(1).rnorm(0).shape == (0,)
    assert RStream(1).rnorm(8.0).shape == (8,)


@pytest.mark.parametrize("seed", [2**31, -(2**31), np.nan, np.inf])
def test_seeds_that_r_refuses(seed):
    with pytest.raises(ValueError, match="from -2147483647 to 2147483647"):
        RStream(seed)


def test_wrong_arguments():
    stream = RStream(1)
    with pytest.raises(TypeError, match="seed is 'a'"):
        RStream("a")
    with pytest.raises(ValueError, match="n is 2.5"):
        stream.rnorm(2.5)
    with pytest.raises(ValueError, match="n is -1"):
        stream.runif(-1)
    with pytest.raises(ValueError, match=r"sd\[1\] is -1.0: it must be finite and not negative"):
        stream.rnorm(2, 0.0, [1.0, -1.0])
    with pytest.raises(ValueError, match="min is 1.0 and max 0.0 for draw 0"):
        stream.runif(2, 1.0, 0.0)
    with pytest.raises(ValueError, match="mean is empty"):
        stream.rnorm(2, [])


def test_variates_recorded_from_r():
    # R 4.2.2: set.seed(1); each call in turn, printed to 7 digits
    expected = {
        "rexp": (lambda s: s.rexp(2), [0.7551818, 1.181643]),
        "rgamma": (lambda s: s.rgamma(3, 2.5, [1, 10]), [1.212172, 0.4322712, 4.204256]),
        "rchisq": (lambda s: s.rchisq(2, 4), [1.66173, 7.141513]),
        "rbeta": (lambda s: s.rbeta(3, 2, [3, 0.5]), [0.2550998, 0.877965, 0.2131322]),
        "rt": (lambda s: s.rt(2, 4), [-0.6729166, -0.5843384]),
        "rf": (lambda s: s.rf(2, 3, 8), [0.1956095, 1.653087]),
    }
    for call, numbers in expected.values():
        np.testing.assert_allclose(call(RStream(1)), numbers, rtol=1e-6)
    assert RStream(1).sample(10, 4).tolist() == [9, 4, 7, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "Wichmann-Hill"), ("normal_kind", "Box-Muller"), ("sample_kind", "Rounding")],
)
def test_other_kinds_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'.*default kinds only"):
        rstats.set_seed(1, **{name: value})
    rstats.set_seed(1, "Mersenne-Twister", normal_kind="default", sample_kind="Rejection")
    np.testing.assert_array_equal(rstats.runif(2), RStream(1).runif(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.rgamma(3, [1.0, -2.0]), r"shape\[1\] is -2.0: it must not be negative"),
        (lambda s: s.rgamma(3, 1.0, 2.0, 0.5), "rate and scale are both given"),
        (lambda s: s.rexp(1, []), "rate is empty"),
        (lambda s: s.rexp(1, "a"), "rate is 'a'"),
        (lambda s: s.sample(3, 4), "size is 4: without replacement there are only 3"),
        (lambda s: s.sample(3, prob=[1, 0, 1]), "prob has only 2 positive"),
        (lambda s: s.sample(3, 1, prob=[1, -1, 1]), r"prob\[1\] is -1"),
        (lambda s: s.sample(3, 1, prob=[1, 1]), "prob has 2 entries: give 3"),
        (lambda s: s.sample(3, 1, prob=[0, 0, 0]), "prob has no positive entry"),
        (lambda s: s.rmultinom(3, 5, []), "prob has no positive entry"),
        (lambda s: s.sample(0), "x is 0"),
        (lambda s: s.sample([]), "x has shape"),
        (lambda s: s.sample(5e15, 1), "R samples from at most"),
        (lambda s: s.rbinom(3, [10, 1e17], 0.5), r"size\[1\] is 1e\+17: .* to 1e\+15"),
        (lambda s: s.rbinom(3, 9007199254740992, 0.5), "to 1e\\+15"),
        (lambda s: s.rgeom(3, 1e-310), r"prob\[0\] is 1e-310: it must be above 0, 1e-17"),
        (lambda s: s.rnbinom(3, 1e300, 0.5), r"size / prob is 2e\+300"),
    ],
)
def test_what_cannot_be_drawn(call, message):
    stream = RStream(1)
    with pytest.raises((ValueError, TypeError), match=message):
        call(stream)
    np.testing.assert_array_equal(stream.runif(1), RStream(1).runif(1))  # nothing was used


def test_binomials_of_the_most_trials():
    rng = np.random.default_rng(5)
    spread = 10.0 ** -rng.uniform(0.4, 16.0, 200)
    prob, size = np.concatenate([spread, 1.0 - spread]), 1e15
    found = RStream(2).rbinom(prob.size, size, prob)
    sd = np.sqrt(size * prob * (1.0 - prob))
    assert np.all(np.abs(found - size * prob) < 6.0 * sd + 6.0)  # 400 draws


@pytest.mark.parametrize("draw", [lambda s: s.rgamma(60_000_000, 2.0),
                                  lambda s: s.rbinom(60_000_000, 100, 0.3)])  # fmt: skip
def test_ctrl_c_stops_long_draws(draw, stopped_by_an_alarm):
    """The whole draws take about 4 s on an idle machine."""
    stopped_by_an_alarm(lambda: draw(RStream(1)))
