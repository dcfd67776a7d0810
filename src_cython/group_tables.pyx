"""Log likelihoods of groups whose effects are integrated out, from polynomials of their means.

A panel is a group's log likelihood at one log tau, for means in an interval [k, k + 1] by a width
that grows with tau. Its Chebyshev coefficients are made where it is first asked for, and kept in a
hash table with open addressing; those that were asked for since log tau changed are found by their
distance from the first of them. A point's polynomials are evaluated eight at a time.
"""
from libc.math cimport NAN, exp, fabs, floor
from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memcpy, memset

from pyhier.kernels.integrated_groups cimport Integrated, IntegratedGroups

import numpy as np


cdef extern from "mixed_bits.h" nogil:
    uint64_t mixed_bits(uint64_t h)


cdef enum:
    LANES = 8
    ORDER = 16                      # coefficients of a panel
    LOG_TAU = 0, PANEL, ALIKE, KEYS # its row: what it is of, and then the coefficients
    ROW = KEYS + ORDER
    ROOM = 1024                     # panels, to begin with
    MOST = 262144                   # beyond which all are forgotten where there is no room
    NEAR = 64                       # panels of a group that are found without a search

ctypedef const double *row_t

cdef double RESOLVED = 1e-13        # last coefficients, by the largest value
cdef double FAR = 262144.0          # panels, and log tau, from 0 to which there are tables
cdef double LARGE = 300.0


cdef inline uint64_t hashed(const double *key) noexcept nogil:
    cdef uint64_t h = 0, part
    cdef int i
    for i in range(KEYS):
        memcpy(&part, key + i, sizeof(part))
        h = mixed_bits(h + part)
    return h


cdef inline bint is_of(const double *row, const double *key) noexcept nogil:
    return (row[LOG_TAU] == key[LOG_TAU] and row[PANEL] == key[PANEL]
            and row[ALIKE] == key[ALIKE])


cdef inline void add_polynomials(const row_t *c, const double *x, const double *times, int lanes,
                                 double *total) noexcept nogil:
    """Add Chebyshev sums at places in [-1, 1] to a total, by Clenshaw's recurrence."""
    cdef double[LANES] before
    cdef double[LANES] now
    cdef double new
    cdef int i, k
    for i in range(LANES):
        before[i], now[i] = 0.0, c[i][ORDER - 1]
    for k in range(ORDER - 2, 0, -1):
        for i in range(LANES):
            new = 2.0 * x[i] * now[i] + (c[i][k] - before[i])
            before[i], now[i] = now[i], new
    for i in range(lanes):
        total[0] += times[i] * (x[i] * now[i] + (c[i][0] - before[i]))


