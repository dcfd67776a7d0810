"""Moments of raw observations in chunks, against those of all rows and exact fractions."""

import pickle
from fractions import Fraction

import numpy as np
import pytest

import pyhier as ph


def made(rows, groups, offset=0.0, scale=1.0, seed=1):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, rows)
    return offset + scale * (group + rng.standard_normal(rows)), group


def chunked(values, group, chunks):
    found = ph.GroupMoments()
    for part in np.array_split(np.arange(values.size), chunks):
        found.update(values[part], group[part])
    return found


def by_fractions(values, group):
    """Names, means and sums of squares without any rounding."""
    parts = {}
    for value, name in zip(values.tolist(), group.tolist(), strict=True):
        parts.setdefault(str(name), []).append(Fraction(value))
    means = {name: sum(part) / len(part) for name, part in parts.items()}
    squares = {name: sum((v - means[name]) ** 2 for v in part) for name, part in parts.items()}
    return means, squares


FAR = [(0.0, 1.0), (1e9, 1e-3), (-3e-8, 1e-12), (0.0, 1e60)]


@pytest.mark.parametrize("chunks", [1, 7, 300])
@pytest.mark.parametrize(("offset", "scale"), FAR)
def test_moments_of_chunks_are_those_of_fractions(offset, scale, chunks):
    """To rounding of the values' own spread, however far from 0 they are."""
    values, group = made(600, 9, offset, scale)
    means, squares = by_fractions(values, group)
    found = chunked(values, group, chunks).summaries(pooled=False)
    assert found.labels == tuple(means)
    for name, mean, n, var in zip(found.labels, found.y, found.n, found.var, strict=True):
        assert n == (group == int(name)).sum()
        assert mean == pytest.approx(float(means[name]), rel=4e-16, abs=2e-15 * scale)
        assert var * (n - 1) == pytest.approx(float(squares[name]), rel=1e-13)


def test_parts_add_up_in_any_order_and_through_files(tmp_path):
    values, group = made(1000, 40)
    parts = []
    for k, rows in enumerate(np.array_split(np.arange(1000), 5)):
        part = ph.GroupMoments()
        part.update(values[rows], group[rows])
        part.save(tmp_path / f"{k}.npz")
        parts.append(ph.GroupMoments.load(tmp_path / f"{k}.npz"))
    found = parts[3] + (parts[0] + parts[4]) + pickle.loads(pickle.dumps(parts[1])) + parts[2]
    assert repr(found) == "GroupMoments of 40 groups, 1,000 observations"
    right = ph.group_summaries(values, group)
    order = [right.labels.index(name) for name in found.summaries().labels]
    np.testing.assert_allclose(found.summaries().y, right.y[order], rtol=1e-14)
    np.testing.assert_allclose(found.summaries().se, right.se[order], rtol=1e-13)
    assert repr(parts[0]) != repr(found)


def test_the_model_is_that_of_all_rows():
    values, group = made(300, 6)
    for variance in ("pooled", "per-group"):
        found = ph.exact(chunked(values, group, 11).model(variance=variance, prior_tau="sqrt"))
        right = ph.exact(
            ph.NormalNormal.from_raw(values, group, variance=variance, prior_tau="sqrt")
        )
        np.testing.assert_allclose(found.summary(), right.summary(), rtol=1e-9, atol=1e-9)


def test_equal_observations_have_no_variance():
    """Exactly, of numbers that binary fractions are not; and over chunks."""
    moments = ph.GroupMoments()
    for _ in range(5):
        moments.update([0.1, 0.7, 0.1], ["a", "b", "a"])
    with pytest.raises(ValueError, match="the variance within groups is 0"):
        moments.summaries()
    moments.update([0.2], ["b"])
    with pytest.raises(ValueError, match="group a has variance 0"):
        moments.summaries(pooled=False)
    assert moments.model().y[0] == 0.1


def test_a_bad_row_is_named_and_nothing_of_its_chunk_is_added():
    moments = ph.GroupMoments()
    moments.update([1.0, 2.0], ["a", "a"])
    for wrong in (np.nan, np.inf, -1e71):
        with pytest.raises(ValueError, match="values in row 4 is"):
            moments.update([1.0, 5.0, wrong], ["a", "b", "b"])
    with pytest.raises(ValueError, match=r"groups\[1\] is missing"):
        moments.update([1.0, 5.0], ["a", None])
    assert (moments.groups, moments.observations) == (1, 2)
    moments.update([], [])
    assert moments.observations == 2


def test_names_of_any_kind_are_saved(tmp_path):
    names = ["", "a, b", "Z\u00fcrich", "\U0001f3eb", "x\x00", "nul\x00l"]
    moments = ph.GroupMoments()
    moments.update(np.arange(12.0) ** 2, [*names, *names])
    moments.save(tmp_path / "m.npz")
    assert ph.GroupMoments.load(tmp_path / "m.npz").summaries().labels == tuple(names)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    with pytest.raises(ValueError, match="there are no groups to save"):
        ph.GroupMoments().save(path)
    moments = ph.GroupMoments()
    moments.update([1.0, 2.0, 4.0], ["a", "b", "a"])
    moments.save(path)
    arrays = dict(np.load(path))
    for key, wrong in (
        ("lengths", [1, 2]), ("lengths", [2]), ("n", [2, 0]), ("ss", [-1.0, 0.0]),
        ("off", [np.nan, 0.0]), ("names", np.frombuffer(b"aa", np.uint8)), ("n", [2.0]),
        ("names", np.array([255, 255], np.uint8)),
    ):  # fmt: skip
        np.savez(path, **(arrays | {key: wrong}))
        with pytest.raises(ValueError, match="is no file of GroupMoments"):
            ph.GroupMoments.load(path)
    sums = ph.NormalSums()
    sums.update([1.0], [1.0])
    sums.save(path)
    with pytest.raises(ValueError, match="holds 'pyhier NormalSums 1'"):
        ph.GroupMoments.load(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="no whole file"):
        ph.GroupMoments.load(path)
