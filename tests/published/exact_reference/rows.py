"""Exact posteriors of regressions from raw rows, independent of pyhier.

y ~ N(X beta, sigma^2 (W^-1 + Z (I x L) Z')), L the covariance of the varying coefficients over
sigma^2. Of every group the plain products Z'WZ, Z'W[X y], of all rows [X y]'W[X y] (Woodbury's
form), in 64-bit mantissas after an exact shift by a fit; of nested groups dense matrices in
doubles. Given the ratios tau / sigma and rho nothing of that depends on sigma, so sums over rows
are made over a tensor grid of these, and sigma is summed over another axis at each of its nodes.
Both are trapezoid rules: log ratio = c + x - exp(-x), rho = tanh(pi / 2 sinh x), log sigma plain,
in a box that scans trim to all that matters, with doubled nodes until the even ones agree.

    python tests/published/exact_reference/rows.py [part of a name]

needs numpy alone and writes rows.json; the data are rows_problems.py's.
"""

import itertools
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from rows_problems import problems

OUT = Path(__file__).with_name("rows.json")
DEPTH = 44.0  # of the logs of what is summed, below its top
AGREE = {1: 3e-10, 2: 3e-10, 3: 2e-8}  # of the sds, by outer axes; halving squares the error
WIDE = np.longdouble
LOG_2PI = math.log(2.0 * math.pi)


# --- Rows given the ratios tau / sigma and rho ----------------------------------------------------


class Moments:
    """Products of one grouping factor's rows, after a shift by a fit."""

    def __init__(self, problem):
        x, y, z = (np.asarray(problem[k], dtype=WIDE) for k in ("x", "y", "z"))
        w = np.asarray(problem.get("weights", np.ones(len(y))), dtype=WIDE)
        self.shift = np.linalg.lstsq(problem["x"], problem["y"], rcond=None)[0].astype(WIDE)
        both = np.column_stack([x, y - x @ self.shift])
        group, self.q, self.n = problem["group"], z.shape[1], len(y)
        groups = int(group.max()) + 1
        self.total = (both * w[:, None]).T @ both
        self.log_weight = np.log(w).sum()
        s = np.zeros((groups, self.q, self.q), dtype=WIDE)
        a = np.zeros((groups, self.q, both.shape[1]), dtype=WIDE)
        np.add.at(s, group, w[:, None, None] * z[:, :, None] * z[:, None, :])
        np.add.at(a, group, w[:, None, None] * z[:, :, None] * both[:, None, :])
        self.first = s[0], a[0]
        self.unit = unit_of(problem)
        kinds, kind = np.unique(s.reshape(groups, -1).astype(float), axis=0, return_inverse=True)
        kind = kind.ravel()
        self.s = np.array([s[np.flatnonzero(kind == k)[0]] for k in range(len(kinds))])
        self.count = np.bincount(kind)
        pairs = np.einsum("jac,jbd->jacbd", a, a)
        self.pairs = np.zeros((len(kinds), *pairs.shape[1:]), dtype=WIDE)
        np.add.at(self.pairs, kind, pairs)
        self.total -= sum(
            np.einsum("ij,iajb->ab", inverses(s[None])[0][0], pairs)
            for s, pairs in zip(self.s, self.pairs, strict=True)
            if of_full_rank(s)
        )
        self.full = all(map(of_full_rank, self.s))
        if self.full:  # then of the columns of Z nothing is left within groups
            inside = np.append(self.unit.any(axis=0), False)
            self.total[inside] = self.total[:, inside] = 0.0

    def at(self, ratio, rho):
        """[X y]' V^-1 [X y] and log|V|, V over sigma^2, at nodes; theta of group 0 given these.

        Also theta as lean' beta + kept + sigma N(0, left), of every coefficient of the group; beta
        and theta are less the shift.
        """
        root = np.zeros((self.q, self.q, len(ratio)), dtype=WIDE)  # nodes last: long inner loops
        root[range(self.q), range(self.q)] = ratio.T
        if self.q > 1:
            root[1, 1] *= np.sqrt(1.0 - rho**2)
            root[1, 0] = rho * ratio[:, 1]
        size, log_det = self.total.shape[0], np.full(len(ratio), -self.log_weight)
        inner = np.zeros((len(ratio), size, size), dtype=WIDE)
        for s, count, pairs in zip(self.s, self.count, self.pairs, strict=True):
            kernel, less, logs = self._kernel(root, s)
            log_det += count * logs
            for i, j in np.ndindex(self.q, self.q):
                inner += (kernel if less is None else less)[i, j, :, None, None] * pairs[i, :, j]
        kernel, _, _ = self._kernel(root, self.first[0])
        kernel = np.moveaxis(kernel, 2, 0)
        own = np.einsum("nij,jc->nic", kernel, self.first[1])
        lean, kept = self.unit - own[:, :, :-1], own[:, :, -1]
        left = np.einsum("nii->ni", kernel)
        return self.total - inner, log_det, (lean, kept, left)

    def _kernel(self, root, s):
        """K = (s + (root root')^-1)^-1, the same less s^-1 if there is one, log|I + root' s root|.

        The latter needs no difference of what may be nearly the same.
        """
        turned = root.swapaxes(0, 1)
        middle = product(product(turned, s[:, :, None]), root) + np.eye(self.q)[:, :, None]
        inverse, logs = _inverses(middle)
        kernel = product(product(root, inverse), turned)
        if not of_full_rank(s):
            return kernel, None, logs
        inverse = inverses(s[None])[0][0][:, :, None]
        outer, _ = _inverses(inverse + product(root, turned))
        return kernel, -product(product(inverse, outer), inverse), logs


