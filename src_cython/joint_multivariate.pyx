"""Several outcomes a group: joint and marginal log densities with gradients.

y_j ~ N(theta_j, V_j) over the outcomes that a group has, theta_j ~ N(B x_j, L L'). Coordinates are
(B outcome by outcome, log tau of every outcome, atanh of partial correlations, the effects group by
group), of which a group's effects are

- centred: theta_j;
- non-centred: z_j, theta_j = B x_j + L z_j.

With R_j'R_j = V_j^-1, g = R'R (y - theta), and M = dlogp / dL:

    non-centred   in z: L'g - z; in B: g x'; M = g z'
    centred       with z = L^-1 (theta - B x), h = L^-T z:
                  in theta: g - h; in B: h x'; M = h z', and -1 / L_ii for the determinant
    marginal      with C = V + LL', g = C^-1 (y - B x): in B: g x'; M = (g g' - C^-1) L

Of M the lower triangle counts. L_ik = tau_i r_ik prod_{m < k} sqrt(1 - r_im^2), r = tanh of the
coordinate, so in log tau_i it is sum_k M_ik L_ik, and in the coordinate of r_im

    M_im L_im' - r_im sum_{k > m} M_ik L_ik,   L_im' = tau_i (1 - r_im^2) prod_{n < m} sqrt(1 - r_in^2).
"""
from libc.math cimport log, sqrt, tanh
from libc.string cimport memset

from pyhier.kernels.hyperpriors cimport Hyper, WithHyperpriors, hyperpriors
from pyhier.kernels.multivariate cimport MOST, factor, sech

cdef double EPSILON = 2.3e-16


cdef struct Several:
    Py_ssize_t groups, q, p, pairs
    const double *y       # (groups, q); NaN where a group lacks an outcome, of the marginal density
    const double *x       # (groups, p)
    const double *spread  # (groups, q, q): R, or V of the marginal density
    const double *power   # (pairs,): of 1 - r^2 in the prior density of the atanh of r
    Hyper *hyper


cdef inline void means(const Several *s, Py_ssize_t j, const double *b, double *mean) noexcept nogil:
    """B x_j."""
    cdef Py_ssize_t i, c
    for i in range(s.q):
        mean[i] = 0.0
        for c in range(s.p):
            mean[i] += b[i * s.p + c] * s.x[j * s.p + c]


cdef inline void of_b(const Several *s, Py_ssize_t j, const double *pull, double *gradient) noexcept nogil:
    cdef Py_ssize_t i, c
    for i in range(s.q):
        for c in range(s.p):
            gradient[i * s.p + c] += pull[i] * s.x[j * s.p + c]


cdef inline void outer(Py_ssize_t q, const double *a, const double *b,
                       double[MOST][MOST] m) noexcept nogil:
    """The lower triangle of a b' added."""
    cdef Py_ssize_t i, k
    for i in range(q):
        for k in range(i + 1):
            m[i][k] += a[i] * b[k]


cdef void of_factor(Py_ssize_t q, double[MOST][MOST] l, double[MOST][MOST] m, const double *z,
                    double *of_tau, double *of_z) noexcept nogil:
    """The slopes in log tau and the atanh of partial correlations, by those in L."""
    cdef double left, past, s
    cdef Py_ssize_t i, k, n, at = 0
    for i in range(q):
        of_tau[i] = 0.0
        for k in range(i + 1):
            of_tau[i] += m[i][k] * l[i][k]
        left = l[i][i]
        for k in range(i):
            left /= sech(z[at + k])
        past = of_tau[i]
        for k in range(i):
            past -= m[i][k] * l[i][k]
            s = sech(z[at])
            of_z[at] = m[i][k] * left * s * s - tanh(z[at]) * past
            left *= s
            at += 1


cdef inline double of_data(const Several *s, Py_ssize_t j, const double *theta,
                           double *pull) noexcept nogil:
    """Log likelihood of a group given its effects, and its slopes in them."""
    cdef const double *root = s.spread + j * s.q * s.q
    cdef double value = 0.0, w
    cdef Py_ssize_t i, k
    for i in range(s.q):
        pull[i] = 0.0
    for i in range(s.q):
        w = 0.0
        for k in range(s.q):
            w += root[i * s.q + k] * (s.y[j * s.q + k] - theta[k])
        value -= 0.5 * w * w
        for k in range(s.q):
            pull[k] += w * root[i * s.q + k]
    return value


