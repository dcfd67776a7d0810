# One trajectory of the no-U-turn sampler. See src_cython/trajectory.pyx.
from pyhier.kernels.gradients cimport gradient_t
from pyhier.kernels.random cimport Source


cdef enum Metric:
    IDENTITY, DIAGONAL, DENSE

cdef enum Ending:
    WHOLE, TURNING, DIVERGING, HALTED, NO_DENSITY

cdef struct Point:
    double *x
    double *r                 # momentum
    double *g                 # gradient
    double *v                 # velocity, M r
    double *sum               # of the momenta along the trajectory, up to here
    double value, energy
    int holders


cdef struct Tree:             # points by their slots
    int first, last           # in the direction in which it grew
    int picked
    double log_weight


cdef struct State:
    int p, metric, max_depth
    gradient_t function
    void *data
    bint *failed
    bint halted
    Source source
    double step, target
    double energy             # of the trajectory's start
    double *inverse           # diagonal of M; (p, p) M where it is dense
    double *factor            # M = factor factor', lower, where dense
    Point *points
    int *free
    int n_free
    long long n_steps
    double acceptance         # summed over the steps


cdef inline int take(State *s, int holders) noexcept nogil:
    s.n_free -= 1
    s.points[s.free[s.n_free]].holders = holders
    return s.free[s.n_free]


cdef inline void release(State *s, int slot) noexcept nogil:
    s.points[slot].holders -= 1
    if s.points[slot].holders == 0:
        s.free[s.n_free] = slot
        s.n_free += 1


cdef void draw_momentum(State *s, Point *point) noexcept nogil
cdef void leapfrog(State *s, Point *a, Point *b, double step) noexcept nogil
cdef int transition(State *s, Tree *whole, int *depth) noexcept nogil