def product(a, b):
    """Of matrices whose nodes are last."""
    return (a[:, :, None] * b[None]).sum(axis=1)


def of_full_rank(s):
    """Whether a group's rows tell all of its coefficients."""
    scale = np.sqrt(np.diag(s))
    return bool(np.linalg.cond((s / np.outer(scale, scale)).astype(float)) < 1e6)


class Dense:
    """Nested groups by whole matrices."""

    def __init__(self, problem):
        self.x, y = problem["x"], problem["y"]
        self.shift = np.linalg.lstsq(self.x, y, rcond=None)[0]
        self.both = np.column_stack([self.x, y - self.x @ self.shift])
        self.same = np.array([(g[:, None] == g).astype(float) for g in problem["levels"]])
        self.own = self.same[:, 0]  # of the first row's groups
        self.n, self.unit = len(y), unit_of(problem)

    def at(self, ratio, _rho):
        """As of `Moments`; theta of the finest group of the first row."""
        total = np.eye(self.n) + np.einsum("nk,kij->nij", ratio**2, self.same)
        inverse = np.linalg.inv(total)
        cross = (ratio**2) @ self.own  # of theta with the rows, over sigma^2
        weight = np.einsum("nj,nji->ni", cross, inverse)
        own = weight @ self.both
        left = (ratio**2).sum(axis=1) - np.einsum("ni,ni->n", weight, cross)
        lean, kept = self.unit[0] - own[:, :-1], own[:, -1]
        found = np.einsum("ic,nij,jd->ncd", self.both, inverse, self.both)
        return found, np.linalg.slogdet(total)[1], (lean[:, None], kept[:, None], left[:, None])


def unit_of(problem):
    """Which common coefficient each varying one has, (q, p)."""
    x = problem["x"]
    z = problem.get("z", np.ones((len(x), 1)))
    return np.array([[float((z[:, i] == x[:, k]).all()) for k in range(x.shape[1])]
                     for i in range(z.shape[1])])  # fmt: skip


def inverses(matrices):
    """Inverses and log determinants of positive definite matrices (n, size, size)."""
    found, logs = _inverses(np.ascontiguousarray(np.moveaxis(matrices, 0, 2)))
    return np.moveaxis(found, 2, 0), logs


def _inverses(matrices):
    """The same by Gauss and Jordan, of (size, size, n)."""
    size, n = matrices.shape[1:]
    table = np.zeros((size, 2 * size, n), dtype=matrices.dtype)
    table[:, :size], table[range(size), range(size, 2 * size)] = matrices, 1.0
    logs = np.zeros(n, dtype=matrices.dtype)
    for k in range(size):
        logs += np.log(table[k, k])
        table[k] /= table[k, k].copy()
        for i in range(size):
            if i != k:
                table[i] -= table[i, k].copy() * table[k]
    return table[:, size:], logs


# --- Priors ---------------------------------------------------------------------------------------


def log_prior(prior, s):
    """Log density of an sd."""
    kind, scale = prior
    if kind == "flat":
        return np.zeros_like(s)
    if kind == "halfnorm":
        return 0.5 * math.log(2.0 / math.pi) - math.log(scale) - 0.5 * (s / scale) ** 2
    if kind == "halfcauchy":
        return math.log(2.0 / (math.pi * scale)) - np.log1p((s / scale) ** 2)
    if kind == "expon":
        return -math.log(scale) - s / scale
    if kind == "invgamma":  # the variance's, of equal shape and scale
        norm = scale * math.log(scale) - math.lgamma(scale) + math.log(2.0)
        return norm - (2.0 * scale + 1.0) * np.log(s) - scale / s**2
    raise ValueError(kind)