cdef double finish(const Several *s, double[MOST][MOST] l, double[MOST][MOST] m, const double *x,
                   double *gradient) noexcept nogil:
    """The slopes in L turned into those of its coordinates; the priors."""
    cdef Py_ssize_t at = s.p * s.q + s.q, k
    cdef const double *z = x + at
    cdef double value
    of_factor(s.q, l, m, z, gradient + s.p * s.q, gradient + at)
    value = hyperpriors(s.hyper, x, gradient)
    if s.hyper.whole == NULL:
        for k in range(s.pairs):
            value += 2.0 * s.power[k] * log(sech(z[k]))
            gradient[at + k] -= 2.0 * s.power[k] * tanh(z[k])
    return value


# --- The joint densities --------------------------------------------------------------------------

cdef double noncentred(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Several *s = <Several *>data
    cdef Py_ssize_t q = s.q, full = s.p * s.q, from_here = full + q + s.pairs, i, j, k
    cdef double[MOST][MOST] l, m
    cdef double[MOST] theta, pull
    cdef const double *z
    cdef double value = 0.0
    factor(q, x + full, x + full + q, l)
    memset(gradient, 0, full * sizeof(double))
    memset(m, 0, sizeof(m))
    for j in range(s.groups):
        z = x + from_here + j * q
        means(s, j, x, theta)
        for i in range(q):
            for k in range(i + 1):
                theta[i] += l[i][k] * z[k]
        value += of_data(s, j, theta, pull)
        of_b(s, j, pull, gradient)
        outer(q, pull, z, m)
        for k in range(q):
            value -= 0.5 * z[k] * z[k]
            gradient[from_here + j * q + k] = -z[k]
            for i in range(k, q):
                gradient[from_here + j * q + k] += l[i][k] * pull[i]
    return value + finish(s, l, m, x, gradient)


cdef double centred(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Several *s = <Several *>data
    cdef Py_ssize_t q = s.q, full = s.p * s.q, from_here = full + q + s.pairs, i, j, k
    cdef double[MOST][MOST] l, m
    cdef double[MOST] z, h
    cdef const double *theta
    cdef double *slopes
    cdef double value = 0.0
    factor(q, x + full, x + full + q, l)
    memset(gradient, 0, full * sizeof(double))
    memset(m, 0, sizeof(m))
    for j in range(s.groups):
        theta, slopes = x + from_here + j * q, gradient + from_here + j * q
        value += of_data(s, j, theta, slopes)
        means(s, j, x, z)
        for i in range(q):
            z[i] = theta[i] - z[i]
            for k in range(i):
                z[i] -= l[i][k] * z[k]
            z[i] /= l[i][i]
            value -= 0.5 * z[i] * z[i]
        for i in range(q - 1, -1, -1):
            h[i] = z[i]
            for k in range(i + 1, q):
                h[i] -= l[k][i] * h[k]
            h[i] /= l[i][i]
            slopes[i] -= h[i]
        of_b(s, j, h, gradient)
        outer(q, h, z, m)
    for i in range(q):
        value -= s.groups * log(l[i][i])
        m[i][i] -= s.groups / l[i][i]
    return value + finish(s, l, m, x, gradient)


# --- The effects integrated out -------------------------------------------------------------------

cdef int seen(const Several *s, Py_ssize_t j, Py_ssize_t *at) noexcept nogil:
    """Which outcomes a group has, and how many."""
    cdef Py_ssize_t k, n = 0
    for k in range(s.q):
        if s.y[j * s.q + k] == s.y[j * s.q + k]:
            at[n] = k
            n += 1
    return <int>n


cdef double inverse_root(Py_ssize_t n, double[MOST][MOST] a, double[MOST][MOST] t) noexcept nogil:
    """The inverse T of the Cholesky factor of A, which is lost; A's determinant."""
    cdef double product = 1.0, pivot
    cdef Py_ssize_t i, k, c
    for i in range(n):
        pivot = a[i][i]
        for k in range(i):
            for c in range(k):
                a[i][k] -= a[i][c] * a[k][c]
            a[i][k] /= a[k][k]
            pivot -= a[i][k] * a[i][k]
        pivot = max(pivot, EPSILON * a[i][i])
        product *= pivot
        a[i][i] = sqrt(pivot)
        t[i][i] = 1.0 / a[i][i]
        for c in range(i):
            t[i][c] = 0.0
            for k in range(c, i):
                t[i][c] -= a[i][k] * t[k][c]
            t[i][c] /= a[i][i]
    return product


cdef double marginal(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Several *s = <Several *>data
    cdef Py_ssize_t q = s.q, full = s.p * s.q, i, j, k, c, n
    cdef double[MOST][MOST] l, m, g, a, t, sigma
    cdef double[MOST] mean, w, pull
    cdef Py_ssize_t[MOST] at
    cdef double value = 0.0, each
    factor(q, x + full, x + full + q, l)
    memset(gradient, 0, full * sizeof(double))
    memset(m, 0, sizeof(m))
    memset(g, 0, sizeof(g))
    for i in range(q):
        for k in range(i + 1):
            sigma[i][k] = 0.0
            for c in range(k + 1):
                sigma[i][k] += l[i][c] * l[k][c]
    for j in range(s.groups):
        n = seen(s, j, at)
        for i in range(n):
            for k in range(i + 1):
                a[i][k] = s.spread[(j * q + at[i]) * q + at[k]] + sigma[at[i]][at[k]]
        value -= 0.5 * log(inverse_root(n, a, t))
        means(s, j, x, mean)
        memset(pull, 0, sizeof(pull))
        for i in range(n):
            w[i] = 0.0
            for k in range(i + 1):
                w[i] += t[i][k] * (s.y[j * q + at[k]] - mean[at[k]])
            value -= 0.5 * w[i] * w[i]
            for k in range(i + 1):
                pull[at[k]] += t[i][k] * w[i]
        of_b(s, j, pull, gradient)
        for i in range(n):
            for k in range(n):
                each = pull[at[i]] * pull[at[k]]
                for c in range(max(i, k), n):
                    each -= t[c][i] * t[c][k]
                g[at[i]][at[k]] += each
    for i in range(q):
        for k in range(i + 1):
            for c in range(k, q):
                m[i][k] += g[i][c] * l[c][k]
    return value + finish(s, l, m, x, gradient)


cdef class MultivariateGradient(WithHyperpriors):
    """The log density of (B, log tau, atanh of partial correlations, effects), or without these.

    Parameters
    ----------
    kind : "centred", "non-centred" or "marginal"
    y : in, shape (groups, q)
        Without an estimate anything finite, and NaN of the marginal density.
    x : in, shape (groups, p)
    spread : in, shape (groups, q, q)
        Inverses of the factors of the sampling covariances, 0 where there is no estimate; of the
        marginal density the covariances themselves.
    mean, root : in, shape (p q,) and (known, p q), of B's prior
    constant : what is added
    power : in, shape (q (q - 1) / 2,)
        Of 1 - r^2 in the prior density of every atanh, if ``priors`` is a list.
    priors : as `WithHyperpriors` takes them
    """
    cdef Several model
    cdef tuple arrays

    def __init__(self, str kind, const double[:, ::1] y, const double[:, ::1] x,
                 const double[:, :, ::1] spread, const double[::1] mean,
                 const double[:, ::1] root, double constant, const double[::1] power, priors):
        cdef Several *s = &self.model
        self.arrays = (y, x, spread, power)
        s.groups, s.q, s.p, s.pairs = y.shape[0], y.shape[1], x.shape[1], power.shape[0]
        s.y, s.x, s.spread, s.power = &y[0, 0], &x[0, 0], &spread[0, 0, 0], &power[0]
        s.hyper = &self.hyper
        self.set_priors(mean, root, constant, priors, s.q + s.pairs)
        self.ndim, self.data = <int>(s.p * s.q + s.q + s.pairs), s
        if kind == "marginal":
            self.function = marginal
            return
        self.ndim += <int>(s.groups * s.q)
        self.function = centred if kind == "centred" else noncentred
