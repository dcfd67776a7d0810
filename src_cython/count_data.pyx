"""Counts of all groups in the forms that the sums of count_density.pyx are taken over.

Counts as histograms: at i the number of groups with a count above it. Pairs of which each different one
is there once. Exposures of many groups as a few: log(1 + exp(x)) is analytic for |Im x| < pi, so a
polynomial of degree 13 carries it over a unit of log e (its Bernstein ellipse has the parameter 12.6),
and a sum over the groups of a bin is one over 14 Chebyshev points with weights.
"""
import numpy as np


def padded(values):
    """The values as a whole number of vectors, at least one, filled up with 0."""
    room = np.zeros(max(LANES, (len(values) + LANES - 1) // LANES * LANES))
    room[: len(values)] = values
    return room


def _counts_above(y):
    """At i the number of groups with y > i."""
    return above(np.bincount(np.asarray(y).astype(np.int64)))


def counted(y):
    """The counts y of all groups."""
    more = _counts_above(y)
    return Counts(more[0] if more.size else 0.0, more[1:])


def above(histogram):
    """At i the number of groups with a count above it, of a histogram."""
    return np.cumsum(histogram[:0:-1])[::-1].astype(np.float64)


cdef class Counts:
    """The counts of all groups: how many have one, and ``more`` than each place.

    Places are 1, 2, ... where they are not given: some that stand for them in sums of functions.
    """

    def __init__(self, double first, more, place=None):
        self.more = padded(more)
        places = np.arange(1.0, self.more.shape[0] + 1.0)
        if place is not None:
            places[: len(place)] = place
        self.place = places
        self.sums.first = first
        self.sums.steps = self.more.shape[0] if len(more) else 0
        self.sums.more, self.sums.place = &self.more[0], &self.place[0]

    cdef const double *refer(self, double share, double inverse):
        """Make the terms of a reference."""
        self.scale = 1.0 / (share + np.asarray(self.place) * inverse)
        return &self.scale[0]


def log_inverse_size(y, n):
    """Log of 1 / K by the variance between and within the groups (Kleinman 1973), at most that of
    K = 1 / 1000 and at least where the groups are all but pooled."""
    total, share = n.sum(), y / n
    if n.size < 2 or not total > n.size:
        return -float(POOLED)
    mean = y.sum() / total
    between = n @ (share - mean) ** 2 / (n.size - 1.0)
    within = n @ (share * (1.0 - share)) / (total - n.size)
    size = (total - n @ n / total) / (n.size - 1.0)
    whole = between + (size - 1.0) * within
    correlation = (between - within) / whole if whole > 0.0 else 0.0
    return float(np.log(np.clip(correlation / max(1.0 - correlation, 1e-3), np.exp(-POOLED), 1e3)))


def rounding(y):
    """Standard deviation of the rounding of a sum by steps; its logarithms are below ten."""
    largest = np.max(y, initial=0.0)
    if largest > MOST_STEPS:
        return np.inf
    more = _counts_above(y)
    return 2e-16 * (2.0 + np.log1p(largest)) * np.sqrt(more @ more)


def log_ratio(first, second):
    """Log of a ratio in two parts; +-1e300 where one of them is 0."""
    with np.errstate(divide="ignore"):
        if max(np.max(first, initial=0.0), np.max(second, initial=0.0)) < 2.0**20:
            whole = np.clip(np.log(first) - np.log(second), -1e300, 1e300)
            return whole, np.zeros(whole.size)
        exact = np.log(first.astype(np.longdouble)) - np.log(second.astype(np.longdouble))
    exact = np.clip(exact, -1e300, 1e300)
    whole = exact.astype(np.float64)
    return whole, np.where(np.abs(whole) < 1e300, exact - whole, 0.0).astype(np.float64)


def distinct(first, second):
    """Different pairs, and how often they are there; all of them, once, where they are many."""
    if first.size > 200_000:
        return first, second, np.ones(first.size)
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    new = np.concatenate([[True], (np.diff(first) != 0.0) | (np.diff(second) != 0.0)])
    at = np.flatnonzero(new)
    return first[at], second[at], np.diff(np.append(at, first.size)).astype(np.float64)


def _few_exposures(const double[::1] log_exposure, const double[::1] y):
    """Chebyshev points of log e, with the groups and the counts that they stand for."""
    cdef Py_ssize_t bins, b, i, k
    low = np.min(log_exposure)
    bins = int(np.max(log_exposure) - low) + 1
    moments = np.zeros((2, bins, DEGREES))
    cdef double[:, :, ::1] sum = moments
    cdef double start = low, x, here, before, swap
    with nogil:
        for i in range(y.shape[0]):
            b = <Py_ssize_t>(log_exposure[i] - start)
            x = 2.0 * (log_exposure[i] - start - b) - 1.0
            before, here = x, 1.0  # T_{-1} = T_1
            for k in range(DEGREES):
                sum[0, b, k] += here
                sum[1, b, k] += y[i] * here
                swap = here
                here = 2.0 * x * here - before
                before = swap
    angle = (np.arange(DEGREES) + 0.5) * (np.pi / DEGREES)
    basis = np.cos(np.outer(np.arange(DEGREES), angle)) * (2.0 / DEGREES)
    basis[0] *= 0.5
    weights = moments @ basis
    points = low + np.arange(bins)[:, None] + 0.5 * (np.cos(angle) + 1.0)
    kept = moments[0, :, 0] > 0.0
    return points[kept].ravel(), weights[0, kept].ravel(), weights[1, kept].ravel()


def exposures(y, e):
    """Logs of different exposures, or of a few that stand for them, their groups and counts."""
    if y.size < 4 * DEGREES or not np.ptp(np.log(e)) < y.size / (4.0 * DEGREES):
        different, which = np.unique(e, return_inverse=True)
        return np.log(different), np.bincount(which), np.bincount(which, y)
    return _few_exposures(np.log(e), y)
