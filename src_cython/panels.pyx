"""A log density on panels, each with the values at the nodes of one rule (quadrature/panels.py).

``split`` decides which panels are resolved: where a polynomial carries the log density and exp of it
does not change too much for the rule. A panel that is only too steep is halved here, its halves'
values by its polynomial; one that no polynomial carries is handed back as two halves, which only the
caller can evaluate. ``quantiles`` inverts the distribution function: the panel by the mass outside
it, then Newton's method on the log of the mass, integrated by the same rule over part of a panel.
"""
from libc.math cimport INFINITY, NAN, exp, fabs, log
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np


cdef enum:
    ORDER = 16  # nodes a panel
    MOST_ROWS = 8
    DEEPEST = 12  # halvings of a panel by its polynomial


cdef struct Store:  # panels: start, length, then ORDER values of each row
    Py_ssize_t size, room, rows
    double *data
    bint full


cdef struct Rule:
    const double *coefficients  # from values to Chebyshev coefficients
    const double *left  # from values to those at the left half's nodes
    const double *right
    double least  # panels that are below it are not looked at
    double change  # the most that the log density may change within a panel


cdef double *push(Store *store, double start, double length) noexcept nogil:
    """Room for one more panel's values; NULL without memory."""
    cdef Py_ssize_t width = 2 + store.rows * ORDER
    cdef double *data
    if store.size == store.room:
        store.room = 2 * store.room + 64
        data = <double *>realloc(store.data, store.room * width * sizeof(double))
        if data == NULL:
            store.full = True
            return NULL
        store.data = data
    data = store.data + store.size * width
    store.size += 1
    data[0], data[1] = start, length
    return data + 2


cdef void apply(const double *matrix, const double *values, double *out) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(ORDER):
        out[i] = 0.0
        for j in range(ORDER):
            out[i] += matrix[i * ORDER + j] * values[j]


cdef bint is_smooth(const Rule *rule, const double *values, double steepness) noexcept nogil:
    """Whether a polynomial carries the log density: its last coefficients are rounding.

    That is of the log density itself and of where the nodes are, times how much that changes it.
    """
    cdef double[ORDER] series
    cdef double size = 1.0, last = 0.0
    cdef Py_ssize_t i
    apply(rule.coefficients, values, series)
    for i in range(ORDER):
        size = max(size, fabs(series[i]))
        if not fabs(series[i]) < INFINITY:
            return False
    for i in range(ORDER - 3, ORDER):
        last = max(last, fabs(series[i]))
    return last <= 1e-13 * size + 1e-15 * steepness


cdef void sort_out(Store *resolved, Store *rough, const Rule *rule, double start, double length,
                   const double *values, double size, int depth) noexcept nogil:
    """Keep a panel, halve it by its polynomial, or have it evaluated anew.

    ``size`` is that of the values its own come from: it says how they are rounded.
    """
    cdef double[MOST_ROWS * ORDER] half
    cdef double low = values[0], high = values[0], steepness, own
    cdef double *room
    cdef bint evaluated = depth == DEEPEST, alive = True
    cdef Py_ssize_t i
    for i in range(ORDER):
        low, high = min(low, values[i]), max(high, values[i])
        alive = alive and values[i] == values[i]  # what is no number is left as it is
    alive = alive and high > rule.least
    steepness = (high - low) / length * (fabs(start) + length)
    own = max(1.0, max(fabs(low), fabs(high)))
    if evaluated:
        size = own
    # Of 250 times its size, rounding is 1e-13 of its own.
    if alive and (size > 250.0 * own or not is_smooth(rule, values, steepness)):
        if evaluated:
            push(rough, start, 0.5 * length)
            push(rough, start + 0.5 * length, 0.5 * length)
        else:
            push(rough, start, length)
    elif not alive or high - low <= rule.change:
        room = push(resolved, start, length)
        if room != NULL:
            memcpy(room, values, resolved.rows * ORDER * sizeof(double))
    elif depth == 0:
        push(rough, start, length)
    else:
        for i in range(resolved.rows):
            apply(rule.left, values + i * ORDER, &half[i * ORDER])
        sort_out(resolved, rough, rule, start, 0.5 * length, half, size, depth - 1)
        for i in range(resolved.rows):
            apply(rule.right, values + i * ORDER, &half[i * ORDER])
        sort_out(resolved, rough, rule, start + 0.5 * length, 0.5 * length, half, size, depth - 1)


cdef tuple arrays(Store *store):
    """Start, length and values of the panels in a store, which is given back."""
    cdef Py_ssize_t i, j, width = 2 + store.rows * ORDER
    cdef double *data = store.data
    if store.full:
        free(data)
        raise MemoryError("no room for the panels")
    start, length = np.empty(store.size), np.empty(store.size)
    values = np.empty((store.rows, store.size, ORDER))
    cdef double[::1] starts = start, lengths = length
    cdef double[:, :, ::1] out = values
    for i in range(store.size):
        starts[i], lengths[i] = data[i * width], data[i * width + 1]
        for j in range(store.rows):
            memcpy(&out[j, i, 0], data + i * width + 2 + j * ORDER, ORDER * sizeof(double))
    free(data)
    return start, length, values


