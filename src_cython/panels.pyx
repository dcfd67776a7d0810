"""A log density on panels, each with the values at the nodes of one rule (quadrature/panels.py).

``split`` decides which panels are resolved: where a polynomial carries the log density and exp of it
does not change too much for the rule. A panel that is only too steep is halved here, its halves'
values by its polynomial; one that no polynomial carries is handed back as two halves, which only the
caller can evaluate; one without mass is dropped. ``quantiles`` inverts the distribution function: the
panel by the mass outside it, then Newton's method on the log of the mass, integrated by the same rule
over part of a panel.
"""
from libc.math cimport INFINITY, NAN, exp, fabs, log, sqrt
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np


cdef enum:
    ORDER = 16  # nodes a panel
    MOST_ROWS = 8
    DEEPEST = 12  # halvings of a panel by its polynomial


cdef double FORCED = 8.0  # times its last coefficients is a panel's error that may hold a pole
cdef double PEAKED = 0.75  # of the falls to both ends, which together make a panel too steep
cdef double BESIDE = 15.0  # panels so little below the least are kept, if polynomials carry them


cdef struct Store:  # panels: start, length, error, then ORDER values of each row
    Py_ssize_t size, room, rows
    double *data
    bint full


cdef struct Rule:
    const double *coefficients  # from values to Chebyshev coefficients
    const double *left  # from values to those at the left half's nodes
    const double *right
    const double *outer  # from values to those next to both ends
    double least  # panels that are below it hold no mass
    double least_tilted  # and are not needed for moments below this, with ``tilt`` times x added
    double least_once  # nor, with x added once, for the first of two moments below this
    double tilt
    double change  # the most that the log density may change within a panel


cdef struct Parent:  # what a panel's values are of
    double size  # of the values: it says how they are rounded
    double error  # of the polynomial that they come from
    double loose  # how rough the panel may be


cdef double *push(Store *store, double start, double length, double error) noexcept nogil:
    """Room for one more panel's values; NULL without memory."""
    cdef Py_ssize_t width = 3 + store.rows * ORDER
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
    data[0], data[1], data[2] = start, length, error
    return data + 3


cdef void apply(const double *matrix, const double *values, double *out) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(ORDER):
        out[i] = 0.0
        for j in range(ORDER):
            out[i] += matrix[i * ORDER + j] * values[j]


cdef double last_terms(const Rule *rule, const double *values) noexcept nogil:
    """The largest of the last coefficients of the polynomial; inf where there is none."""
    cdef double[ORDER] series
    cdef double last = 0.0
    cdef Py_ssize_t i
    apply(rule.coefficients, values, series)
    for i in range(ORDER):
        if not fabs(series[i]) < INFINITY:
            return INFINITY
    for i in range(ORDER - 3, ORDER):
        last = max(last, fabs(series[i]))
    return last


cdef double off_at_ends(const Rule *rule, const double *values, const double *at_ends) noexcept nogil:
    """How far the polynomial is from two values next to a panel's ends."""
    cdef double off = 0.0, value
    cdef Py_ssize_t i, j
    for i in range(2):
        value = 0.0
        for j in range(ORDER):
            value += rule.outer[i * ORDER + j] * values[j]
        value = fabs(value - at_ends[i])
        off = max(off, value if value == value else INFINITY)
    return 0.25 * off  # to the coefficients' measure: rounding adds up at the ends


