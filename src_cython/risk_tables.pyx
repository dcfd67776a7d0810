"""Log likelihoods of events in two arms at many points that share coordinates (risk_tables.h).

What is made of (alpha, sigma) and of (mu, tau) is kept for the points that come next, in hash tables
with open addressing, until there is too much of it. Where it does not serve, or there would be
little to share, a point goes by itself (two_risks.h).
"""
from libc.math cimport INFINITY, exp, fabs, fmax, log
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

import numpy as np


cdef double MOST_BYTES = 4e8        # of rows and columns, beyond which all are forgotten
cdef double A_COLUMN = 6.0          # what one takes, and a row, by what a point takes by itself
cdef double A_ROW = 0.3


cdef void *more_room(void *old, Py_ssize_t wanted, Py_ssize_t each, Py_ssize_t *room) noexcept:
    """A table of pointers, each NULL, with room for so many times ``each``."""
    if wanted <= room[0]:
        return old
    cdef Py_ssize_t size = max(2 * room[0], wanted)
    cdef void **table = <void **>realloc(old, size * each * sizeof(void *))
    if table != NULL:
        memset(table + room[0] * each, 0, (size - room[0]) * each * sizeof(void *))
        room[0] = size
    return table


cdef class RiskTables:
    """What many points share.

    ``data`` is of shape (8, studies) and ``first`` the first arm's coding, as of the kernel
    ``two_risks``.
    """
    def __cinit__(self, const double[:, ::1] data, double first):
        cdef Py_ssize_t j, k, i
        cdef count[2] arm
        self.data, self.first, self.studies = data, first, data.shape[1]
        self.study = <tabled_study *>calloc(self.studies, sizeof(tabled_study))
        if (self.study == NULL or not empty_pairs(&self.row_pairs, FIRST_ROOM)
                or not empty_pairs(&self.column_pairs, FIRST_ROOM)):
            raise MemoryError
        for k, order in enumerate((3, 7, 13)):
            node, weight = np.polynomial.hermite_e.hermegauss(order)
            self.rules[k].order = order
            for i in range(order):
                self.rules[k].node[i] = node[i]
                self.rules[k].weight[i] = weight[i] / weight.sum()
        for j in range(self.studies):
            arms_of(&self.data[0, 0], self.studies, j, arm)
            table_study(arm, first, &self.study[j])

    def __dealloc__(self):
        cdef Py_ssize_t j
        self.forget()
        if self.study != NULL:
            for j in range(self.studies):
                free_study(&self.study[j])
        free(self.study)
        free(self.row_pairs.key)
        free(self.row_pairs.slot)
        free(self.column_pairs.key)
        free(self.column_pairs.slot)

    cdef void forget(self) noexcept nogil:
        """Free all rows and columns."""
        cdef Py_ssize_t i
        cdef risk_row *g
        cdef risk_column *v
        for i in range(self.row_room * self.studies):
            g = self.rows[i]
            if g != NULL:
                free(g.weight)
                free(g.start)
                free(g)
        for i in range(self.column_room * self.studies * (FINER + 1)):
            v = self.columns[i]
            if v != NULL:
                free(v.values)
                free(v.logs)
                free(v)
        free(self.rows)
        free(self.columns)
        self.rows, self.columns, self.row_room, self.column_room = NULL, NULL, 0, 0
        self.bytes = 0.0

    cdef int prepare(self, const double[:, ::1] points, Py_ssize_t[::1] which,
                     Py_ssize_t[::1] beside) except -1:
        """Numbers of the points' rows and columns; 0 where there would be too little to share."""
        cdef Py_ssize_t n = points.shape[0], i, rows, columns, each = self.studies
        if self.bytes > MOST_BYTES:
            self.forget()
            if not empty_pairs(&self.row_pairs, FIRST_ROOM) or not empty_pairs(&self.column_pairs, FIRST_ROOM):
                raise MemoryError
        if not more_pairs(&self.row_pairs, n) or not more_pairs(&self.column_pairs, n):
            raise MemoryError
        rows, columns = self.row_pairs.count, self.column_pairs.count
        for i in range(n):
            which[i] = pair_number(&self.row_pairs, points[i, 2], points[i, 3])
            beside[i] = pair_number(&self.column_pairs, points[i, 0], points[i, 1])
        if (A_ROW * (self.row_pairs.count - rows)
                + A_COLUMN * (self.column_pairs.count - columns) > n):
            fewer_pairs(&self.row_pairs, rows)
            fewer_pairs(&self.column_pairs, columns)
            return 0
        self.rows = <risk_row **>more_room(self.rows, self.row_pairs.count, each, &self.row_room)
        self.columns = <risk_column **>more_room(self.columns, self.column_pairs.count,
                                                 each * (FINER + 1), &self.column_room)
        if self.rows == NULL or self.columns == NULL:
            raise MemoryError
        return 1

    cdef risk_row *row_of(self, Py_ssize_t number, Py_ssize_t j) noexcept nogil:
        cdef risk_row *g = self.rows[number * self.studies + j]
        cdef const double *key = &self.row_pairs.key[2 * number]
        if g == NULL:
            g = <risk_row *>calloc(1, sizeof(risk_row))
            if g != NULL:
                make_row(&self.study[j], self.rules, key[0], key[1], g)
                self.bytes += sizeof(risk_row) + 8.0 * g.count * (STENCIL + 2 if g.narrow else 1)
                self.rows[number * self.studies + j] = g
        return g

    cdef risk_column *column_of(self, Py_ssize_t number, Py_ssize_t j, int finer,
                                bint moments) noexcept nogil:
        cdef Py_ssize_t at = (number * self.studies + j) * (FINER + 1) + finer
        cdef risk_column *v = self.columns[at]
        cdef const double *key = &self.column_pairs.key[2 * number]
        if v != NULL and not (moments and v.mean == NULL and v.count > 0):
            return v
        if v == NULL:
            v = <risk_column *>calloc(1, sizeof(risk_column))
            self.columns[at] = v
        else:
            free(v.values)
            free(v.logs)
        if v != NULL:
            make_column(&self.study[j], self.rules, self.study[j].level + finer, key[0], key[1],
                        moments, v)
            self.bytes += sizeof(risk_column) + (40.0 if moments else 24.0) * v.count
        return v

    cdef double one(self, Py_ssize_t j, Py_ssize_t g_number, Py_ssize_t v_number, const double *x,
                    double *moments) noexcept nogil:
        """A study's log likelihood; its effect's moments too, unless they are NULL."""
        cdef risk_row *g
        cdef risk_column *v
        cdef crossed found
        cdef count[2] arm
        cdef arms_law law
        cdef arms_found whole
        cdef double sign, by
        if g_number >= 0 and x[1] <= MOST_SPREAD and x[3] <= MOST_SPREAD:
            g = self.row_of(g_number, j)
            v = self.column_of(v_number, j, g.finer,
                               moments != NULL) if g != NULL and g.count > 0 else NULL
            if v != NULL and v.count > 0 and cross(g, v, moments != NULL, &found):
                self.crossed += 1
                if moments != NULL:
                    moments[0], moments[1] = found.mean, found.square - found.mean * found.mean
                return v.log_scale + log(found.sum)
        self.alone += 1
        arms_of(&self.data[0, 0], self.studies, j, arm)
        two_arms_law(arm, self.first, x, &law, &whole)
        if moments != NULL:
            sign, by = 1.0 if law.outer == 1 else -1.0, exp(-fmax(x[1], -300.0))
            moments[0] = sign * (law.less * whole.w + whole.r) * by
            moments[1] = (law.less * (law.less * whole.var_w + 2.0 * whole.cov)
                          + whole.var_r) * by * by
        return whole.log_integral

    cdef bint evaluate(self, const double[:, ::1] points, const double *times, double[::1] found):
        """The log likelihood at points (n, 4), unless there is too little to share.

        ``times`` says of how many studies each is. What sums round off is kept (Neumaier 1974).
        """
        cdef Py_ssize_t n = points.shape[0], i, j
        which, beside = np.empty((2, n), dtype=np.intp)
        cdef Py_ssize_t[::1] g = which, v = beside
        cdef double value, rest, one, total
        if not self.prepare(points, g, v):
            return False
        for i in range(n):
            value = rest = 0.0
            for j in range(self.studies):
                one = times[j] * self.one(j, g[i], v[i], &points[i, 0], NULL)
                total = value + one
                if fabs(total) < INFINITY:
                    rest += ((value - total) + one if fabs(value) >= fabs(one)
                             else (one - total) + value)
                value = total
            found[i] = value + rest
        return True

    def of_study(self, Py_ssize_t j, const double[:, ::1] points):
        """The log likelihood of one study at points (n, 4)."""
        cdef Py_ssize_t n = points.shape[0], i
        which, beside = np.full((2, n), -1, dtype=np.intp)
        cdef Py_ssize_t[::1] g = which, v = beside
        if not self.prepare(points, g, v):
            which[:] = -1
        out = np.empty(n)
        cdef double[::1] found = out
        for i in range(n):
            found[i] = self.one(j, g[i], v[i], &points[i, 0], NULL)
        return out

    def laws(self, const double[:, ::1] points):
        """Log probabilities, means and variances of log odds ratios, (3, studies, n).

        Means are of the distance from mu, both by tau.
        """
        cdef Py_ssize_t n = points.shape[0], i, j
        which, beside = np.full((2, n), -1, dtype=np.intp)
        cdef Py_ssize_t[::1] g = which, v = beside
        if not self.prepare(points, g, v):
            which[:] = -1
        out = np.empty((3, self.studies, n))
        cdef double[:, :, ::1] found = out
        cdef double[2] moments
        for i in range(n):
            for j in range(self.studies):
                found[0, j, i] = self.one(j, g[i], v[i], &points[i, 0], moments)
                found[1, j, i], found[2, j, i] = moments[0], moments[1]
        return out