# --- Sums over sigma, the ratios and rho ----------------------------------------------------------


class Posterior:
    """Log densities and moments at a tensor grid, a product of ratios' nodes and sigma's."""

    def __init__(self, problem):
        self.problem = problem
        self.rows = Dense(problem) if "levels" in problem else Moments(problem)
        self.taus = 2 if "levels" in problem else problem["z"].shape[1]
        self.correlated = bool(problem.get("correlated"))
        self.p = problem["x"].shape[1]
        given = problem.get("beta")
        self.mean = np.array([m for m, _ in given]) if given else None
        self.precision = np.array([1.0 / s**2 for _, s in given]) if given else None
        away = problem["y"] - problem["x"] @ self.rows.shift.astype(float)
        self.centre = math.log(np.std(away))
        size = np.abs(problem["z"]).mean(axis=0) if "z" in problem else np.ones(self.taus)
        self.ratio_centre = -np.log(size)

    def natural(self, x):
        """Ratios, rho, and the log of the area, at places of the outer axes."""
        t = self.taus
        log_ratio = self.ratio_centre + x[:, :t] - np.exp(-x[:, :t])
        area = (log_ratio + np.log1p(np.exp(-x[:, :t]))).sum(axis=1)
        if not self.correlated:
            return np.exp(log_ratio), np.zeros(len(x)), area
        u, eta = 0.5 * math.pi * np.sinh(x[:, t]), self.problem.get("eta", 1.0)
        log_cosh = np.logaddexp(u, -u) - math.log(2.0)
        area += np.log(0.5 * math.pi * np.cosh(x[:, t])) - 2.0 * eta * log_cosh  # (1 - rho^2)^eta
        area -= 0.5 * math.log(math.pi) + math.lgamma(eta) - math.lgamma(eta + 0.5)
        return np.exp(log_ratio), np.tanh(u), area

    def outer(self, x):
        """What does not depend on sigma."""
        ratio, rho, area = self.natural(x.astype(WIDE) if "z" in self.problem else x)
        table, log_det, theta = self.rows.at(ratio, rho)
        return ratio, rho, area - 0.5 * log_det, table, theta

    def density(self, outer, log_sigma):
        """Log densities, (nodes, sigmas), and beta's moments about the shift.

        Under a flat prior its mean is the same for all sigma, and its covariance that over sigma^2.
        """
        ratio, _, logs, table, _ = outer
        sigma, n, p = np.exp(log_sigma), self.rows.n, self.p
        xx, xy, yy = table[:, :p, :p], table[:, :p, p], table[:, p, p]
        if self.mean is None:
            cov, log_a = inverses(xx)
            mean = np.einsum("nij,nj->ni", cov, xy)
            left = (yy - (mean * xy).sum(axis=1)).astype(float)[:, None] / (2.0 * sigma**2)
            found = (logs - 0.5 * log_a).astype(float)[:, None] - left - (n - p) * log_sigma
            found -= 0.5 * (n - p) * LOG_2PI
            mean, cov = mean[:, None].astype(float), cov[:, None].astype(float)
        else:
            centre = (self.mean - self.rows.shift) * self.precision
            s2 = sigma.astype(table.dtype)[:, None, None] ** 2
            a = xx[:, None] / s2 + np.diag(self.precision)
            right = xy[:, None] / s2[:, :, 0] + centre
            cov, log_a = inverses(a.reshape(-1, p, p))
            cov = cov.reshape(a.shape)
            mean = np.einsum("nsij,nsj->nsi", cov, right)
            left = yy[:, None] / s2[:, 0, 0] + (centre**2 / self.precision).sum()
            left = left - (mean * right).sum(axis=2) + log_a.reshape(mean.shape[:2])
            found = logs[:, None] - 0.5 * left - n * log_sigma - 0.5 * n * LOG_2PI
            found = (found + 0.5 * np.log(self.precision).sum()).astype(float)
            mean, cov = mean.astype(float), cov.astype(float)
        tau = ratio.astype(float)[:, None] * sigma[:, None]
        prior = log_prior(self.problem.get("prior_tau", ("flat", 1.0)), tau)
        found = found + prior.sum(axis=2) + self.taus * log_sigma  # taus by the ratios
        if "sigma" not in self.problem:
            own = self.problem.get("prior_sigma", ("flat", 1.0))
            found = found + log_prior(own, sigma) + log_sigma
        return np.where(np.isnan(found), -np.inf, found), mean, cov  # none are within the box

    def added(self, weight, outer, sigma, mean, cov, about):
        """Sums of weights, first and second moments about values of all quantities."""
        ratio, rho, _, _, (lean, kept, left) = as_doubles(outer)
        given = 0.0 if "sigma" in self.problem else about[self.p + lean.shape[1]]
        away = sigma - given
        w0, w1, w2 = weight.sum(axis=1), weight @ away, weight @ away**2
        square = weight @ sigma**2
        # tau - its value = ratio (sigma - its own) + what does not depend on sigma
        values = about[len(about) - self.taus - self.correlated :]
        rest = ratio * given - values[: self.taus]
        first = [w1[:, None]] * ("sigma" not in self.problem)
        second = [w2[:, None]] * ("sigma" not in self.problem)
        first.append(ratio * w1[:, None] + rest * w0[:, None])
        second.append(
            ratio**2 * w2[:, None] + 2.0 * ratio * rest * w1[:, None] + rest**2 * w0[:, None]
        )
        if self.correlated:
            first.append(((rho - values[-1]) * w0)[:, None])
            second.append(((rho - values[-1]) ** 2 * w0)[:, None])
        total = [np.array([w0.sum()]), *(np.concatenate(one, axis=1).sum(axis=0)
                                         for one in (first, second))]  # fmt: skip
        same = mean.shape[1] == 1  # for all sigma, and covariances go as sigma^2
        theta = np.einsum("nic,nsc->nsi", lean, mean) + kept[:, None]
        linear = np.concatenate([mean, theta], axis=2) - about[: self.p + lean.shape[1]]
        spread = np.einsum("nic,nscd,nid->nsi", lean, cov, lean)
        var = np.concatenate([np.einsum("nsii->nsi", cov), spread], axis=2)
        own = (w0[:, None], square[:, None]) if same else (weight, weight)
        firsts = np.einsum("ns,nsv->v", own[0], linear)
        seconds = np.einsum("ns,nsv->v", own[0], linear**2) + np.einsum("ns,nsv->v", own[1], var)
        seconds[self.p :] += square @ left
        return np.concatenate([total[0], firsts, total[1], seconds, total[2]])

    def names(self):
        """Of the quantities in order."""
        theta = 1 if "levels" in self.problem else self.taus
        found = [f"beta {k}" for k in range(self.p)] + [f"theta {k}" for k in range(theta)]
        found += [] if "sigma" in self.problem else ["sigma"]
        return [*found, *(f"tau {k}" for k in range(self.taus)), *(["rho"] * self.correlated)]

    # --- The grid ---------------------------------------------------------------------------------

    def box(self):
        """Ends of log sigma and of the outer axes, around all that matters."""
        centre = self.centre if "sigma" not in self.problem else math.log(self.problem["sigma"])
        # Far out determinants of several coefficients, and differences, have no digits left.
        highest = 50.0 if self.taus == 1 and self.rows.full else 13.0
        most = np.array([[-4.0, highest]] * self.taus + [[-3.8, 3.8]] * self.correlated)
        ends, sigma = most, np.array([centre - 16.0, centre + 16.0])
        if "sigma" in self.problem:
            sigma[:] = centre
        for _ in range(9):
            axes = [np.linspace(a, b, 21) for a, b in ends]
            x = np.array(list(itertools.product(*axes)))
            s = np.linspace(*sigma, 33) if sigma[0] < sigma[1] else sigma[:1]
            parts = np.array_split(x, len(x) // 700 + 1)
            logs = np.concatenate([self.density(self.outer(part), s)[0] for part in parts])
            logs = tilted(logs, x[:, : self.taus], s)
            inside = logs > logs.max() - DEPTH
            used = x[inside.any(axis=1)]
            step = np.array([axis[1] - axis[0] for axis in axes])
            low, high = used.min(axis=0) - step, used.max(axis=0) + step
            ends = np.column_stack([np.maximum(most[:, 0], low), np.minimum(most[:, 1], high)])
            if s.size > 1:
                kept, wide = s[inside.any(axis=0)], s[1] - s[0]
                sigma = np.array([kept[0] - wide, kept[-1] + wide])
        return ends, sigma

    def sums(self, ends, sigma, size, about, used):
        """Of all nodes and of the even ones: means less values near them, sds, log of the mass.

        Only of ``used`` nodes of the outer axes; also which there are that matter.
        """
        axes = [np.linspace(a, b, size + 1) for a, b in ends]
        s = np.linspace(*sigma, size + 1) if sigma[0] < sigma[1] else sigma[:1]
        volume = math.log(math.prod((b - a) / size for a, b in ends))
        volume += math.log(s[1] - s[0]) if s.size > 1 else 0.0
        top, total = -np.inf, np.zeros((2, 1 + 2 * len(self.names())))
        grid, highest = np.argwhere(used), np.full(used.shape, -np.inf)
        for part in np.array_split(grid, 1 + len(grid) * s.size // 400_000):
            x = np.column_stack([axis[k] for axis, k in zip(axes, part.T, strict=True)])
            outer = self.outer(x)
            log, mean, cov = self.density(outer, s)
            height = tilted(log, x[:, : self.taus], s).max(axis=1)
            highest[tuple(part.T)] = height
            if height.max() < highest.max() - DEPTH:
                continue
            if log.max() > top:
                total *= math.exp(top - log.max())
                top = float(log.max())
            weight = np.exp(log - top)
            near = weight.max(axis=1) > 1e-60
            outer = tuple(
                tuple(one[near] for one in each) if isinstance(each, tuple) else each[near]
                for each in outer
            )
            even = np.zeros_like(weight)
            even[(part % 2 == 0).all(axis=1), ::2] = 1.0
            for k, kept in enumerate((weight[near], (weight * even)[near])):
                total[k] += self.added(kept, outer, np.exp(s), mean[near], cov[near], about)
        fewer = len(axes) + (s.size > 1)
        return [
            self.finish(total[0], top + volume),
            self.finish(total[1], top + volume + fewer * math.log(2.0)),
            highest > highest.max() - DEPTH,
        ]

    def finish(self, total, log):
        """Means, sds, and the log of the mass."""
        mean, second = np.split(total[1:] / total[0], 2)
        sd = np.sqrt(second - mean**2)
        return mean, sd, log + math.log(total[0])


def as_doubles(outer):
    """What `Posterior.outer` returns."""
    return [
        tuple(np.asarray(one, dtype=float) for one in part) if isinstance(part, tuple)
        else part.astype(float) for part in outer
    ]  # fmt: skip


def tilted(logs, x, s):
    """Log densities times the squares of the sds: flat priors leave these tails like powers."""
    return logs + 2.0 * s + 2.0 * np.maximum(x, 0.0).sum(axis=1)[:, None]


def between(used):
    """The nodes of half the step that are near those that matter."""
    for k in range(used.ndim):
        used = np.moveaxis(used, k, 0)
        wide = used.copy()
        wide[1:] |= used[:-1]
        wide[:-1] |= used[1:]
        finer = np.zeros((2 * len(wide) - 1, *wide.shape[1:]), dtype=bool)
        finer[::2], finer[1::2] = wide, wide[1:] | wide[:-1]
        used = np.moveaxis(finer, 0, k)
    return used


def solve(problem):
    """Means, sds, log Z, and how far the even nodes are from all."""
    post, size = Posterior(problem), 24
    box, about = post.box(), np.zeros(len(post.names()))
    limit = {1: 800, 2: 400, 3: 200}[len(box[0])]
    used = np.ones([size + 1] * len(box[0]), dtype=bool)
    while True:
        all_of_them, even, used = post.sums(*box, size, about, used)
        (mean, sd, log_z), (fewer, fewer_sd, fewer_z) = all_of_them, even
        apart = max(np.max(np.abs(mean - fewer) / sd), np.max(np.abs(sd / fewer_sd - 1.0)),
                    abs(log_z - fewer_z))  # fmt: skip
        about = about + mean
        if apart < AGREE[len(box[0])] or 2 * size > limit:
            break
        size, used = 2 * size, between(used)
    shift = np.concatenate([post.rows.shift, post.rows.unit @ post.rows.shift])
    about[: shift.size] = (about[: shift.size] + shift).astype(float)
    named = dict(zip(post.names(), np.column_stack([about, sd]).tolist(), strict=True))
    return {"moments": named, "log_z": float(log_z), "nodes": size, "apart": float(apart)}


def main(part=""):
    for cases in problems().values():
        for name, problem in cases.items():
            if part not in name:
                continue
            start = time.time()
            found = solve(problem)
            print(f"{name}: {found['apart']:.0e} by {found['nodes']}, {time.time() - start:.0f} s",
                  flush=True)  # fmt: skip
            known = json.loads(OUT.read_text()) if OUT.exists() else {}
            OUT.write_text(json.dumps(known | {name: found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
