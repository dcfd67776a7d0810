"""Exact posteriors of models with covariates, levels and outcomes, independent of pyhier.

One tau: y ~ N(X beta, V + tau^2 I) with beta flat or normal. Given tau the coefficients follow from
the normal equations in 160 bits (48 digits), where forming X'WX loses nothing that matters, and
moments are sums over a uniform grid in x, log tau = c + x - exp(-x): a double exponential rule,
halved until both halves of the nodes agree to 1e-18. Levels and outcomes: dense normal densities in
doubles over such a grid in every coordinate (rho = tanh z), until its even nodes agree with all to
3e-9 of an sd; how far they are apart is written beside the values.

    python -m venv /tmp/oracle && /tmp/oracle/bin/pip install gmpy2 numpy
    /tmp/oracle/bin/python tests/published/exact_reference/covariates.py [part of a name]

writes covariates.json; `problems()` has the data, for the test too.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

OUT = Path(__file__).with_name("covariates.json")
DATA = Path(__file__).parents[3] / "pyhier" / "datasets"
DEPTH = 75.0  # of the logs of what is summed, below its top
AGREE, AGREE_DENSE = 1e-18, 3e-9


# --- Problems -------------------------------------------------------------------------------------


def regression(seed, n, p, *, decades=0.6, tau=0.5, collinear=0.0, shift=0.0, noise=1.0, se=0.4):
    """Data of a meta-regression; `collinear` is how far its last two columns are apart."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    if collinear:
        x[:, -1] = x[:, -2] + collinear * rng.normal(size=n)
    sds = se * 10.0 ** rng.uniform(-decades / 2, decades / 2, n)
    effects = x @ np.linspace(1.0, -1.0, p) + tau * rng.normal(size=n)
    y = shift + effects + noise * sds * rng.normal(size=n)
    return {"y": y, "var": sds**2, "x": x}


