"""How many groups a direction of the coefficients leaves as they are."""

from itertools import combinations

import numpy as np
import pytest
from scipy import linalg

from pyhier.models.elemental import most_still


def by_all_subsets(x, free, row):
    """The most rows that any subset's null space, tried one by one, leaves still."""
    x, row, q = x @ free, row @ free, free.shape[1]
    best = int((np.abs(x).max(axis=1) < 1e-7).sum()) if np.abs(row).max() > 1e-7 else -1
    for subset in combinations(range(len(x)), q - 1):
        for direction in linalg.null_space(x[list(subset)], rcond=1e-9).T:
            if abs(row @ direction) > 1e-7:
                best = max(best, int((np.abs(x @ direction) < 1e-8).sum()))
    return best


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_most_of_all_subsets(seed):
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(4, 9)), int(rng.integers(1, 5))
    x = rng.normal(size=(n, p)) if seed % 2 else rng.integers(0, 2, (n, p)).astype(float)
    x[:, 0] = 1.0
    if np.linalg.matrix_rank(x) < p:
        x[:p] = np.eye(p)
    row = np.eye(p)[rng.integers(p)]
    q = p - 1 if seed % 3 == 0 and p > 1 else p
    free = np.linalg.qr(rng.normal(size=(p, q)))[0]
    assert most_still(x, free, row) == by_all_subsets(x, free, row)


def test_few_groups_that_move_are_found_among_many():
    """Of 100,000 groups three alone have a covariate, beside six that all have."""
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(100_000), rng.normal(size=(100_000, 6)), np.zeros(100_000)])
    x[[5, 70, 99_000], -1] = [1.0, 2.0, -1.0]
    assert most_still(x, np.eye(8), np.eye(8)[-1]) == 100_000 - 3
    assert most_still(x, np.eye(8), np.eye(8)[3]) == 7


def test_rare_categories_beside_each_other():
    """Each of five categories has one group of 150: its coefficient moves no other."""
    rng = np.random.default_rng(4)
    rare = np.vstack([np.eye(5), np.zeros((145, 5))])
    x = np.column_stack([np.ones(150), rng.normal(size=150), rare])
    for k in range(2, 7):
        assert most_still(x, np.eye(7), np.eye(7)[k]) == 149