cdef void sort_out(Store *resolved, Store *rough, const Rule *rule, double start, double length,
                   const double *values, const double *at_ends, Parent parent,
                   int depth) noexcept nogil:
    """Keep a panel, halve it by its polynomial, have it evaluated anew, or drop it."""
    cdef double[MOST_ROWS * ORDER] half
    cdef double low = INFINITY, high = -INFINITY, rise = 0.0, steepness, own, last, allowed, fall
    cdef double *room
    cdef bint evaluated = depth == DEEPEST
    cdef Py_ssize_t i, top = 0
    for i in range(ORDER):
        if fabs(values[i]) < INFINITY:
            low = min(low, values[i])
            if values[i] > high:
                high, top = values[i], i
    # Beside the highest node there may be more than at it.
    if top > 0 and fabs(values[top - 1]) < INFINITY:
        rise = high - values[top - 1]
    if top < ORDER - 1 and fabs(values[top + 1]) < INFINITY:
        rise = max(rise, high - values[top + 1])
    if not (high + rise > rule.least
            or high + rise + rule.tilt * (start + length) > rule.least_tilted
            or high + rise + start + length > rule.least_once):
        if high > rule.least - BESIDE and last_terms(rule, values) < 1e-6:
            room = push(resolved, start, length, 0.0)  # quantiles far out begin there
            if room != NULL:
                memcpy(room, values, resolved.rows * ORDER * sizeof(double))
        return
    # A panel with a peak amid it has its moments from both flanks: e^8 on each puts a sd 5e-9 off.
    fall = max(high - low, PEAKED * (2.0 * high - values[0] - values[ORDER - 1]))
    steepness = (high - low) / length * (fabs(start) + length)
    own = max(fabs(low), fabs(high))
    if evaluated:
        parent.size = own
    # What is rounding: of the log density itself, and of where the nodes are times its slope.
    allowed = max(1e-13 + min(4e-15 * own, 2e-12) + 1e-15 * steepness, parent.loose)
    last = last_terms(rule, values)
    if evaluated and at_ends != NULL:
        # Beyond the outer nodes there may be a kink or a step that they do not see.
        last = max(last, off_at_ends(rule, values, at_ends))
    if evaluated:
        parent.error = last
    if parent.size > 100.0 + 4.0 * own or not last <= allowed:
        if evaluated:
            push(rough, start, 0.5 * length, last)
            push(rough, start + 0.5 * length, 0.5 * length, last)
        else:
            push(rough, start, length, last)
    elif fall <= rule.change + 2.0 * parent.loose:  # what is rounding no halving takes away
        last = max(last, parent.error)
        if parent.loose == INFINITY or (length < 1e-6 and last > 1e-6):
            last *= FORCED
        room = push(resolved, start, length, last)
        if room != NULL:
            memcpy(room, values, resolved.rows * ORDER * sizeof(double))
    elif depth == 0:
        push(rough, start, length, last)
    else:
        for i in range(resolved.rows):
            apply(rule.left, values + i * ORDER, &half[i * ORDER])
        sort_out(resolved, rough, rule, start, 0.5 * length, half, NULL, parent, depth - 1)
        for i in range(resolved.rows):
            apply(rule.right, values + i * ORDER, &half[i * ORDER])
        sort_out(resolved, rough, rule, start + 0.5 * length, 0.5 * length, half, NULL, parent,
                 depth - 1)


cdef tuple arrays(Store *store):
    """Start, length, error and values of the panels in a store, which is given back."""
    cdef Py_ssize_t i, j, width = 3 + store.rows * ORDER
    cdef double *data = store.data
    if store.full:
        free(data)
        raise MemoryError("no room for the panels")
    start, length, error = np.empty(store.size), np.empty(store.size), np.empty(store.size)
    values = np.empty((store.rows, store.size, ORDER))
    cdef double[::1] starts = start, lengths = length, errors = error
    cdef double[:, :, ::1] out = values
    for i in range(store.size):
        starts[i], lengths[i], errors[i] = data[i * width], data[i * width + 1], data[i * width + 2]
        for j in range(store.rows):
            memcpy(&out[j, i, 0], data + i * width + 3 + j * ORDER, ORDER * sizeof(double))
    free(data)
    return start, length, error, values


