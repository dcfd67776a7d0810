"""The normal model with groups within groups: joint and marginal log densities with gradients.

A node of the tree is a group of any level. Its centre c is its parent's centre + d'beta + tau z,
with d its covariates less its parent's, tau the sd of its level and z standard normal; outermost
groups have a parent of nothing. Estimates are y_j ~ N(c_j, var_j) of the finest groups. Coordinates
are (beta, log tau of every level, one a node, the outermost level first), of which a node's is

- centred: c itself;
- non-centred: z.

With l_j' = (y_j - c_j) / var_j, and the pull of a node the sum of l' of its finest groups:

    non-centred   in z: tau pull - z; in beta: sum d pull; in log tau: tau sum pull z
    centred       with e = (c - parent's c - d'beta) / tau^2:
                  in c: l' - e + the children's e; in beta: sum d e
                  in log tau: tau^2 sum e^2 - nodes of the level

The marginal density has the nodes integrated out (levels.pyx says how it adds up). With w the
precision of what a node's members say of its parent's centre and m their mean, a and v mean and
variance of the parent's centre given all data, the score is

    in log tau    tau^2 sum over nodes of (w^2 (m - a)^2 - w (1 - w v))
    in beta       sum over the finest groups of x w (m - a)

for the block of a node has 1'V^-1 (y - a) = w (m - a), and with the parent's own uncertainty
1'V^-1 1 = w - w^2 v (Woodbury).
"""
from libc.math cimport NAN, exp, log
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from pyhier.kernels.hyperpriors cimport SCALES, Hyper, WithHyperpriors, hyperpriors


cdef struct Tree:
    Py_ssize_t depth, p, nodes, finest  # the place of the first of the finest groups
    Py_ssize_t[SCALES + 1] first        # where the nodes of each level begin
    const Py_ssize_t *parent            # -1 of the outermost
    const double *apart                 # (nodes, p): covariates less the parent's
    const double *x                     # (finest groups, p)
    const double *y
    const double *weight                # 1 / variance
    Hyper *hyper


cdef inline double predictor(Py_ssize_t p, const double *row, const double *beta) noexcept nogil:
    cdef double total = 0.0
    cdef Py_ssize_t i
    for i in range(p):
        total += row[i] * beta[i]
    return total


cdef inline void pulled(Py_ssize_t p, double pull, const double *row, double *gradient) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(p):
        gradient[i] += pull * row[i]


# --- The joint densities --------------------------------------------------------------------------

