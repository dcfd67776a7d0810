"""Very many groups: sums that carry the likelihood, beside one NumPy pass over the groups."""

from collections.abc import Callable

import numpy as np

import pyhier as ph

GROUPS, CHUNK = 4_000_000, 500_000


def made(groups: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    se = 10.0 ** rng.uniform(-1.0, 1.0, groups)
    return rng.normal(1.0, np.hypot(se, 0.5)), se


def sums(best: Callable[..., float], table: Callable[..., str]) -> str:
    y, se = made(GROUPS)
    var = se * se

    def one_likelihood() -> float:
        total = var + 0.25
        weight = 1.0 / total
        mean = (weight @ y) / weight.sum()
        return float(np.log(total).sum() + weight @ (y - mean) ** 2)

    def summed() -> ph.NormalSums:
        found = ph.NormalSums()
        for start in range(0, GROUPS, CHUNK):
            part = slice(start, start + CHUNK)
            found.update(y[part], se[part], threads=1)
        return found

    kept = summed()
    post = ph.exact(kept.model())
    alone = best(one_likelihood, 3)
    of_groups = best(lambda: ph.exact(ph.NormalNormal(y, se=se))["tau"].mean(), 2)
    rows = [
        ["NumPy: one likelihood at one tau", alone],
        ["pyhier: NormalSums, all chunks, one core", best(summed, 3)],
        ["pyhier: exact of the sums", best(lambda: ph.exact(kept.model())["tau"].mean(), 3)],
        ["pyhier: exact of NormalNormal, the groups in memory", of_groups],
        ["pyhier: effects(y, se), means, sds, shrinkage", best(lambda: post.effects(y, se), 3)],
    ]
    cells = [
        [name, f"{1e3 * s:,.1f}", f"{1e9 * s / GROUPS:,.1f}", f"{s / alone:.2f}"]
        for name, s in rows
    ]
    return table(f"{GROUPS:,} groups", ["", "ms", "ns a group", "times NumPy's"], cells)
