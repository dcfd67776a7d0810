"""R's variates against a live R: the same bits and the same use of the stream.

Every family is drawn with thousands of random parameters over the whole range, those where an
algorithm changes its branch among them, and `.Random.seed` is compared after the draws: a stream
that has used one number more or less would go on differently.
"""

import numpy as np
import pytest

from pyhier import rstats
from pyhier.rstats import RStream

N = 20_000


def spread(rng, n, low, high, *special):
    """Numbers from 10^low to 10^high, a quarter of them from ``special`` or next to it."""
    values = 10.0 ** rng.uniform(low, high, n)
    if special:
        near = rng.choice(np.array(special, dtype=float), n)
        side = np.where((near > 0.0) & (near < np.inf), rng.choice([-1.0, 0.0, 0.0, 1.0], n), 0.0)
        near = np.where(side == 0.0, near, np.nextafter(near, np.copysign(np.inf, side)))
        values = np.where(rng.random(n) < 0.25, near, values)
    return values


SHAPES = (0.0, 0.5, 1.0, 3.686, 13.022, 2.0, 32.0, np.inf)


def signed(rng, n, high):
    return rng.choice([-1.0, 1.0], n) * spread(rng, n, -high, high, 0.0)


def nonnegative(values):
    return np.where(values < 0.0, 0.0, values)


def shapes(rng):
    """Ordinary ones, branch points, and a third from the ends of the range."""
    ordinary = nonnegative(spread(rng, N, -4, 6, *SHAPES))
    return np.where(rng.random(N) < 0.33, spread(rng, N, -300, 300), ordinary)


FAMILIES = {
    "rexp": lambda g: (spread(g, N, -300, 300, 1.0, np.inf),),
    "rgamma": lambda g: (
        shapes(g),
        nonnegative(spread(g, N, -8, 8, 1.0, 0.0, np.inf)),
    ),
    "rchisq": lambda g: (nonnegative(spread(g, N, -4, 8, 0.0, 1.0, 2.0, 7.372, 26.044)),),
    "rbeta": lambda g: (
        shapes(g),
        shapes(g),
    ),
    "rt": lambda g: (spread(g, N, -2, 8, 1.0, 2.0, 4.0, np.inf),),
    "rcauchy": lambda g: (signed(g, N, 8), nonnegative(spread(g, N, -8, 8, 0.0, 1.0))),
    "rlogis": lambda g: (signed(g, N, 8), signed(g, N, 8)),
    "rlnorm": lambda g: (signed(g, N, 2), nonnegative(spread(g, N, -8, 2, 0.0, 1.0))),
    "rweibull": lambda g: (
        spread(g, N, -3, 5, 1.0, 2.0),
        nonnegative(spread(g, N, -8, 8, 0.0, 1.0)),
    ),
    "rf": lambda g: (spread(g, N, -2, 8, *SHAPES[1:]), spread(g, N, -2, 8, *SHAPES[1:])),
}


def whole(rng, low, high, *special):
    return np.floor(spread(rng, N, low, high, *special))


def chance(rng):
    """Probabilities over the whole range, tiny ones and both ends among them."""
    tiny = spread(rng, N, -12, -0.01)
    ends = rng.choice([0.0, 0.5, 1.0], N)
    kind = rng.integers(0, 10, N)
    return np.where(kind == 0, ends, np.where(kind < 4, tiny, rng.random(N)))


FAMILIES |= {
    "runif": lambda g: (-spread(g, N, -8, 8, 0.0), spread(g, N, -8, 8, 0.0)),
    "rnorm": lambda g: (signed(g, N, 8), nonnegative(spread(g, N, -8, 8, 0.0, 1.0))),
    # 30 / p, 110: inversion or BTPE, and where inversion starts again; up to R's limit
    "rbinom": lambda g: (
        np.where(g.random(N) < 0.3, whole(g, 7, 9.33), whole(g, 0, 6, 0, 1, 30, 60, 61, 110, 200)),
        chance(g),
    ),
    "rpois": lambda g: (
        np.where(g.random(N) < 0.3, spread(g, N, -300, 18.6), spread(g, N, -2, 3, 0.0, 10, 30)),
    ),
    "rgeom": lambda g: (np.minimum(spread(g, N, -8, 0, 1.0), 1.0),),
    "rnbinom": lambda g: (spread(g, N, -3, 5), np.minimum(spread(g, N, -5, 0, 1.0), 1.0)),
}

