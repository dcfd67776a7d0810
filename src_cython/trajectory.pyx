"""One trajectory of the no-U-turn sampler, without the GIL.

Hoffman and Gelman (2014), Journal of Machine Learning Research 15, 1593-1623, in the multinomial form
of Betancourt (2017), arXiv:1701.02434, appendix A:

- H(x, r) = -log density(x) + r'M r / 2, M the inverse metric, moved by leapfrog steps;
- a trajectory doubles in a random direction until an end turns back on it. Of a stretch with momenta
  r_a, ..., r_b, sum rho and velocities v = M r, it turns where rho'v_a <= 0 or rho'v_b <= 0; looked at
  for every subtree of the binary tree, and for each half with the nearest point of the other half,
  which catches a turn between the halves;
- within a subtree its two halves are picked from with probability proportional to their weights
  exp(-H); a new half of the whole trajectory is taken with probability min(1, new / old), which
  favours the far one.

A point knows the running sum of the momenta along its trajectory, so that rho is a difference of two
of them and no subtree carries its own. Points live in a pool of slots and are counted by those who
hold them: nothing is copied but the pointers.

Random numbers are drawn in this order: p normals for the momentum; for every doubling a uniform
number for the direction, one for every merger within the new half, and one for the choice between
old and new.
"""
from libc.math cimport INFINITY, exp, log1p, sqrt

from pyhier.kernels.random cimport Source, r_uniform, standard_normal


cdef extern from "leapfrog.h" nogil:
    void kick_and_drift(size_t p, double step, const double *inverse, const double *x,
                        const double *r, const double *g, double *new_x, double *new_r)
    void kick(size_t p, double step, const double *r, const double *g, double *new_r)
    void drift(size_t p, double step, const double *x, const double *v, double *new_x)
    void scale(size_t p, const double *inverse, const double *r, double *v)
    double dot(size_t p, const double *a, const double *b)
    void add(size_t p, double sign, const double *source, const double *more, double *total)
    void turn_products(size_t p, const double *a_r, const double *a_sum, const double *a_v,
                       const double *b_sum, const double *b_v, double *products)


cdef double WORST = 1000.0    # a rise of H beyond which a trajectory has left the path


cdef inline void drop(State *s, Tree *tree) noexcept nogil:
    release(s, tree.first)
    release(s, tree.last)
    release(s, tree.picked)


# --- The metric -----------------------------------------------------------------------------------

cdef inline void velocity(State *s, const double *r, double *v) noexcept nogil:
    cdef int i
    if s.metric != DENSE:
        scale(s.p, s.inverse, r, v)
        return
    for i in range(s.p):
        v[i] = dot(s.p, s.inverse + <Py_ssize_t>i * s.p, r)


cdef inline double uniform(Source *source) noexcept nogil:
    if source.as_r:
        return r_uniform(source.bits)
    return source.bits.next_double(source.bits.state)


cdef void draw_momentum(State *s, Point *point) noexcept nogil:
    """r ~ N(0, M^-1)."""
    cdef int i, j
    for i in range(s.p):
        point.r[i] = standard_normal(&s.source)
    if s.metric == DENSE:  # factor' r = z
        for i in range(s.p - 1, -1, -1):
            point.r[i] /= s.factor[<Py_ssize_t>i * s.p + i]
            for j in range(i):
                point.r[j] -= s.factor[<Py_ssize_t>i * s.p + j] * point.r[i]
    else:
        for i in range(s.p):
            point.r[i] /= sqrt(s.inverse[i])
    velocity(s, point.r, point.v)
    add(s.p, 0.0, point.r, point.r, point.sum)
    point.energy = 0.5 * dot(s.p, point.r, point.v) - point.value


cdef void leapfrog(State *s, Point *a, Point *b, double step) noexcept nogil:
    if s.metric == DENSE:
        kick(s.p, step, a.r, a.g, b.r)
        velocity(s, b.r, b.v)
        drift(s.p, step, a.x, b.v, b.x)
    else:
        kick_and_drift(s.p, step, s.inverse, a.x, a.r, a.g, b.x, b.r)
    b.value = s.function(s.p, b.x, b.g, s.data)
    kick(s.p, step, b.r, b.g, b.v)  # into v: source and target must differ
    b.r, b.v = b.v, b.r
    velocity(s, b.r, b.v)
    b.energy = 0.5 * dot(s.p, b.r, b.v) - b.value
    if not b.energy == b.energy:
        b.energy = INFINITY