cdef double noncentred(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    """The nodes' centres are put where their slopes come, then the pulls, then the slopes."""
    cdef Tree *t = <Tree *>data
    cdef const double *log_tau = x + t.p
    cdef const double *z = log_tau + t.depth
    cdef double *node = gradient + t.p + t.depth
    cdef double value = 0.0, tau, r, pull, slope
    cdef Py_ssize_t level, j
    memset(gradient, 0, (t.p + t.depth) * sizeof(double))
    for level in range(t.depth):
        tau = exp(log_tau[level])
        for j in range(t.first[level], t.first[level + 1]):
            node[j] = predictor(t.p, t.apart + j * t.p, x) + tau * z[j]
            if level > 0:
                node[j] += node[t.parent[j]]
            value -= 0.5 * z[j] * z[j]
    for j in range(t.finest, t.nodes):
        r = t.y[j - t.finest] - node[j]
        node[j] = t.weight[j - t.finest] * r
        value -= 0.5 * node[j] * r
    memset(node, 0, t.finest * sizeof(double))
    for level in range(t.depth - 1, -1, -1):
        tau, slope = exp(log_tau[level]), 0.0
        for j in range(t.first[level], t.first[level + 1]):
            pull = node[j]
            if level > 0:
                node[t.parent[j]] += pull
            pulled(t.p, pull, t.apart + j * t.p, gradient)
            slope += pull * z[j]
            node[j] = tau * pull - z[j]
        gradient[t.p + level] = tau * slope
    return value + hyperpriors(t.hyper, x, gradient)


cdef double centred(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Tree *t = <Tree *>data
    cdef const double *log_tau = x + t.p
    cdef const double *centre = log_tau + t.depth
    cdef double *slopes = gradient + t.p + t.depth
    cdef double value = 0.0, precision, away, pull, slope
    cdef Py_ssize_t level, j, nodes
    memset(gradient, 0, t.p * sizeof(double))
    for level in range(t.depth):
        precision, slope = exp(-2.0 * log_tau[level]), 0.0
        for j in range(t.first[level], t.first[level + 1]):
            away = centre[j] - predictor(t.p, t.apart + j * t.p, x)
            if level > 0:
                away -= centre[t.parent[j]]
            pull = precision * away
            slopes[j] = -pull
            if level > 0:
                slopes[t.parent[j]] += pull
            pulled(t.p, pull, t.apart + j * t.p, gradient)
            slope += pull * away
        nodes = t.first[level + 1] - t.first[level]
        value -= 0.5 * slope + nodes * log_tau[level]
        gradient[t.p + level] = slope - nodes
    for j in range(t.finest, t.nodes):
        away = t.y[j - t.finest] - centre[j]
        pull = t.weight[j - t.finest] * away
        slopes[j] += pull
        value -= 0.5 * pull * away
    return value + hyperpriors(t.hyper, x, gradient)


# --- The effects integrated out -------------------------------------------------------------------

cdef struct Said:  # of a node's centre less its predictor
    double precision, mean  # by its members
    double centre, var      # by all data


cdef double upward(Tree *t, const double *log_tau, Said *node) noexcept nogil:
    """What the members say of every node, from the finest up; the log likelihood, less constants."""
    cdef double tau2, total, w, away, squares = 0.0, logs = 0.0, product = 1.0
    cdef Py_ssize_t level, j, k
    for level in range(t.depth - 1, -1, -1):
        tau2 = exp(2.0 * log_tau[level])
        for j in range(t.first[level], t.first[level + 1]):
            total = 1.0 + tau2 * node[j].precision
            product *= total
            if not 1e-100 < product < 1e100:
                logs += log(product)
                product = 1.0
            w = node[j].precision / total
            if level == 0:
                squares += w * node[j].mean * node[j].mean
            else:
                node[t.parent[j]].precision += w
                node[t.parent[j]].mean += w * node[j].mean
        if level == 0:
            break
        for k in range(t.first[level - 1], t.first[level]):
            node[k].mean /= node[k].precision
        for j in range(t.first[level], t.first[level + 1]):
            away = node[j].mean - node[t.parent[j]].mean
            squares += node[j].precision / (1.0 + tau2 * node[j].precision) * away * away
    return -0.5 * (squares + logs + log(product))


cdef void downward(Tree *t, const double *log_tau, Said *node, double *gradient) noexcept nogil:
    """The centres given all data, from the outermost down, and the slopes."""
    cdef double tau2, kept, w, pull, above, var, slope
    cdef Py_ssize_t level, j
    for level in range(t.depth):
        tau2, slope = exp(2.0 * log_tau[level]), 0.0
        for j in range(t.first[level], t.first[level + 1]):
            above = var = 0.0
            if level > 0:
                above, var = node[t.parent[j]].centre, node[t.parent[j]].var
            kept = 1.0 / (1.0 + tau2 * node[j].precision)
            w = kept * node[j].precision
            pull = w * (node[j].mean - above)
            slope += pull * pull - w * (1.0 - w * var)
            node[j].centre = kept * above + tau2 * w * node[j].mean
            node[j].var = tau2 * kept + kept * kept * var
            if level == t.depth - 1:
                pulled(t.p, pull, t.x + (j - t.finest) * t.p, gradient)
        gradient[t.p + level] = tau2 * slope


cdef double marginal(int ndim, const double *x, double *gradient, void *data) noexcept nogil:
    cdef Tree *t = <Tree *>data
    cdef Said *node = <Said *>malloc(t.nodes * sizeof(Said))
    cdef double value
    cdef Py_ssize_t j
    if node == NULL:
        return NAN
    memset(gradient, 0, t.p * sizeof(double))
    memset(node, 0, t.finest * sizeof(Said))
    for j in range(t.nodes - t.finest):
        node[t.finest + j].precision = t.weight[j]
        node[t.finest + j].mean = t.y[j] - predictor(t.p, t.x + j * t.p, x)
    value = upward(t, x + t.p, node)
    downward(t, x + t.p, node, gradient)
    free(node)
    return value + hyperpriors(t.hyper, x, gradient)


cdef class LevelsGradient(WithHyperpriors):
    """The log density of (beta, log tau of every level, nodes), or without the nodes.

    Parameters
    ----------
    kind : "centred", "non-centred" or "marginal"
    y, var : in, shape (finest groups,)
    x : in, shape (finest groups, p)
    first : in, shape (levels + 1,)
        Where the nodes of each level begin, and their end.
    parent : in, shape (nodes,)
        The place of each node's parent among the nodes; -1 of the outermost.
    apart : in, shape (nodes, p)
        Covariates of every node less its parent's.
    mean, root : in, shape (p,) and (known, p), of beta's prior
    constant : what is added
    priors : as `WithHyperpriors` takes them
    """
    cdef Tree tree
    cdef tuple arrays

    def __init__(self, str kind, const double[::1] y, const double[:, ::1] x, const double[::1] var,
                 const Py_ssize_t[::1] first, const Py_ssize_t[::1] parent,
                 const double[:, ::1] apart, const double[::1] mean, const double[:, ::1] root,
                 double constant, priors):
        cdef Tree *t = &self.tree
        cdef double[::1] weight = var.copy()
        cdef Py_ssize_t k
        for k in range(weight.shape[0]):
            weight[k] = 1.0 / var[k]
        self.arrays = (y, x, weight, first, parent, apart)
        t.depth, t.p, t.nodes = first.shape[0] - 1, x.shape[1], parent.shape[0]
        t.finest = t.nodes - y.shape[0]
        for k in range(t.depth + 1):
            t.first[k] = first[k]
        t.parent, t.apart, t.x = &parent[0], &apart[0, 0], &x[0, 0]
        t.y, t.weight, t.hyper = &y[0], &weight[0], &self.hyper
        self.set_priors(mean, root, constant, priors, t.depth)
        self.ndim, self.data = <int>(t.p + t.depth), t
        if kind == "marginal":
            self.function = marginal
            return
        self.ndim += <int>t.nodes
        self.function = centred if kind == "centred" else noncentred