cdef class GroupTables:
    """Sums of log likelihoods over groups, and the panels known by now.

    ``alike``, shape (groups,), numbers groups with the same data; ``place``, (ORDER,), are the
    nodes on [-1, 1] and ``to_coefficients``, (ORDER, ORDER), takes values there. Panels are counted
    from a group's ``middle`` on; ``width`` is that of a panel by tau, or ``least`` where that is
    more, both (groups,).
    """
    cdef const Integrated *model
    cdef double width
    cdef object arrays
    cdef const double *alike
    cdef const double *middle
    cdef const double *least
    cdef const double *place
    cdef const double *to_coefficients
    cdef double[:, ::1] panels
    cdef Py_ssize_t[::1] slots
    cdef Py_ssize_t used
    cdef double log_tau             # of the latest point; at it
    cdef double[::1] first          # for each group the panel with which its row of these begins:
    cdef int32_t[:, ::1] near       # the rows of panels, or -1

    def __init__(self, IntegratedGroups owner, const double[::1] alike, const double[::1] middle,
                 const double[::1] least, double width, const double[::1] place,
                 const double[:, ::1] to_coefficients):
        self.arrays = (owner, alike, middle, least, place, to_coefficients)
        self.middle, self.least = &middle[0], &least[0]
        self.model, self.width, self.alike = &owner.model, width, &alike[0]
        self.place, self.to_coefficients = &place[0], &to_coefficients[0, 0]
        self.panels, self.slots = np.full((ROOM, ROW), np.nan), np.full(2 * ROOM, -1)
        self.log_tau, self.first = NAN, np.empty(owner.model.groups)
        self.near = np.empty((owner.model.groups, NEAR), np.int32)

    cdef void make_room(self):
        """Make room for one more point's panels."""
        cdef Py_ssize_t room = 2 * self.panels.shape[0], k
        if self.used > MOST:
            self.used = 0
        while room < self.used + self.model.groups:
            room *= 2
        panels = np.full((room, ROW), np.nan)
        panels[:self.used] = self.panels[:self.used]
        self.panels, self.slots, self.log_tau = panels, np.full(2 * room, -1), NAN
        for k in range(self.used):
            self.slots[self.slot_of(&self.panels[k, 0])] = k

    cdef inline Py_ssize_t slot_of(self, const double *key) noexcept nogil:
        """The slot that has a key, or that is free for it."""
        cdef Py_ssize_t mask = self.slots.shape[0] - 1, slot = <Py_ssize_t>(hashed(key) & mask)
        while self.slots[slot] >= 0 and not is_of(&self.panels[self.slots[slot], 0], key):
            slot = (slot + 1) & mask
        return slot

    cdef const double *coefficients(self, Py_ssize_t j, const double *key,
                                    double width) noexcept nogil:
        """Those of the panel with a key, which is group j's, at the latest log tau."""
        cdef double away
        cdef Py_ssize_t k
        if self.first[j] != self.first[j]:
            self.first[j] = key[PANEL] - NEAR // 2
        away = key[PANEL] - self.first[j]
        if not 0.0 <= away < NEAR:
            return &self.panels[self.row_of(j, key, width), KEYS]
        k = self.near[j, <Py_ssize_t>away]
        if k < 0:
            k = self.near[j, <Py_ssize_t>away] = <int32_t>self.row_of(j, key, width)
        return &self.panels[k, KEYS]

    cdef Py_ssize_t row_of(self, Py_ssize_t j, const double *key, double width) noexcept nogil:
        """The row of the panel with a key, made where it is not known."""
        cdef Py_ssize_t slot = self.slot_of(key)
        if self.slots[slot] < 0:
            self.make(&self.panels[self.used, 0], j, key, width)
            self.slots[slot] = self.used
            self.used += 1
        return self.slots[slot]

    cdef void move_to(self, double log_tau) noexcept nogil:
        """Forget what is near: that was at another log tau."""
        cdef Py_ssize_t j
        self.log_tau = log_tau
        memset(&self.near[0, 0], 0xff, self.near.shape[0] * NEAR * sizeof(int32_t))
        for j in range(self.first.shape[0]):
            self.first[j] = NAN

    cdef void values(self, Py_ssize_t j, const double *mean, double log_tau,
                     double *value) noexcept nogil:
        """Group j's log likelihoods at ascending means."""
        cdef int i
        if self.model.of_group_at != NULL:
            self.model.of_group_at(self.model.data, j, mean, ORDER, log_tau, value)
            return
        for i in range(ORDER):
            value[i] = self.model.of_group(self.model.data, j, mean[i], log_tau, NULL, NULL)

    cdef void make(self, double *row, Py_ssize_t j, const double *key, double width) noexcept nogil:
        """A new panel; NaN where its polynomial does not resolve the log likelihood."""
        cdef double[ORDER] value
        cdef double[ORDER] mean
        cdef double highest = 1.0, last
        cdef int i, k
        memcpy(row, key, KEYS * sizeof(double))
        for i in range(ORDER):
            mean[i] = self.middle[j] + width * (key[PANEL] + 0.5 + 0.5 * self.place[ORDER - 1 - i])
        self.values(j, mean, key[LOG_TAU], value)
        for i in range(ORDER):
            highest = max(highest, fabs(value[i]))
        for k in range(ORDER):
            row[KEYS + k] = 0.0
            for i in range(ORDER):
                row[KEYS + k] += self.to_coefficients[k * ORDER + i] * value[ORDER - 1 - i]
        last = max(fabs(row[ROW - 1]), fabs(row[ROW - 2]))
        if not last <= RESOLVED * highest:
            row[KEYS] = NAN

    cdef double sum_at(self, const double *phi) noexcept nogil:
        """The sum at one point, for which there is room; NaN where tables do not tell it."""
        cdef const Integrated *c = self.model
        cdef double[KEYS] key
        cdef row_t[LANES] row
        cdef double[LANES] x
        cdef double[LANES] times
        cdef double log_tau = phi[c.p], total = 0.0, at, width, tau
        cdef Py_ssize_t i, j
        cdef int lane = 0
        if not fabs(log_tau) < LARGE:
            return NAN
        if log_tau != self.log_tau:
            self.move_to(log_tau)
        tau = exp(log_tau)
        key[LOG_TAU] = log_tau
        for j in range(c.groups):
            at = 0.0 if c.offset == NULL else c.offset[j]
            for i in range(c.p):
                at += c.design[j * c.p + i] * phi[i]
            width = max(self.least[j], self.width * tau)
            at = (at - self.middle[j]) / width
            if not fabs(at) < FAR:
                return NAN
            key[PANEL], key[ALIKE] = floor(at), self.alike[j]
            row[lane] = self.coefficients(j, key, width)
            x[lane], times[lane] = 2.0 * (at - key[PANEL]) - 1.0, c.times[j]
            lane += 1
            if lane == LANES:
                add_polynomials(row, x, times, lane, &total)
                lane = 0
        if lane > 0:
            for i in range(lane, LANES):
                row[i], x[i] = row[0], x[0]
            add_polynomials(row, x, times, lane, &total)
        return total

    def sums(self, const double[:, ::1] phi):
        """The sum at points (n, p + 1); NaN where tables do not tell it.

        It is fastest where points with the same log tau follow each other.
        """
        cdef Py_ssize_t n = phi.shape[0], k
        out = np.empty(n)
        cdef double[::1] found = out
        with nogil:
            for k in range(n):
                if self.used + self.model.groups > self.panels.shape[0]:
                    with gil:
                        self.make_room()
                found[k] = self.sum_at(&phi[k, 0])
        return out