# Families whose call has more than its parameters: (R's call, ours, parameters).
CALLS = {
    "rnbinom mu": (
        "rnbinom(n, a, mu = b)",
        lambda s, n, a, b: s.rnbinom(n, a, mu=b),
        lambda g: (spread(g, N, -3, 5), nonnegative(spread(g, N, -5, 5, 0.0))),
    ),
    "rgamma scale": (
        "rgamma(n, a, scale = b)",
        lambda s, n, a, b: s.rgamma(n, a, scale=b),
        lambda g: (shapes(g), shapes(g)),
    ),
    "rchisq ncp": (
        "rchisq(n, a, b)",
        lambda s, n, a, b: s.rchisq(n, a, b),
        lambda g: (
            nonnegative(spread(g, N, -3, 5, 0.0, 2.0)),
            nonnegative(spread(g, N, -5, 5, 0.0, 20.0)),
        ),
    ),
    "rt ncp": (
        "rt(n, a, b)",
        lambda s, n, a, b: s.rt(n, a, b),
        lambda g: (spread(g, N, -1, 5), signed(g, N, 2)),
    ),
    "rbeta ncp": (
        "rbeta(n, a, 2, b)",
        lambda s, n, a, b: s.rbeta(n, a, 2.0, b),
        lambda g: (spread(g, N, -1, 5), spread(g, N, -2, 3)),
    ),
}


def same(ours, stream, theirs):
    values, state = theirs
    np.testing.assert_array_equal(ours, values)
    np.testing.assert_array_equal(stream.random_seed, state)


def in_r(r, call, **inputs):
    return r(f"set.seed(seed); x <- {call}; list(x, .Random.seed)", **inputs)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_parameters(r, family, seed):
    """Parameters that change with every draw."""
    stream = RStream(seed)
    parts = FAMILIES[family](np.random.default_rng([seed, len(family)]))
    inputs = dict(zip("ab", parts, strict=False))
    ours = getattr(stream, family)(N, *parts)
    same(ours, stream, in_r(r, f"{family}({N}, {', '.join(inputs)})", seed=seed, **inputs))


@pytest.mark.parametrize("name", CALLS)
def test_other_forms(r, name):
    call, draw, parameters = CALLS[name]
    a, b = parameters(np.random.default_rng(len(name)))
    stream = RStream(13)
    ours = draw(stream, N, a, b)
    same(ours, stream, in_r(r, call, seed=13, n=N, a=a, b=b))
    stream = RStream(14)
    ours = draw(stream, 100, a[:7], b[:3])
    same(ours, stream, in_r(r, call, seed=14, n=100, a=a[:7], b=b[:3]))


@pytest.mark.parametrize("family", FAMILIES)
def test_repeated_parameters(r, family):
    """Parameters that repeat, whose constants are kept: 100 draws of each of 200."""
    stream = RStream(3)
    parts = [part[:200] for part in FAMILIES[family](np.random.default_rng(4))]
    ours = [getattr(stream, family)(100, *(part[i] for part in parts)) for i in range(200)]
    inputs = dict(zip("ab", parts, strict=False))
    call = f"sapply(1:200, function(i) {family}(100, {', '.join(f'{k}[i]' for k in inputs)}))"
    same(np.transpose(ours), stream, in_r(r, call, seed=3, **inputs))


@pytest.mark.parametrize("family", FAMILIES)
def test_recycling(r, family):
    """Vectors of different lengths, longer than the draws too."""
    stream = RStream(5)
    parts = FAMILIES[family](np.random.default_rng(6))
    parts = tuple(part[:k] for part, k in zip(parts, (7, 3), strict=False))
    inputs = dict(zip("ab", parts, strict=False))
    for n in (100, 5, 1, 0):
        ours = getattr(stream, family)(n, *parts)
        call = f"{family}({n}, {', '.join(inputs)})"
        theirs = r(f"if ({n} == 100) set.seed(5); {call}", **inputs)
        np.testing.assert_array_equal(ours, np.atleast_1d(theirs))


def test_mixed_calls(r):
    """A long script that calls the families in turn, from the global stream."""
    rng = np.random.default_rng(7)
    names, calls = list(FAMILIES), []
    parameters = {name: FAMILIES[name](rng) for name in names}
    rstats.set_seed(8)
    ours = []
    for i in range(2000):
        name = names[rng.integers(len(names))]
        a = [float(part[i]) for part in parameters[name]]
        calls.append(f"{name}(2, {', '.join('Inf' if np.isinf(x) else repr(x) for x in a)})")
        ours.append(getattr(rstats, name)(2, *a))
    theirs = r(f"set.seed(8); c({', '.join(calls)})")
    np.testing.assert_array_equal(np.concatenate(ours), theirs)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000, 65536, 65537, 10**6, 10**7, 10**7 + 1])