def table(name):
    """A data set's columns."""
    lines = (DATA / f"{name}.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))


def bcg():
    """Log risk ratios of the BCG trials by latitude."""
    data = {name: np.array(values) for name, values in table("bcg").items()}
    a, n, c, m = (
        data[name].astype(float)
        for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")
    )
    latitude = data["latitude"].astype(float)
    x = np.column_stack([np.ones(len(a)), latitude])
    return {"y": np.log(a / n) - np.log(c / m), "var": 1 / a - 1 / n + 1 / c - 1 / m, "x": x}


def blocks():
    """Estimates in fours that share controls."""
    made = regression(8, 16, 3)
    sd = np.sqrt(made.pop("var"))
    same = np.kron(np.eye(4), np.ones((4, 4)))
    return made | {"cov": np.outer(sd, sd) * (0.45 * same + 0.55 * np.eye(16))}


def nested(seed, sizes, *, tau, p=1, keep=0.9):
    """Estimates in a tree, some of them missing."""
    rng = np.random.default_rng(seed)
    paths = np.array([path for path in np.ndindex(*sizes) if rng.random() < keep])
    x = np.column_stack([np.ones(len(paths)), rng.normal(size=(len(paths), p - 1))])
    se = 0.2 + 0.3 * rng.random(len(paths))
    y = x @ np.linspace(0.5, -0.5, p) + se * rng.normal(size=len(paths))
    groups = []
    for depth, scale in enumerate(tau, start=1):
        group = np.unique(paths[:, :depth], axis=0, return_inverse=True)[1].ravel()
        y = y + scale * rng.normal(size=group.max() + 1)[group]
        groups.append(group)
    return {"y": y, "var": se**2, "x": x, "groups": groups}


def konstantopoulos():
    """Schools in districts."""
    data = table("konstantopoulos")
    district = np.unique(data["district"], return_inverse=True)[1]
    y, var = np.array(data["y"], dtype=float), np.array(data["var"], dtype=float)
    return {"y": y, "var": var, "x": np.ones((56, 1)), "groups": [district, np.arange(56)]}


def outcomes(seed, n, *, rho, tau, missing=0):
    """Two correlated outcomes a group."""
    rng = np.random.default_rng(seed)
    sd = 0.2 + 0.3 * rng.random((n, 2))
    cov = np.array([np.outer(s, s) * [[1.0, 0.4], [0.4, 1.0]] for s in sd])
    sigma = np.outer(tau, tau) * [[1.0, rho], [rho, 1.0]]
    noise = np.array([np.linalg.cholesky(c + sigma) @ rng.normal(size=2) for c in cov])
    y = np.array([0.5, -0.3]) + noise
    y[:missing, 1] = np.nan
    return {"y": y, "cov": cov}


def problems():
    """The cases: data, prior of tau ("flat" or a half-normal's scale), prior sds of beta."""
    one = {
        "bcg": bcg(),
        "bcg, halfnorm": bcg() | {"scale": 0.5, "beta_sd": [2.0, 0.1]},
        "three groups": regression(1, 3, 1) | {"scale": 2.0},
        "three groups, a slope": regression(1, 3, 2) | {"scale": 0.7},
        "ten coefficients": regression(2, 30, 10),
        "collinear": regression(3, 12, 3, collinear=1e-6),
        "collinear, ten": regression(4, 200, 10, collinear=1e-6),
        "six decades": regression(5, 20, 3, decades=6.0),
        "tau at 0": regression(6, 15, 2, tau=0.0, noise=0.1),
        "ten thousand": regression(7, 10_000, 4),
        "a thousand, uneven": regression(12, 1000, 3, decades=12.0, collinear=1e-6),
        "correlated": blocks(),
        "far from zero": regression(9, 14, 3, shift=1e6),
        "se of nothing": regression(10, 9, 2, se=1e-5, tau=2.0),
        "se of 1e6": regression(11, 9, 2, se=1e6, tau=1e6),
    }
    several = {
        "konstantopoulos": konstantopoulos(),
        "konstantopoulos, halfnorm": konstantopoulos() | {"scale": 0.5},
        "levels, a slope": nested(21, (6, 4), tau=(0.5, 0.3), p=2),
        "levels, tau at 0": nested(22, (6, 4), tau=(0.4, 0.0)) | {"scale": 0.4},
        "three levels": nested(23, (5, 2, 2), tau=(0.5, 0.2, 0.3)) | {"scale": 0.5},
        "outcomes": outcomes(31, 9, rho=0.5, tau=(0.6, 0.4)) | {"scale": 0.6},
        "outcomes, missing": outcomes(32, 8, rho=-0.3, tau=(0.4, 0.5), missing=3) | {"scale": 0.6},
        "outcomes, rho near 1": outcomes(33, 10, rho=0.98, tau=(0.8, 0.7)) | {"scale": 0.8},
    }
    return {"one": one, "several": several}


# --- One tau, in 48 digits ------------------------------------------------------------------------


def numbers(array):
    """An array of doubles, exactly, as numbers of 160 bits."""
    import gmpy2

    gmpy2.get_context().precision = 160
    return np.vectorize(gmpy2.mpfr, otypes=[object])(np.asarray(array, dtype=float))


def inverse(matrix):
    """Inverse and log determinant of a positive definite matrix, by Gauss and Jordan."""
    import gmpy2

    n = len(matrix)
    table = np.hstack([matrix.copy(), numbers(np.eye(n))])
    log_det = gmpy2.mpfr(0)
    for k in range(n):
        log_det += gmpy2.log(table[k, k])
        table[k] = table[k] / table[k, k]
        for i in range(n):
            if i != k:
                table[i] = table[i] - table[i, k] * table[k]
    return table[:, n:], log_det


def given_tau(problem, s):
    """Log density at log tau = s, and the mean and variance of (beta, theta_0, theta_new)."""
    import gmpy2

    y, x, tau2 = problem["y"], problem["x"], gmpy2.exp(2 * s)
    if "cov" in problem:
        total = problem["cov"] + tau2 * numbers(np.eye(y.size))
        weight, log_det = inverse(total)
        wx, wy, row = weight @ x, weight @ y, weight[0]
    else:
        total = problem["var"] + tau2
        log_det = sum(map(gmpy2.log, total))
        wx, wy, row = x / total[:, np.newaxis], y / total, None
    precision = 1 / problem["beta_sd"] ** 2
    a, log_det_a = inverse(x.T @ wx + np.diag(precision))
    beta = a @ (x.T @ wy)
    log = s - (log_det + log_det_a + y @ wy - beta @ (x.T @ wy)) / 2
    if problem["scale"] < np.inf:
        log -= tau2 / (2 * problem["scale"] ** 2)
    away = y - x @ beta
    kept = np.zeros(y.size, dtype=object)  # of the estimates in theta_0
    if row is None:
        kept[0] = tau2 / total[0]
    else:
        kept = tau2 * row
    lean = x[0] - kept @ x
    spread = tau2 - kept[0] * tau2 + lean @ a @ lean
    middle = x.sum(axis=0) / y.size
    mean = [*beta, x[0] @ beta + kept @ away, middle @ beta]
    var = [*np.diag(a), spread, tau2 + middle @ a @ middle]
    return log, np.array([*mean, gmpy2.exp(s)]), np.array([*var, gmpy2.mpfr(0)])


def line(x, centre):
    """Log tau and its derivative's log at x."""
    import gmpy2

    fall = gmpy2.exp(-x)
    return centre + x - fall, gmpy2.log(1 + fall)


def one_tau(problem):
    """Means and sds of (beta, theta_0, theta_new, tau)."""
    import gmpy2

    given = {"scale": np.inf, "beta_sd": [np.inf] * problem["x"].shape[1]} | problem
    exact = {k: numbers(v) if np.ndim(v) else v for k, v in given.items()}
    spread = given["var"] if "var" in given else np.diag(given["cov"])
    centre = float(np.log(max(np.std(given["y"]), np.sqrt(spread.min()))))

    def node(x):
        s, extra = line(gmpy2.mpfr(float(x)), centre)
        log, mean, var = given_tau(exact, s)
        return log + extra, mean, var

    low, high = support(lambda x: float(node(x)[0]))
    size, nodes = 128, {}
    while size < 10_000:
        places = low + (high - low) / (2 * size) * np.arange(2 * size + 1)
        nodes |= {x: node(x) for x in places if x not in nodes}
        rules = [moments([nodes[x] for x in places[start::2]]) for start in (0, 1)]
        apart = np.max(np.abs((rules[0] - rules[1]) / rules[1][1]))  # by the sds
        if apart < AGREE:
            break
        size *= 2
    return np.array(moments([nodes[x] for x in places]), dtype=float), float(apart)


def support(log):
    """Where a log density is within DEPTH of its top: by scans, each within the one before."""
    low, high = -6.0, 90.0
    for _ in range(5):
        places = np.linspace(low, high, 60)
        logs = np.array([log(x) for x in places])
        inside = np.flatnonzero(logs > logs.max() - DEPTH)
        step = places[1] - places[0]
        low, high = places[inside[0]] - step, places[inside[-1]] + step
    part = 2.0 ** np.ceil(np.log2(16.0 / (high - low)))  # so that nodes are doubles exactly
    return np.floor(low * part) / part, np.ceil(high * part) / part


def moments(nodes):
    """Means and sds over nodes."""
    import gmpy2

    top = max(log for log, _, _ in nodes)
    weight = np.array([gmpy2.exp(log - top) for log, _, _ in nodes])
    weight = weight / weight.sum()
    mean = sum(w * m for w, (_, m, _) in zip(weight, nodes, strict=True))
    var = sum(w * (v + (m - mean) ** 2) for w, (_, m, v) in zip(weight, nodes, strict=True))
    return np.array([mean, [gmpy2.sqrt(v) for v in var]])


# --- Several coordinates, by dense matrices -------------------------------------------------------


def stacked(problem):
    """y, X, sampling covariance, and how coordinates make the covariance of the effects."""
    if "groups" in problem:
        same = [(g[:, None] == g).astype(float) for g in problem["groups"]]

        def effects(taus):
            return np.einsum("nk,kij->nij", taus**2, np.array(same))

        return problem["y"], problem["x"], np.diag(problem["var"]), effects, len(same), False
    seen = ~np.isnan(problem["y"]).ravel()
    n = len(problem["y"])
    outcome = np.tile([0, 1], n)[seen]
    group = np.repeat(np.arange(n), 2)[seen]
    sampling = np.zeros((2 * n, 2 * n))
    for i, cov in enumerate(problem["cov"]):
        sampling[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = cov
    same = (group[:, None] == group).astype(float)

    def both(psi):
        t, rho = psi[:, :2], psi[:, 2]
        cov = np.empty((len(psi), 2, 2))
        cov[:, 0, 0], cov[:, 1, 1] = t[:, 0] ** 2, t[:, 1] ** 2
        cov[:, 0, 1] = cov[:, 1, 0] = rho * t[:, 0] * t[:, 1]
        return cov[:, outcome][:, :, outcome] * same

    x = np.eye(2)[outcome]
    return problem["y"].ravel()[seen], x, sampling[np.ix_(seen, seen)], both, 2, True


def several(problem, size):
    """Means and sds of (beta, the taus, rho), and how far the even nodes are from them."""
    y, x, sampling, effects, taus, correlated = stacked(problem)
    scale = problem.get("scale", np.inf)

    def densities(z):
        """At nodes (n, d): log density in z, moments of beta, natural coordinates."""
        fall = np.exp(-z[:, :taus])
        natural = np.exp(np.log(0.5) + z[:, :taus] - fall)
        logs = (np.log(natural) + np.log1p(fall) - natural**2 / (2 * scale**2)).sum(axis=1)
        if correlated:  # LKJ(1) is flat in rho
            rho = np.tanh(z[:, 2:])
            natural = np.hstack([natural, rho])
            logs = logs - 2.0 * np.log(np.cosh(z[:, 2]))
        total = sampling + effects(natural)
        weight = np.linalg.inv(total)
        wx = weight @ x
        a = np.linalg.inv(x.T @ wx)
        beta = np.einsum("nij,njk,k->ni", a, wx.transpose(0, 2, 1), y)
        away = y - beta @ x.T
        fit = np.einsum("ni,nij,nj->n", away, weight, away)
        dets = np.linalg.slogdet(total)[1] - np.linalg.slogdet(a)[1]
        var = np.einsum("nii->ni", a)
        return logs - 0.5 * (dets + fit), beta, var, natural

    ends = np.array([[-3.6, 12.0]] * taus + [[-9.0, 9.0]] * correlated)
    # Of tau^2 times the density, too: flat priors leave it a tail like a power.
    ends = trimmed(lambda z: densities(z)[0] + 2.0 * np.maximum(z[:, :taus], 0.0).sum(axis=1), ends)
    axes = [np.linspace(a, b, size + 1) for a, b in ends]
    sums = {}
    for first in range(size + 1):
        rest = np.array(list(itertools.product(*axes[1:])))
        z = np.column_stack([np.full(len(rest), axes[0][first]), rest])
        place = np.array(list(itertools.product(*[range(size + 1)] * (len(axes) - 1))))
        even = (place % 2 == 0).all(axis=1) & (first % 2 == 0)
        for part in np.array_split(np.arange(len(z)), max(1, len(z) // 4000)):
            log, beta, var, natural = densities(z[part])
            values = np.hstack([np.ones((len(part), 1)), beta, natural, beta**2 + var, natural**2])
            weights = np.exp(log - sums.setdefault("offset", float(log.max())))
            for which, mask in (("all", slice(None)), ("even", even[part])):
                add = weights[mask] @ values[mask]
                sums[which] = sums.get(which, 0.0) + add
    found = [_finish(sums[which]) for which in ("all", "even")]
    return found[0], float(np.max(np.abs((found[0] - found[1]) / found[0][1])))


def _finish(sums):
    means, squares = np.split(sums[1:] / sums[0], 2)
    return np.array([means, np.sqrt(squares - means**2)])


def trimmed(log, ends, depth=42.0):
    """A box around all that is within depth of the top."""
    for _ in range(4):
        axes = [np.linspace(a, b, 17) for a, b in ends]
        places = np.array(list(itertools.product(*axes)))
        logs = np.concatenate(
            [log(part) for part in np.array_split(places, 1 + len(places) // 4000)]
        )
        inside = places[logs > logs.max() - depth]
        steps = np.array([axis[1] - axis[0] for axis in axes])
        wide = np.array([inside.min(axis=0) - steps, inside.max(axis=0) + steps]).T
        ends = np.column_stack(
            [np.maximum(ends[:, 0], wide[:, 0]), np.minimum(ends[:, 1], wide[:, 1])]
        )
    return ends


def main(part=""):
    found_now, made = {}, problems()
    for kind, cases in made.items():
        for name, problem in cases.items():
            if part not in name:
                continue
            start = time.time()
            if kind == "one":
                found, apart = one_tau(problem)
            else:
                size, apart = 48, 1.0
                while apart > AGREE_DENSE:
                    size *= 2
                    found, apart = several(problem, size)
            found_now[name] = {"mean": found[0].tolist(), "sd": found[1].tolist(), "apart": apart}
            print(f"{name}: {apart:.0e}, {time.time() - start:.0f} s", flush=True)
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.write_text(json.dumps(known | found_now, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