def split(const double[::1] start, const double[::1] length, const double[:, :, ::1] values,
          const double[:, ::1] at_ends, const double[::1] loose,
          double least, double least_tilted, double least_once, double tilt, double change,
          const double[:, ::1] coefficients, const double[:, ::1] left,
          const double[:, ::1] right, const double[:, ::1] outer):
    """Take resolved panels from those that are not, and drop those without mass.

    Parameters
    ----------
    start, length : in, shape (panels,)
    values : in, shape (rows, panels, ORDER)
        The log density first; at most MOST_ROWS rows.
    at_ends : in, shape (panels, 2) or (0, 2)
        The log density next to both ends of each panel; empty where it is known to be smooth.
    loose : in, shape (panels,)
        How large the last coefficients of a panel may be, where that is more than rounding explains;
        inf takes it as it is.
    least, least_tilted, least_once, tilt, change : floats
        Panels below ``least`` are dropped, if with ``tilt`` times the coordinate added they are
        below ``least_tilted``, and with it added once below ``least_once``; the most that a log
        density may change within one.
    coefficients, left, right : in, shape (ORDER, ORDER)
        From values to Chebyshev coefficients, and to values at the nodes of each half.
    outer : in, shape (2, ORDER)
        From values to those next to both ends.

    Returns
    -------
    start, length, error, values : ndarrays
        Of the resolved panels; ``error`` is about that of the log density within each.
    rough : (ndarray, ndarray, ndarray)
        Start, length and error of panels to be evaluated.
    """
    cdef Store resolved = Store(0, 0, values.shape[0], NULL, False)
    cdef Store rough = Store(0, 0, 0, NULL, False)
    cdef Rule rule = Rule(&coefficients[0, 0], &left[0, 0], &right[0, 0], &outer[0, 0],
                          least, least_tilted, least_once, tilt, change)
    cdef bint checked = at_ends.shape[0] > 0
    cdef double[MOST_ROWS * ORDER] panel
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(start.shape[0]):
            for j in range(resolved.rows):
                memcpy(&panel[j * ORDER], &values[j, i, 0], ORDER * sizeof(double))
            sort_out(&resolved, &rough, &rule, start[i], length[i], panel,
                     &at_ends[i, 0] if checked else NULL, Parent(0.0, 0.0, loose[i]), DEEPEST)
    again = arrays(&rough)[:3]
    return *arrays(&resolved), again


def survey(const double[:, :, ::1] values, const double[::1] start, double tilt):
    """The highest log density; the highest with ``tilt`` times a panel's start added, and with it
    added once; whether all are finite."""
    cdef double best = -INFINITY, tilted = -INFINITY, once = -INFINITY, high
    cdef Py_ssize_t i, j
    cdef bint finite = True
    with nogil:
        for i in range(start.shape[0]):
            high = -INFINITY
            for j in range(ORDER):
                high = max(high, values[0, i, j])
                finite = finite and fabs(values[0, i, j]) < INFINITY
            best, tilted = max(best, high), max(tilted, high + tilt * start[i])
            once = max(once, high + start[i])
    return best, tilted, once, finite


def account(const double[::1] length, const double[::1] error, const double[:, :, ::1] values,
            const double[::1] weights, double best):
    """The integral over panels, relative to the density at its highest, and what is lost of it.

    Parameters
    ----------
    length, error : in, shape (panels,)
    values : in, shape (rows, panels, ORDER)
    weights : in, shape (ORDER,)
    best : float

    Returns
    -------
    shares : ndarray, shape (panels, ORDER)
        The nodes' parts of the integral.
    total, lost : float
        ``lost`` is the root of the sum of squares of the panels' masses times their errors.
    worst : int
        The panel that most of it comes from.
    """
    cdef Py_ssize_t i, j, worst = 0
    cdef double total = 0.0, lost = 0.0, most = -1.0, mass, part
    shares = np.empty((length.shape[0], ORDER))
    cdef double[:, ::1] out = shares
    with nogil:
        for i in range(length.shape[0]):
            mass = 0.0
            for j in range(ORDER):
                out[i, j] = exp(values[0, i, j] - best) * 0.5 * length[i] * weights[j]
                mass += out[i, j]
            total += mass
            part = mass * min(error[i], 1.0)
            lost += part * part
            if part > most:
                most, worst = part, i
    return shares, total, sqrt(lost), worst