def test_sample_equal(r, n):
    stream, sizes = RStream(n), sorted({0, 1, min(n, 5), n // 2, min(n, 1000)})
    ours = [stream.sample(n, size, replace) for size in sizes for replace in (False, True)]
    call = "unlist(lapply(sizes, function(k) c(sample(n, k), sample(n, k, TRUE))))"
    theirs = in_r(r, call, seed=n, n=n, sizes=sizes)
    same(np.concatenate(ours), stream, theirs)


@pytest.mark.parametrize("n", [2**31 - 1, 2**31, 2**32 + 1, 10**12, 4 * 10**15])
def test_sample_from_very_many(r, n):
    stream = RStream(9)
    ours = np.concatenate([stream.sample(n, 3000), stream.sample(n, 3000, True)])
    same(ours, stream, in_r(r, "c(sample(n, 3000), sample(n, 3000, TRUE))", seed=9, n=float(n)))


def test_binomials_of_very_many_trials(r):
    """From 2^31 - 1 trials on R inverts the distribution function; mixed with smaller ones."""
    rng = np.random.default_rng(15)
    n = np.floor(10.0 ** rng.uniform(0, 14, 3000))
    n[:3] = [2**31 - 2, 2**31 - 1, 2**31]
    p = rng.random(3000)
    stream = RStream(16)
    same(stream.rbinom(3000, n, p), stream, in_r(r, "rbinom(3000, a, b)", seed=16, a=n, b=p))


def test_multinomial(r):
    rng = np.random.default_rng(17)
    for case in range(60):
        k = int(rng.choice([1, 2, 3, 10, 100]))
        prob = [rng.random(k), rng.integers(0, 3, k) + 0.0, np.ones(k)][case % 3]
        prob[rng.integers(k)] = 1.0
        size = int(10 ** rng.uniform(0, 9)) if case % 5 else 0
        stream = RStream(case)
        ours = stream.rmultinom(20, size, prob)
        call = "rmultinom(20, size, prob)"
        same(ours, stream, in_r(r, call, seed=case, size=size, prob=prob.tolist()))


def test_permutations(r):
    for n in (1, 2, 52, 10**5, 10**6):
        stream = RStream(10)
        same(stream.sample(n), stream, in_r(r, f"sample({n})", seed=10))


def test_few_of_very_many_without_repetition(r):
    """Above 1e7 repetitions are refused; with half a million of 1e7 + 1 there are thousands."""
    stream = RStream(11)
    same(stream.sample(10**7 + 1, 500_000), stream, in_r(r, "sample(1e7 + 1, 5e5)", seed=11))


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_sample_weighted(r, seed, replace):
    """Weights that tie, vanish or differ by orders of magnitude; short and long populations."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([1, 2, 3, 5, 10, 50, 199, 200, 201, 202, 500, 3000]))
    weights = [
        np.ones(n),
        rng.integers(0, 4, n).astype(float),
        rng.random(n),
        10.0 ** rng.uniform(-12, 3, n),
    ][seed % 4]
    weights[rng.integers(n)] = 1.0
    size = 400 if replace else int(rng.integers(1, np.count_nonzero(weights) + 1))
    stream = RStream(seed)
    ours = stream.sample(n, size, replace, weights)
    call = "sample(n, size, replace, prob)"
    same(
        ours,
        stream,
        in_r(r, call, seed=seed, n=n, size=size, replace=replace, prob=weights.tolist()),
    )


def test_sample_of_a_vector(r):
    words = ["a", "b", "c", "d"]
    stream = RStream(12)
    ours = [*stream.sample(words), *stream.sample(words, 9, True, [4, 3, 2, 1])]
    theirs = r("set.seed(12); c(sample(x), sample(x, 9, TRUE, 4:1))", x=words)
    assert ours == list(theirs)


@pytest.mark.parametrize(
    ("call", "ours"),
    [
        ("rexp(1, 0)", lambda s: s.rexp(1, 0)),
        ("rexp(1, -1)", lambda s: s.rexp(1, -1)),
        ("rgamma(1, -1)", lambda s: s.rgamma(1, -1)),
        ("rgamma(1, 1, -1)", lambda s: s.rgamma(1, 1, -1)),
        ("rgamma(1, NaN)", lambda s: s.rgamma(1, np.nan)),
        ("rchisq(1, Inf)", lambda s: s.rchisq(1, np.inf)),
        ("rbeta(1, -1, 1)", lambda s: s.rbeta(1, -1, 1)),
        ("rt(1, 0)", lambda s: s.rt(1, 0)),
        ("rcauchy(1, 0, Inf)", lambda s: s.rcauchy(1, 0, np.inf)),
        ("rlogis(1, 0, Inf)", lambda s: s.rlogis(1, 0, np.inf)),
        ("rweibull(1, 0, 1)", lambda s: s.rweibull(1, 0, 1)),
        ("rweibull(1, 1, Inf)", lambda s: s.rweibull(1, 1, np.inf)),
        ("rbinom(1, 2.5, 0.5)", lambda s: s.rbinom(1, 2.5, 0.5)),
        ("rbinom(1, 2, 1.5)", lambda s: s.rbinom(1, 2, 1.5)),
        ("rpois(1, -1)", lambda s: s.rpois(1, -1)),
        ("rpois(1, Inf)", lambda s: s.rpois(1, np.inf)),
        ("rgeom(1, 0)", lambda s: s.rgeom(1, 0)),
        ("rnbinom(1, 0, 0.5)", lambda s: s.rnbinom(1, 0, 0.5)),
        ("rf(1, 0, 1)", lambda s: s.rf(1, 0, 1)),
    ],
)
def test_nan_in_r_is_an_error_here(r, call, ours):
    assert r(f"suppressWarnings(is.na({call}))")
    with pytest.raises(ValueError, match=r"\[0\] is .*: it must"):
        ours(RStream(1))
