"""Adversarial problems of the normal model with covariates and correlated estimates.

The oracle is the multivariate normal distribution of all estimates, in long double.
"""

from dataclasses import dataclass

import numpy as np

import pyhier as ph
from fuzz import normal
from fuzz.normal_oracle import LOG_2PI, Long, Mu, Oracle, Prior
from fuzz.normal_priors import _named, _plain
from fuzz.runner import UnknownError

REFUSALS = (*normal.REFUSALS, "prior_beta")


@dataclass(frozen=True)
class Problem:
    """Data with covariates (None for none), sampling covariances, and priors."""

    y: np.ndarray
    cov: np.ndarray
    x: np.ndarray | None
    mean: np.ndarray  # of the coefficients' prior; sds are inf where it is flat
    sd: np.ndarray
    prior: Prior
    seed: int

    def __str__(self):
        x = None if self.x is None else self.x.tolist()
        return (
            f"y={self.y.tolist()}, cov={self.cov.tolist()}, x={x}, prior of beta "
            f"{self.mean.tolist()}, {self.sd.tolist()}; {self.prior.words}"
        )

    @property
    def design(self):
        one = np.ones((self.y.size, 1))
        return one if self.x is None else np.hstack([one, self.x])

    @property
    def names(self):
        if self.x is None:
            return ["mu"]
        return ["beta[Intercept]", *(f"beta[x{k + 1}]" for k in range(self.x.shape[1]))]


def make(rng):
    """Few groups, some in studies with correlated errors, up to two covariates."""
    unit = 10.0 ** rng.uniform(-6.0, 6.0)
    groups, columns = int(rng.integers(3, 9)), int(rng.integers(0, 3))
    se = unit * 10.0 ** (rng.choice([0.0, 0.3, 1.0, 2.0]) * rng.uniform(-1.0, 1.0, groups))
    cov = np.diag(se**2)
    if columns == 0 or rng.random() < 0.5:
        size = int(rng.integers(2, groups + 1))
        # Eigenvalues of a covariance in double have no more digits than its largest one.
        se = unit * 10.0 ** rng.uniform(-0.3, 0.3, groups)
        cov = np.diag(se**2)
        factor = rng.standard_normal((size, size + 2)) * se[:size, None]
        cov[:size, :size] = factor @ factor.T / size
    x = rng.standard_normal((groups, columns)) * 10.0 ** rng.uniform(-3.0, 3.0, columns)
    if columns and rng.random() < 0.3:
        x[:, 0] = np.arange(groups) % 2
    x += rng.choice([0.0, 10.0]) * np.abs(x).max(initial=0.0)
    y = unit * (10.0 ** rng.uniform(-2.0, 2.0) * rng.standard_normal(groups) + rng.choice([0, 30]))
    y += se * rng.standard_normal(groups)
    mean, sd = np.zeros(columns + 1), np.full(columns + 1, np.inf)
    for k in range(columns + 1):
        if rng.random() < 0.4:
            size = unit / (1.0 if k == 0 else float(np.abs(x[:, k - 1]).max()))
            sd[k] = size * 10.0 ** rng.uniform(-3.0, 3.0)
            mean[k] = rng.choice([0.0, 1.0, 10.0]) * sd[k]
    kind = _named if rng.random() < 0.2 else _plain
    prior = kind(rng, unit, y, np.sqrt(np.diag(cov)))
    return Problem(y, cov, x if columns else None, mean, sd, prior, int(rng.integers(2**31)))


def solve(problem):
    """Everything that `exact` says, as plain numbers."""
    from scipy import stats

    known = np.isfinite(problem.sd)
    priors = [stats.norm(m, s) for m, s in zip(problem.mean, problem.sd, strict=True)]
    if problem.x is None:
        options = {"prior_mu": priors[0] if known[0] else None}
    else:
        names = [name[5:-1] for name in problem.names]
        chosen = {n: p for n, p, k in zip(names, priors, known, strict=True) if k}
        options = {"X": problem.x, "prior_beta": chosen or None}
    diagonal = np.count_nonzero(problem.cov) == problem.y.size
    data = {"var": np.diag(problem.cov)} if diagonal else {"cov": problem.cov}
    model = ph.NormalNormal(problem.y, prior_tau=problem.prior.argument, **data, **options)
    last = f"theta[{problem.y.size}]"
    names = ["tau", *problem.names, "theta_new", "theta[1]", last]
    return normal.described(ph.exact(model), names, problem.seed)


def judge(problem, answer):
    """Every number against the dense sum; draws against the marginals."""
    normal.hold(answer, lambda cuts: DenseOracle(problem, cuts))


def may_refuse(problem, reason):
    """As for the normal model, and where there are too few groups for the coefficients."""
    few = problem.y.size < problem.design.shape[1] + 3
    return any(word in reason for word in REFUSALS) and (few or not normal._plain(problem))


class DenseOracle(Oracle):
    """The same sum over tau, with the dense likelihood."""

    def __init__(self, problem, cuts):
        se = np.sqrt(np.diag(problem.cov))
        watch = (0, problem.y.size - 1)
        self.names = problem.names
        super().__init__(problem.y, se, problem.prior, Mu(), cuts, watch, Dense(problem))

    def _laws(self, tau, mean, var):
        for name in (*self.names, "theta_new", *(f"theta[{j + 1}]" for j in self.watch)):
            yield self._given(name, tau, mean, var)

    def _given(self, name, tau, mean, var):
        found = self.likelihood.law(name, tau.ravel())
        return found[0].reshape(tau.shape), found[1].reshape(tau.shape)