# --- The trajectory -------------------------------------------------------------------------------

cdef inline bint turning(State *s, int a, int b, double direction) noexcept nogil:
    """Whether the stretch from a to b, in the direction of growth, turns back."""
    cdef double[2] products
    cdef Point *left = &s.points[a if direction > 0.0 else b]
    cdef Point *right = &s.points[b if direction > 0.0 else a]
    turn_products(s.p, left.r, left.sum, left.v, right.sum, right.v, products)
    return not (products[0] > 0.0 and products[1] > 0.0)


cdef inline double log_add(double a, double b) noexcept nogil:
    if a < b:
        a, b = b, a
    return a if b == -INFINITY else a + log1p(exp(b - a))


cdef int one_step(State *s, int source, double direction, Tree *tree) noexcept nogil:
    cdef int slot = take(s, 3)
    cdef Point *a = &s.points[source]
    cdef Point *b = &s.points[slot]
    cdef double rise
    leapfrog(s, a, b, direction * s.step)
    s.n_steps += 1
    tree.first = tree.last = tree.picked = slot
    if s.failed[0] or s.halted or b.value == INFINITY:
        return NO_DENSITY if b.value == INFINITY else HALTED
    rise = b.energy - s.energy
    s.acceptance += 1.0 if rise <= 0.0 else exp(-rise)
    if not rise <= WORST:
        return DIVERGING
    if direction > 0.0:
        add(s.p, 1.0, a.sum, b.r, b.sum)
    else:
        add(s.p, -1.0, a.sum, a.r, b.sum)
    tree.log_weight = -rise
    return WHOLE


cdef int grow(State *s, int depth, int source, double direction, Tree *tree) noexcept nogil:
    """A tree of 2^depth new points beyond ``source``; its slots are freed unless it is whole."""
    cdef Tree more
    cdef int ending
    cdef double total
    if depth == 0:
        ending = one_step(s, source, direction, tree)
        if ending != WHOLE:
            drop(s, tree)
        return ending
    ending = grow(s, depth - 1, source, direction, tree)
    if ending != WHOLE:
        return ending
    ending = grow(s, depth - 1, tree.last, direction, &more)
    if ending != WHOLE:
        drop(s, tree)
        return ending
    total = log_add(tree.log_weight, more.log_weight)
    if uniform(&s.source) < exp(more.log_weight - total):
        tree.picked, more.picked = more.picked, tree.picked
    release(s, more.picked)
    tree.log_weight = total
    if turns(s, tree, &more, direction, depth):
        ending = TURNING
    release(s, tree.last)
    release(s, more.first)
    tree.last = more.last
    if ending != WHOLE:
        drop(s, tree)
    return ending


cdef inline bint turns(State *s, Tree *a, Tree *b, double direction, int depth) noexcept nogil:
    """Whether two neighbouring trees, a then b in the direction of growth, turn back as one."""
    if turning(s, a.first, b.last, direction):
        return True
    if depth == 1:  # of two points both halves are points, and all three looks are one
        return False
    return turning(s, a.first, b.first, direction) or turning(s, a.last, b.last, direction)


cdef int transition(State *s, Tree *whole, int *depth) noexcept nogil:
    """A trajectory from the point in ``whole``, grown to its end.

    ``whole.last`` is its end forward in time, ``first`` backward.
    """
    cdef Tree more, old
    cdef int ending = WHOLE
    cdef double direction
    cdef bint ends
    s.n_steps, s.acceptance = 0, 0.0
    s.energy = s.points[whole.picked].energy
    whole.log_weight = 0.0
    depth[0] = 0
    while depth[0] < s.max_depth:
        direction = 1.0 if uniform(&s.source) < 0.5 else -1.0
        ending = grow(s, depth[0], whole.last if direction > 0.0 else whole.first, direction, &more)
        if ending != WHOLE:
            break
        depth[0] += 1
        old = whole[0]
        if direction < 0.0:
            old.first, old.last = whole.last, whole.first
        ends = turns(s, &old, &more, direction, depth[0])
        if uniform(&s.source) < exp(more.log_weight - whole.log_weight):
            whole.picked, more.picked = more.picked, whole.picked
        release(s, more.picked)
        whole.log_weight = log_add(whole.log_weight, more.log_weight)
        release(s, old.last)
        release(s, more.first)
        whole.first = old.first if direction > 0.0 else more.last
        whole.last = more.last if direction > 0.0 else old.first
        if ends:
            ending = TURNING
            break
    return ending
