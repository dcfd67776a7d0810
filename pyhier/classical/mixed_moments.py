"""A mixed model's sums at one covariance of the varying coefficients, with two derivatives.

V = W^-1 + sum_k t_k V_k in units of the residual variance, linear in t. All that a deviance and its
first and second derivatives need of V are log|V| and products of the columns F = [X y],

    Q = F'V^-1 F,   B_k = F'V^-1 V_k V^-1 F,   C_kl = F'V^-1 V_k V^-1 V_l V^-1 F,

sums over groups, since dQ/dt_k = -B_k and d2Q/dt_k dt_l = C_kl + C_lk.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyhier._types import Floats
from pyhier.models.row_sums import Codes, NestedSums, RowSums, classes

ROWS = 4096  # at a time


@dataclass(frozen=True, eq=False)
class Moments:
    """The sums at one t.

    Attributes
    ----------
    log_det : float
        log|V|, but for the weights.
    d_log : ndarray, shape (m,)
    d2_log : ndarray, shape (m, m)
        Its derivatives.
    q : ndarray, shape (p + 1, p + 1)
        F'V^-1 F.
    dq : ndarray, shape (m, p + 1, p + 1)
    d2q : ndarray, shape (m, m, p + 1, p + 1)
        Its derivatives.
    """

    log_det: float
    d_log: Floats
    d2_log: Floats
    q: Floats
    dq: Floats
    d2q: Floats

    def along(self, columns: Floats) -> "Moments":
        """The same of F columns: of combinations of the columns."""
        left, right = columns.T, columns
        return Moments(
            self.log_det, self.d_log, self.d2_log,
            left @ self.q @ right, left @ self.dq @ right, left @ self.d2q @ right,
        )  # fmt: skip


def within_gram(sums: RowSums) -> Floats:
    """What the groups' own coefficients leave of F'F."""
    width = sums.size + 1
    triangle = np.zeros((sums.size, width))
    packed = sums.within[0]
    triangle[np.triu_indices(sums.size, m=width)] = packed[:-2]
    gram: Floats = triangle.T @ triangle
    gram[-1, -1] += packed[-2]
    return gram


def full(packed: Floats, q: int, upper: bool) -> Floats:
    """Triangles by rows as matrices, shape (..., q, q)."""
    found = np.zeros((*packed.shape[:-1], q, q))
    at = np.triu_indices(q) if upper else np.tril_indices(q)
    found[..., at[0], at[1]] = packed
    return found


@dataclass(frozen=True, eq=False)
class Varying:
    """Varying coefficients of one grouping factor: V_j = W_j^-1 + Z_j S Z_j', t the entries of S.

    The columns of z are replaced by z root^-1, which are orthonormal over a mean group; S is the
    covariance of their coefficients.

    Attributes
    ----------
    sums : RowSums
    root : ndarray, shape (q, q)
        Lower triangular, or diagonal for uncorrelated coefficients.
    """

    sums: RowSums
    root: Floats

    @classmethod
    def of(cls, sums: RowSums, correlated: bool) -> "Varying":
        """With the root that the groups' own columns suggest."""
        q = sums.varying
        r = full(sums.r, q, upper=True)
        gram = np.einsum("jab,jac->bc", r, r) / len(r)
        if correlated and q > 1:
            # gram = root'root with a lower triangle: Cholesky's factor from the last column on.
            scale = np.sqrt(np.diag(gram))
            back = np.linalg.cholesky((gram / np.outer(scale, scale))[::-1, ::-1])[::-1, ::-1]
            return cls(sums, np.ascontiguousarray(back.T) * scale)
        return cls(sums, np.diag(np.sqrt(np.diag(gram))))

    @cached_property
    def inverse(self) -> Floats:
        """Of the root."""
        return np.tril(np.linalg.inv(self.root))

    @cached_property
    def entries(self) -> Floats:
        """E_k, shape (m, q, q): S = sum of t_k E_k."""
        q = self.sums.varying
        at = np.tril_indices(q)
        found = np.zeros((at[0].size, q, q))
        for k, (a, b) in enumerate(zip(*at, strict=True)):
            found[k, a, b] = found[k, b, a] = 1.0
        return found

    @cached_property
    def _classes(self) -> tuple[Floats, Floats, Codes, Floats]:
        """Of groups alike: R root^-1, the rows of F, each row's class, how many groups."""
        r, f, start, count = classes(self.sums.r, self.sums.f)
        own = np.repeat(np.arange(len(r)), np.diff(start))
        return full(r, self.sums.varying, upper=True) @ self.inverse, f, own, count

    def moments(self, t: Floats) -> Moments:
        """The sums at t, shape (m,)."""
        r, f, own, count = self._classes
        q, d = self.sums.varying, self.sums.size + 1
        s = np.tensordot(t, self.entries, 1)
        m = np.eye(q) + r @ s @ r.transpose(0, 2, 1)
        solved = np.linalg.solve(m, r)  # M^-1 R
        k = np.einsum("jab,jac->jbc", r, solved) if q > 1 else r * solved
        left = solved.transpose(0, 2, 1)[own] @ f  # R'M^-1 F
        whitened = np.linalg.solve(m[own], f) if q > 1 else f / m[own]
        gram = within_gram(self.sums) + f.reshape(-1, d).T @ whitened.reshape(-1, d)
        e = self.entries.reshape(-1, q * q)
        by_pairs = k.reshape(-1, q * q)
        kk = (by_pairs * count[:, np.newaxis]).T @ by_pairs
        # tr(K E_k K E_l) = sum of E_k[a, b] E_l[c, d] K[d, a] K[b, c]
        kk = kk.reshape(q, q, q, q).transpose(1, 2, 3, 0).reshape(q * q, q * q)
        p = left.reshape(-1, q * d)
        pp = (p.T @ p).reshape(q, d, q, d).transpose(0, 2, 1, 3).reshape(q * q, d * d)
        sums = np.zeros((q * q, (q * d) ** 2))
        for part in (slice(i, i + ROWS) for i in range(0, len(p), ROWS)):
            outer = p[part, :, np.newaxis] * p[part, np.newaxis]
            sums += by_pairs[own[part]].T @ outer.reshape(-1, (q * d) ** 2)
        kpp = sums.reshape(q, q, q, d, q, d).transpose(2, 0, 1, 4, 3, 5)  # a, b, c, d, x, y
        kpp = kpp.reshape(q * q, q * q, d * d)
        second = np.einsum("ku,uvx,lv->klx", e, kpp, e, optimize=True).reshape(len(e), len(e), d, d)
        return Moments(
            float(count @ np.linalg.slogdet(m)[1]),
            e @ (count @ by_pairs),
            -(e @ kk @ e.T),
            gram,
            -(e @ pp).reshape(-1, d, d),
            second + second.transpose(0, 1, 3, 2),
        )

    def factor(self, lower: Floats) -> Floats:
        """Of Cholesky factors of S, (nodes, q, q), what `RowSums.tables` takes."""
        at = np.tril_indices(self.sums.varying)
        found: Floats = (self.inverse @ lower)[:, at[0], at[1]]
        return found


