"""Sums of rows against dense matrices."""

import numpy as np
import pytest

from pyhier.kernels import linear_groups
from pyhier.models.nesting import nesting_of
from pyhier.models.row_sums import RowSums, nested_sums, row_sums

GROUPS, P = 9, 3


def made(q, seed=0, n=60, far=0.0):
    rng = np.random.default_rng(seed)
    code = rng.integers(0, GROUPS, n)
    x = np.column_stack([np.ones(n), rng.normal(size=n) + far, rng.normal(size=GROUPS)[code]])
    z = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])[:, :q]
    return rng.normal(size=n) + far, x, z, code, rng.uniform(0.2, 3.0, n)


def dense(y, x, v):
    """Log determinants, the coefficients, their covariance, the squares left."""
    root = np.linalg.cholesky(v)
    xw, yw = np.linalg.solve(root, x), np.linalg.solve(root, y)
    q, r = np.linalg.qr(xw)
    inverse = np.linalg.inv(r)
    left = yw - q @ (q.T @ yw)
    return (
        2.0 * np.log(np.diag(root)).sum(), 2.0 * np.log(np.abs(np.diag(r))).sum(),
        inverse @ (q.T @ yw), inverse @ inverse.T, left @ left,
    )  # fmt: skip


def agrees(sums: RowSums, relative, wanted):
    table = sums.tables(relative)
    rows = linear_groups.solve(table, P)[:, 0]
    log_v, log_information, beta, cov, left = wanted
    factor = np.zeros((P, P))
    factor[np.triu_indices(P)] = rows[1 + P :]
    factor = sums.basis @ factor
    assert table[0, -1] - sums.log_weight == pytest.approx(log_v, abs=1e-11)
    assert table[0, -2] == pytest.approx(left, rel=1e-11)
    assert sums.about + sums.basis @ rows[1 : 1 + P] == pytest.approx(beta, rel=1e-9, abs=1e-11)
    assert factor @ factor.T == pytest.approx(cov, rel=1e-9, abs=1e-13)
    value = rows[0] + sums.log_basis + 0.5 * sums.log_weight
    assert value == pytest.approx(-0.5 * (log_v + log_information + left), abs=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_sums_are_those_of_dense_matrices(q, weighted):
    y, x, z, code, w = made(q)
    w = w if weighted else np.ones_like(w)
    factor = np.tril(np.random.default_rng(1).normal(size=(q, q)))
    whole = np.zeros((y.size, GROUPS * q))
    for i, j in enumerate(code):
        whole[i, j * q : (j + 1) * q] = z[i]
    v = np.diag(1.0 / w) + whole @ np.kron(np.eye(GROUPS), factor @ factor.T) @ whole.T
    sums = row_sums(y, x, z, code, GROUPS, w if weighted else None)
    agrees(sums, factor[np.tril_indices(q)][np.newaxis], dense(y, x, v))


@pytest.mark.parametrize("weighted", [False, True])
def test_nested_intercepts_are_those_of_dense_matrices(weighted):
    y, x, z, code, w = made(1)
    w = w if weighted else np.ones_like(w)
    upper = code // 3
    nesting, finest = nesting_of({"district": upper, "school": code}, y=y)
    member = [np.equal.outer(level, level).astype(float) for level in (upper, code)]
    v = np.diag(1.0 / w) + 0.7**2 * member[0] + 1.3**2 * member[1]
    sums = row_sums(y, x, z, finest.astype(np.int64), GROUPS, w if weighted else None)
    agrees(nested_sums(sums, nesting), np.log([[0.7, 1.3]]), dense(y, x, v))


def test_neither_the_order_of_rows_nor_blocks_matter(monkeypatch):
    y, x, z, code, _ = made(2, n=500)
    factor = np.array([[0.5, 0.2, 0.4]])
    once = row_sums(y, x, z, code, GROUPS)
    monkeypatch.setattr("pyhier.models.row_sums.BLOCK", 7)
    order = np.random.default_rng(2).permutation(y.size)
    again = row_sums(y[order], x[order], z[order], code[order], GROUPS)
    values = [linear_groups.solve(s.tables(factor), P)[0] + s.log_basis for s in (once, again)]
    assert values[0] == pytest.approx(values[1], abs=1e-11)


def test_groups_of_one_factor_are_one_class():
    y, x, z, code, _ = made(1, n=5000)
    sums = row_sums(y, x, z, code, GROUPS)
    assert len(sums.classes[0]) == len(np.unique(np.bincount(code)))
    alike = row_sums(np.tile(y[:40], 50), np.tile(x[:40], (50, 1)), np.tile(x[:40, :2], (50, 1)),
                     np.repeat(np.arange(50), 40), 50)  # fmt: skip
    assert len(alike.classes[0]) == 1
    assert len(alike.classes[1]) <= 2 * (P + 1)


def test_data_far_from_zero_keeps_its_digits():
    y, x, z, code, _ = made(2)
    near = row_sums(y, x, z, code, GROUPS)
    moved = x.copy()
    moved[:, 1] += 2.0**20
    far = row_sums(y + 2.0**20, moved, z, code, GROUPS)
    factor = np.array([[0.5, 0.2, 0.4]])
    first, second = (linear_groups.solve(s.tables(factor), P)[0] + s.log_basis for s in (near, far))
    assert first == pytest.approx(second, abs=1e-8)  # the data's own rounding: 1e6 * 1e-16


@pytest.mark.parametrize("weighted", [False, True])
def test_parts_of_the_rows_add_up(weighted):
    y, x, z, code, w = made(2, n=300)
    given = w if weighted else None
    whole = row_sums(y, x, z, code, GROUPS, given)
    frame = (whole.about, whole.basis)
    total = None
    for part in (slice(0, 50), slice(50, 51), slice(51, 300)):
        weights = None if given is None else given[part]
        one = row_sums(y[part], x[part], z[part], code[part], GROUPS, weights, frame)
        total = one if total is None else total.plus(one)
    factor = np.array([[0.5, 0.2, 0.4], [3.0, -1.0, 1e-3]])
    first, second = (linear_groups.solve(s.tables(factor), P) for s in (whole, total))
    np.testing.assert_allclose(second, first, rtol=1e-11, atol=1e-12)
    assert total.rows == 300
    assert total.log_weight == pytest.approx(whole.log_weight)


def test_thirty_columns_far_from_zero():
    """Powers of years make columns that nearly make up one another: against 50 digits."""
    import mpmath

    rng = np.random.default_rng(0)
    n, p = 50, 30
    code = rng.integers(0, 5, n)
    x = np.column_stack([np.ones(n), 2000.0 + rng.integers(0, 40, n), rng.normal(size=(n, p - 2))])
    x[:, 5] = x[:, 4] + 1e-5 * x[:, 5]
    y = 1e6 + x[:, 1] + rng.normal(size=n)
    sums = row_sums(y, x, np.ones((n, 1)), code, 5)
    found = linear_groups.solve(sums.tables(np.array([[0.8]])), p)[:, 0]
    with mpmath.workdps(50):
        same = mpmath.matrix((code[:, None] == code).astype(float).tolist())
        v = mpmath.eye(n) + mpmath.mpf(0.8) ** 2 * same
        design, data = mpmath.matrix(x.tolist()), mpmath.matrix(y.tolist())
        inverse = v**-1
        left = inverse * design
        information = design.T * left
        beta = mpmath.lu_solve(information, left.T * data)
        squares = ((data - design * beta).T * (inverse * data))[0, 0]
        logs = mpmath.log(mpmath.det(v)) + mpmath.log(mpmath.det(information)) + squares
        wanted = [float(b) for b in beta]
    assert found[0] + sums.log_basis == pytest.approx(float(-logs / 2), abs=1e-8)
    beta = sums.about + sums.basis @ found[1 : 1 + p]
    factor = np.zeros((p, p))
    factor[np.triu_indices(p)] = found[1 + p :]
    sd = np.sqrt(((sums.basis @ factor) ** 2).sum(axis=1))
    assert np.abs((beta - wanted) / sd).max() < 1e-8  # the data's own rounding: 1e6 * 1e-16