def steps(const double[::1] weight, const double[:, :] mean, const double[:, :] sd, double least):
    """How far components at nodes are from the next at most, in their sds, shape (mixtures,).

    Between two with weights above ``least``, both of one panel, of which the first may be cut.

    Parameters
    ----------
    weight : in, shape (nodes,)
    mean, sd : in, shape (mixtures, nodes)
    least : float
    """
    found = np.zeros(mean.shape[0])
    cdef double[::1] out = found
    cdef Py_ssize_t i, j, last = weight.shape[0] - 1
    with nogil:
        for i in range(mean.shape[0]):
            for j in range(last):
                if weight[j] > least and weight[j + 1] > least and (last - j) % ORDER != 0:
                    out[i] = max(out[i], fabs(mean[i, j + 1] - mean[i, j])
                                 / min(sd[i, j], sd[i, j + 1]))
    return found


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


cdef double point_with(double q, bint upper, const double *outer, Py_ssize_t panels, const double *start,
                       const double *length, const double *values, double log_scale,
                       const double *nodes, const double *weights,
                       const double *coefficients) noexcept nogil:
    """The point with mass q below (above) it; NaN where it lies on no panel."""
    cdef double[ORDER] series
    cdef double edge = 1.0 if upper else -1.0
    cdef double base, rest, mass, x, low = -1.0, high = 1.0, step, half
    cdef Py_ssize_t k, panel = 0
    if not q > 0.0:
        return NAN
    if upper:
        while panel < panels and outer[panel + 1] > q:
            panel += 1
        if panel == panels or not q < outer[panel]:
            return NAN
        base, rest = outer[panel + 1], outer[panel]
    else:
        while panel < panels and outer[panel + 1] <= q:
            panel += 1
        if panel == panels or not q >= outer[panel]:
            return NAN
        base, rest = outer[panel], outer[panel + 1]
    apply(coefficients, values + panel * ORDER, series)
    half = 0.5 * length[panel]
    if base > 0.0:
        x = edge - 2.0 * edge * log(q / base) / log(rest / base)
    else:
        x = edge - 2.0 * edge * q / rest
    for k in range(100):  # Newton's method on the log of the mass, inside a bracket
        mass = base + half * part_of_panel(series, log_scale, edge, x, nodes, weights)
        step = (log(mass) - log(q)) * mass / (half * exp(sum_of_chebyshev(series, x) - log_scale))
        if (step > 0.0) != upper:
            high = x
        else:
            low = x
        if upper:
            step = -step
        if low <= x - step <= high:
            x = x - step
            # The next step would be about the square of this one, in panels' lengths; where the mass
            # is zero at the edge, of their ratios to the distance from it.
            if fabs(step) <= 1e-8 * (1.0 if base > 0.0 else fabs(x - edge)):
                break
        else:
            x = 0.5 * (low + high)
            if high - low <= 1e-15:
                break
    return start[panel] + half * (x + 1.0)


def quantiles(const double[::1] q, bint upper, const double[::1] outer, const Py_ssize_t[::1] first,
              const double[::1] start, const double[::1] length, const double[:, ::1] values,
              double log_scale, const double[::1] nodes, const double[::1] weights,
              const double[:, ::1] coefficients):
    """The points of every density with mass q below (above, if ``upper``) them, shape (densities, q).

    NaN where they lie on no panel.

    Parameters
    ----------
    outer : in, shape (panels + densities,)
        The mass below (above) the ends of each density's panels.
    first : in, shape (densities + 1,)
        Where each density's panels begin, and where the last one's end.
    start, length, values : in, of the panels
        ``values`` are of the log density, shape (panels, ORDER).
    nodes, weights, coefficients : in
        The rule on [-1, 1]; the matrix from values to Chebyshev coefficients.
    """
    cdef Py_ssize_t i, j, at
    found = np.empty((first.shape[0] - 1, q.shape[0]))
    cdef double[:, ::1] out = found
    with nogil:
        for j in range(out.shape[0]):
            at = first[j]
            for i in range(q.shape[0]):
                out[j, i] = point_with(q[i], upper, &outer[at + j], first[j + 1] - at, &start[at],
                                       &length[at], &values[at, 0], log_scale, &nodes[0],
                                       &weights[0], &coefficients[0, 0])
    return found