class Dense:
    """y ~ N(X beta, S + tau^2 I), beta integrated out, among S' eigenvectors in long double."""

    base = Long(0)

    def __init__(self, problem):
        self.se = np.sqrt(np.diag(problem.cov))
        self.var, self.vectors = eigen(problem.cov)
        self.y = self.vectors.T @ problem.y.astype(Long)
        self.x, self.middle = self.vectors.T @ problem.design, problem.design.mean(axis=0)
        known = np.isfinite(problem.sd)
        self.precision = np.diag(np.where(known, problem.sd, 1).astype(Long) ** -2 * known)
        self.mean, self.names = problem.mean.astype(Long), problem.names
        self.log_prior = -np.log(problem.sd[known].astype(Long)).sum() - LOG_2PI / 2 * known.sum()

    def __call__(self, tau):
        """Log likelihood, mean and variance of the first coefficient, at tau (n,)."""
        weight, gram, beta = self._fit(tau)
        off = beta - self.mean
        squares = (weight * (self.y - beta @ self.x.T) ** 2).sum(axis=1)
        squares += ((off @ self.precision) * off).sum(axis=1)
        logs = (np.log(weight).sum(axis=1) - squares - self.y.size * LOG_2PI) / 2
        logs += self.mean.size * LOG_2PI / 2 - log_diagonal(gram) + self.log_prior
        unit = np.zeros_like(beta)
        unit[:, 0] = 1
        return logs, beta[:, 0], self._spread(gram, unit)

    def _fit(self, tau):
        """Weights of the estimates, a factor of the precision of beta, and beta's mean."""
        weight = 1 / (self.var + tau[:, None] ** 2)
        gram = cholesky(np.einsum("ik,kp,kq->ipq", weight, self.x, self.x) + self.precision)
        beta = np.zeros((tau.size, self.mean.size), dtype=Long)
        for _ in range(3):  # about a first fit, so that nothing cancels
            pull = (weight * (self.y - beta @ self.x.T)) @ self.x
            pull = pull + (self.mean - beta) @ self.precision
            beta = beta + upper_solve(gram, lower_solve(gram, pull[..., None]))[..., 0]
        return weight, gram, beta

    @staticmethod
    def _spread(gram, direction):
        """Variance of direction' beta."""
        return (lower_solve(gram, direction[..., None]) ** 2).sum(axis=(1, 2))

    def law(self, name, tau):
        """Mean and variance of a quantity at tau (n,)."""
        weight, gram, beta = self._fit(tau)
        if name.startswith("theta["):
            own = self.vectors[int(name[6:-1]) - 1]
            shrinkage = self.var * weight
            direction = (own * shrinkage) @ self.x
            noise = tau**2 * (own**2 * shrinkage).sum(axis=1)
            mean = ((1 - shrinkage) * own * self.y).sum(axis=1) + (direction * beta).sum(axis=1)
            return mean, noise + self._spread(gram, direction)
        if name == "theta_new":
            direction, noise = self.middle.astype(Long), tau**2
        else:
            direction = np.eye(self.mean.size, dtype=Long)[self.names.index(name)]
            noise = np.zeros_like(tau)
        along = np.broadcast_to(direction, beta.shape)
        return beta @ direction, self._spread(gram, along) + noise


def eigen(matrix):
    """Eigenvalues and eigenvectors in long double: Jacobi's rotations from those in double."""
    vectors = np.linalg.eigh(matrix)[1].astype(Long)
    for _ in range(4):  # orthogonal in long double: Newton's iteration for the polar factor
        vectors = vectors @ (3 * np.eye(len(matrix), dtype=Long) - vectors.T @ vectors) / 2
    for _ in range(6):
        for i in range(len(matrix)):
            for j in range(i):
                a = vectors.T @ matrix.astype(Long) @ vectors
                if a[i, j] == 0:
                    continue
                half = (a[j, j] - a[i, i]) / (2 * a[i, j])
                t = (1 if half >= 0 else -1) / (abs(half) + np.sqrt(half**2 + 1))
                c = 1 / np.sqrt(t**2 + 1)
                p, q = vectors[:, i].copy(), vectors[:, j].copy()
                vectors[:, i], vectors[:, j] = c * p - t * c * q, t * c * p + c * q
    return np.diag(vectors.T @ matrix.astype(Long) @ vectors).copy(), vectors


def cholesky(matrix):
    """Lower factors of matrices (..., n, n)."""
    root = np.zeros_like(matrix)
    for j in range(matrix.shape[-1]):
        pivot = matrix[..., j, j] - (root[..., j, :j] ** 2).sum(axis=-1)
        if not np.all(pivot > 0):
            raise UnknownError("a matrix is singular to the oracle")
        root[..., j, j] = np.sqrt(pivot)
        for i in range(j + 1, matrix.shape[-1]):
            dot = (root[..., i, :j] * root[..., j, :j]).sum(axis=-1)
            root[..., i, j] = (matrix[..., i, j] - dot) / root[..., j, j]
    return root


def lower_solve(root, right):
    """Solve L z = right, of shapes (..., n, n) and (..., n, k)."""
    out = np.array(np.broadcast_to(right, (*root.shape[:-1], right.shape[-1])), dtype=Long)
    for i in range(root.shape[-1]):
        out[..., i, :] -= (root[..., i, :i, None] * out[..., :i, :]).sum(axis=-2)
        out[..., i, :] /= root[..., i, i, None]
    return out


def upper_solve(root, right):
    """Solve L' z = right."""
    out = np.array(right, dtype=Long)
    for i in reversed(range(root.shape[-1])):
        out[..., i, :] -= (root[..., i + 1 :, i, None] * out[..., i + 1 :, :]).sum(axis=-2)
        out[..., i, :] /= root[..., i, i, None]
    return out


def log_diagonal(root):
    """Half the log of the determinant."""
    return np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