@dataclass(frozen=True, eq=False)
class Nested:
    """Intercepts of groups within groups: t are the variances of the levels, the outer one first.

    Attributes
    ----------
    sums : NestedSums
    root : ndarray, shape (2, 2)
        Diagonal: t is in units of its squares' inverses.
    """

    sums: NestedSums
    root: Floats

    @classmethod
    def of(cls, sums: NestedSums) -> "Nested":
        """With units in which a mean group's precision is 1."""
        squares = sums.r[:, 0] ** 2
        outer = np.bincount(sums.nesting.parent[0], squares)
        return cls(sums, np.diag(np.sqrt([outer.mean(), squares.mean()])))

    @property
    def inverse(self) -> Floats:
        """Of the root."""
        return np.diag(1.0 / np.diag(self.root))

    @property
    def entries(self) -> Floats:
        """E_k: the diagonal of a 2 x 2 matrix."""
        return np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])

    def moments(self, t: Floats) -> Moments:
        """The sums at t, shape (2,).

        Within an outer group V is D + t r r', D = 1 + t r^2 of the inner groups: about the mean of
        the members nothing cancels.
        """
        scale = np.diag(self.inverse) ** 2
        outer_var, inner_var = np.maximum(t, 0.0) * scale
        parent, r = self.sums.nesting.parent[0], self.sums.r[:, 0]
        f = self.sums.f[:, 0]
        d, groups = f.shape[1], int(parent.max()) + 1

        def gathered(values: Floats) -> Floats:
            columns = values.reshape(len(values), -1).T
            found = np.stack([np.bincount(parent, column, groups) for column in columns], axis=1)
            return np.asarray(found.reshape(groups, *values.shape[1:]), dtype=np.float64)

        own = 1.0 + inner_var * r**2
        weight = gathered(r**2 / own)
        c = 1.0 + outer_var * weight
        mean = gathered((r / own)[:, np.newaxis] * f) / weight[:, np.newaxis]
        apart = f - r[:, np.newaxis] * mean[parent]
        gram = within_gram(self.sums) + apart.T @ (apart / own[:, np.newaxis])
        gram += mean.T @ (mean * (weight / c)[:, np.newaxis])
        solved = apart / own[:, np.newaxis] + (
            (r / own)[:, np.newaxis] * (mean / c[:, np.newaxis])[parent]
        )  # V^-1 F
        top = mean * (weight / c)[:, np.newaxis]  # r'V^-1 F of every outer group
        r_top = weight / c  # r'V^-1 r
        column = (r / own) / c[parent]  # V^-1 r
        squares = gathered(r**4 / own**2)
        share = outer_var / c
        # The sum over members of r_j^2 (V^-1)_jk^2 r_k^2.
        inner = squares - 2.0 * share * gathered(r**6 / own**3) + share**2 * squares**2
        first = np.stack([top.T @ top, solved.T @ (solved * (r**2)[:, np.newaxis])])
        mixed = gathered((r**2 * column)[:, np.newaxis] * solved)  # r'V^-1 R V^-1 F
        # R V^-1 R between the members, R = diag(r^2), of V^-1 F.
        bent = solved * (r**2)[:, np.newaxis]
        pulled = gathered((r / own)[:, np.newaxis] * bent) * share[:, np.newaxis]
        bent_solved = bent / own[:, np.newaxis] - (r / own)[:, np.newaxis] * pulled[parent]
        second = np.empty((2, 2, d, d))
        second[0, 0] = top.T @ (top * r_top[:, np.newaxis])
        second[0, 1] = top.T @ mixed
        second[1, 0] = second[0, 1].T
        second[1, 1] = bent.T @ bent_solved
        d2_log = -np.array(
            [
                [(r_top**2).sum(), cross := gathered(r**2 * column**2).sum()],
                [cross, inner.sum()],
            ]
        )
        inner_diagonal = r**2 * (1.0 / own - share[parent] * (r / own) ** 2)
        return Moments(
            float(np.log(own).sum() + np.log(c).sum()),
            np.array([r_top.sum(), inner_diagonal.sum()]) * scale,
            d2_log * np.outer(scale, scale),
            gram,
            -first * scale[:, np.newaxis, np.newaxis],
            (second + second.transpose(0, 1, 3, 2)) * np.outer(scale, scale)[..., None, None],
        )

    def factor(self, lower: Floats) -> Floats:
        """Of diagonal matrices of the sds, (nodes, 2, 2), what `NestedSums.tables` takes."""
        sds = np.diagonal(lower, axis1=1, axis2=2) * np.diag(self.inverse)
        with np.errstate(divide="ignore"):
            return np.log(np.abs(sds))


Structure = Varying | Nested