def split(const double[::1] start, const double[::1] length, const double[:, :, ::1] values,
          double least, double change, const double[:, ::1] coefficients,
          const double[:, ::1] left, const double[:, ::1] right):
    """Take resolved panels from those that are not.

    Parameters
    ----------
    start, length : in, shape (panels,)
    values : in, shape (rows, panels, ORDER)
        The log density first; at most MOST_ROWS rows.
    least, change : floats
        Panels below ``least`` hold no mass; the most that a log density may change within one.
    coefficients, left, right : in, shape (ORDER, ORDER)
        From values to Chebyshev coefficients, and to values at the nodes of each half.

    Returns
    -------
    start, length, values : ndarrays
        Of the resolved panels, as the arguments of these names.
    rough : (ndarray, ndarray)
        Start and length of panels to be evaluated.
    """
    cdef Store resolved = Store(0, 0, values.shape[0], NULL, False)
    cdef Store rough = Store(0, 0, 0, NULL, False)
    cdef Rule rule = Rule(&coefficients[0, 0], &left[0, 0], &right[0, 0], least, change)
    cdef double[MOST_ROWS * ORDER] panel
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(start.shape[0]):
            for j in range(resolved.rows):
                memcpy(&panel[j * ORDER], &values[j, i, 0], ORDER * sizeof(double))
            sort_out(&resolved, &rough, &rule, start[i], length[i], panel, 0.0,
                     DEEPEST)
    again = arrays(&rough)[:2]
    return *arrays(&resolved), again


# --- Quantiles ------------------------------------------------------------------------------------

cdef double sum_of_chebyshev(const double *coefficients, double x) noexcept nogil:
    """Clenshaw's recurrence."""
    cdef double here = 0.0, before = 0.0, swap
    cdef int i
    for i in range(ORDER - 1, 0, -1):
        swap = here
        here = 2.0 * x * here - before + coefficients[i]
        before = swap
    return x * here - before + coefficients[0]


cdef double part_of_panel(const double *coefficients, double log_scale, double edge, double x,
                          const double *nodes, const double *weights) noexcept nogil:
    """Integrate exp(polynomial - log_scale) from an edge (-1 or 1) of the panel to x, above 0."""
    cdef double half = 0.5 * (x - edge), total = 0.0
    cdef int i
    for i in range(ORDER):
        total += weights[i] * exp(
            sum_of_chebyshev(coefficients, edge + half * (nodes[i] + 1.0)) - log_scale)
    return fabs(half) * total


def quantiles(const double[::1] q, bint upper, const double[::1] outer,
              const double[::1] start, const double[::1] length, const double[:, ::1] values,
              double log_scale, const double[::1] nodes, const double[::1] weights,
              const double[:, ::1] coefficients):
    """The points with mass q below (above, if ``upper``) them; NaN where they lie on no panel.

    Parameters
    ----------
    outer : in, shape (panels + 1,)
        The mass below (above) the ends of all panels.
    start, length, values : in, of the panels
        ``values`` are of the log density, shape (panels, ORDER).
    nodes, weights, coefficients : in
        The rule on [-1, 1]; the matrix from values to Chebyshev coefficients.
    """
    found = np.full(q.shape[0], NAN)
    cdef double[::1] out = found
    cdef double[ORDER] series
    cdef Py_ssize_t i, j, k, panel, panels = start.shape[0]
    cdef double edge = 1.0 if upper else -1.0
    cdef double base, rest, mass, x, low, high, step, half
    with nogil:
        for i in range(q.shape[0]):
            if not q[i] > 0.0:
                continue
            panel = 0
            if upper:
                while panel < panels and outer[panel + 1] > q[i]:
                    panel += 1
                if panel == panels or not q[i] < outer[panel]:
                    continue
                base, rest = outer[panel + 1], outer[panel]
            else:
                while panel < panels and outer[panel + 1] <= q[i]:
                    panel += 1
                if panel == panels or not q[i] >= outer[panel]:
                    continue
                base, rest = outer[panel], outer[panel + 1]
            for j in range(ORDER):
                series[j] = 0.0
                for k in range(ORDER):
                    series[j] += coefficients[j, k] * values[panel, k]
            half = 0.5 * length[panel]
            if base > 0.0:
                x = edge - 2.0 * edge * log(q[i] / base) / log(rest / base)
            else:
                x = edge - 2.0 * edge * q[i] / rest
            low, high = -1.0, 1.0
            for k in range(100):  # Newton's method on the log of the mass, inside a bracket
                mass = base + half * part_of_panel(&series[0], log_scale, edge, x, &nodes[0],
                                                   &weights[0])
                step = (log(mass) - log(q[i])) * mass \
                    / (half * exp(sum_of_chebyshev(&series[0], x) - log_scale))
                if (step > 0.0) != upper:
                    high = x
                else:
                    low = x
                if upper:
                    step = -step
                if low <= x - step <= high:
                    x = x - step
                    # The next step would be about the square of this one; where the mass is zero at
                    # the edge, of their ratios to the distance from it.
                    if fabs(step) * half <= 1e-8 * (1.0 if base > 0.0 else fabs(x - edge)):
                        break
                else:
                    x = 0.5 * (low + high)
                    if high - low <= 1e-15:
                        break
            out[i] = start[panel] + half * (x + 1.0)
    return found
