"""The log marginal density of a regression from rows, one point at a time: for the samplers' loops.

The groups' coefficients are integrated out; the coordinates are (beta, log sigma unless it is
given, log tau of every coefficient that varies, atanh of the partial correlations). What the rows
say is what regression.pyx's ``rotate`` leaves of them (`models.row_sums`).
"""
from libc.math cimport INFINITY, NAN, exp, isnan, log
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from pyhier.kernels.density cimport LogDensity, density_t
from pyhier.kernels.multivariate cimport MOST, factor, sech

cdef extern from "regression_sums.h" nogil:
    int LANES
    void regression_sums(int q, size_t classes, size_t columns, const double *l, const double *r,
                         const double *f, const int64_t *start, const double *count,
                         double *room, double *out)


cdef enum:
    SCALES = 4  # log sds: sigma's, and those of three coefficients
    PAIRS = 6  # of a Cholesky factor of three rows


cdef struct RowsData:
    Py_ssize_t p, classes, proper
    int q
    bint posterior, correlated
    double rows, log_sigma  # NaN where it is a coordinate
    const double *r
    const double *f
    const int64_t *start
    const double *count
    const double *within  # the triangle and the squares that are left of all rows
    const double *about
    const double *inverse  # (p, p), upper triangular: gamma = inverse (beta - about)
    const double *mean
    const double *root
    double constant
    double[MOST] power
    density_t[SCALES] prior
    void *prior_data[SCALES]


cdef class RowsMarginal(LogDensity):
    """The log marginal posterior of (beta, log sigma, log tau, atanh of partial correlations).

    ``r, f, start, count`` are the groups' classes, ``within`` what is left of all rows, ``about`` and
    ``inverse`` the fit and the inverse basis of `models.row_sums.RowSums`; ``rows`` is how many there
    are. ``log_sigma`` is NaN unless sigma is given. ``mean``, (p,), and ``root``, (k, p), are of
    beta's prior; ``power`` is that of 1 - r^2 in the density of every atanh; ``priors`` has for
    sigma (unless given) and every tau None (uniform) or a compiled log density at its log.
    ``constant`` is added. Without ``posterior`` it is the likelihood, no density of the coordinates.
    """
    cdef RowsData model
    cdef object arrays

    def __init__(self, int q, bint correlated, double rows, double log_sigma, const double[:, ::1] r,
                 const double[:, :, ::1] f, const int64_t[::1] start, const double[::1] count,
                 const double[::1] within, const double[::1] about, const double[:, ::1] inverse,
                 const double[::1] mean, const double[:, ::1] root, double constant,
                 const double[::1] power, priors, bint posterior=True):
        cdef Py_ssize_t k
        cdef LogDensity prior
        self.arrays = (r, f, start, count, within, about, inverse, mean, root, tuple(priors))
        self.model.p, self.model.classes, self.model.q = about.shape[0], r.shape[0], q
        self.model.correlated, self.model.posterior = correlated, posterior
        self.model.rows, self.model.log_sigma = rows, log_sigma
        self.model.r, self.model.f = &r[0, 0], &f[0, 0, 0]
        self.model.start, self.model.count = &start[0], &count[0]
        self.model.within, self.model.about = &within[0], &about[0]
        self.model.inverse, self.model.mean = &inverse[0, 0], &mean[0]
        self.model.proper = root.shape[0]
        self.model.root = &root[0, 0] if root.shape[0] else NULL
        self.model.constant = constant
        for k in range(power.shape[0]):
            self.model.power[k] = power[k]
        for k in range(len(priors)):
            self.model.prior[k] = NULL
            prior = priors[k]
            if prior is not None:
                self.model.prior[k] = prior.reference
                self.model.prior_data[k] = prior.data
        self.ndim = <int>(about.shape[0] + len(priors) + power.shape[0])
        self.compiled = True
        self.data = &self.model
        self.reference = self.fast = rows_post


cdef double from_rows(const RowsData *model, const double *beta, double log_sigma,
                      const double *l) noexcept nogil:
    """Log |V| over sigma^2 and the squares, of all rows: half their sum is the log likelihood."""
    cdef Py_ssize_t p = model.p, width = p + 1, i, k, at = 0
    cdef size_t room_size = model.q * width * LANES, size = (1 + width * (width + 1) // 2) * LANES
    cdef Py_ssize_t pairs = model.q * (model.q + 1) // 2
    cdef double *room = <double *> malloc((room_size + size + pairs * LANES + width) * sizeof(double))
    if room == NULL:
        return NAN
    cdef double *out = room + room_size
    cdef double *lanes = out + size
    cdef double *c = lanes + pairs * LANES
    cdef double squares = 0.0, part
    for k in range(pairs):
        for i in range(LANES):
            lanes[k * LANES + i] = l[k]
    regression_sums(model.q, model.classes, width, lanes, model.r, model.f, model.start, model.count,
                    room, out)
    for i in range(p):
        c[i] = 0.0
        for k in range(i, p):
            c[i] -= model.inverse[i * p + k] * (beta[k] - model.about[k])
    c[p] = 1.0
    for i in range(width):
        for k in range(i, width):
            at += 1
            squares += (1.0 if i == k else 2.0) * c[i] * c[k] * out[at * LANES]
    at = 0
    for i in range(p):
        part = 0.0
        for k in range(i, width):
            part += model.within[at] * c[k]
            at += 1
        squares += part * part
    squares += model.within[at]
    part = out[0] + 2.0 * model.rows * log_sigma + squares * exp(-2.0 * log_sigma)
    free(room)
    return part


cdef double rows_post(int ndim, double *point, void *data) noexcept nogil:
    cdef RowsData *model = <RowsData *> data
    cdef Py_ssize_t p = model.p, q = model.q, i, k, own = 1 if isnan(model.log_sigma) else 0
    cdef double *scales = point + p
    cdef double *z = scales + own + q
    cdef double log_sigma = scales[0] if own else model.log_sigma
    cdef double[MOST][MOST] whole
    cdef double[MOST] ratio
    cdef double[PAIRS] l
    cdef double value = model.constant, total
    for k in range(q):
        ratio[k] = scales[own + k] - log_sigma
    if model.correlated:
        factor(q, ratio, z, whole)
    for i in range(q):
        for k in range(i + 1):
            if model.correlated:
                l[i * (i + 1) // 2 + k] = whole[i][k]
            else:
                l[i * (i + 1) // 2 + k] = exp(ratio[i]) if i == k else 0.0
    for k in range(own + q):
        if model.posterior:
            value += scales[k]
        if model.prior[k] != NULL:
            value += model.prior[k](1, &scales[k], model.prior_data[k])
    if model.correlated and model.posterior:
        for k in range(q * (q - 1) // 2):
            value += 2.0 * model.power[k] * log(sech(z[k]))
    for i in range(model.proper):
        total = 0.0
        for k in range(p):
            total += model.root[i * p + k] * (point[k] - model.mean[k])
        value -= 0.5 * total * total
    value -= 0.5 * from_rows(model, point, log_sigma, l)
    return -INFINITY if isnan(value) else value  # beyond a double
