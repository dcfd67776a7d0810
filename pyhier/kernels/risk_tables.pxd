# What points of two arms with normal risks share. See src_cython/risk_tables.pyx.

cdef extern from "two_risks.h" nogil:
    enum:
        BINOMIAL_COUNT
    struct count:
        int kind
        double y, size, hat, highest
        const double *table
    struct arms_law:
        int outer
        double own, other, mean_outer, mean_inner, b, less, log_s
    struct arms_found:
        double log_integral, w, r, var_w, cov, var_r
    void two_arms_law(const count *arm, double first, const double *x, arms_law *f,
                      arms_found *found)


cdef extern from "risk_tables.h" nogil:
    enum:
        FINER
        STENCIL
    double MOST_SPREAD
    struct tabled_study:
        int level
    struct rule:
        int order
        double[13] node
        double[13] weight
    struct risk_column:
        long first, count
        double log_scale
        double *values
        double *logs
        double *mean
    struct risk_row:
        int narrow, finer
        long count
        double *weight
        long *start
    struct crossed:
        double sum, mean, square
    void table_study(const count *arm, double first, tabled_study *s)
    void free_study(tabled_study *s)
    void make_column(tabled_study *s, const rule *rules, int level, double mu, double log_tau,
                     int moments, risk_column *v)
    void make_row(const tabled_study *s, const rule *rules, double alpha, double log_sigma,
                  risk_row *g)
    int cross(const risk_row *g, risk_column *v, int moments, crossed *found)


cdef extern from "number_pairs.h" nogil:
    enum:
        FIRST_ROOM
    struct number_pairs:
        Py_ssize_t count
        double *key
        Py_ssize_t *slot
    int empty_pairs(number_pairs *p, Py_ssize_t room)
    Py_ssize_t pair_number(number_pairs *p, double x, double y)
    int more_pairs(number_pairs *p, Py_ssize_t more)
    void fewer_pairs(number_pairs *p, Py_ssize_t count)


cdef inline void arms_of(const double *data, Py_ssize_t studies, Py_ssize_t j,
                         count *arm) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(2):
        arm[i].kind, arm[i].table = BINOMIAL_COUNT, NULL
        arm[i].y, arm[i].size = data[4 * i * studies + j], data[(4 * i + 1) * studies + j]
        arm[i].hat, arm[i].highest = data[(4 * i + 2) * studies + j], data[(4 * i + 3) * studies + j]


cdef class RiskTables:
    cdef const double[:, ::1] data
    cdef double first
    cdef Py_ssize_t studies, row_room, column_room
    cdef tabled_study *study
    cdef rule[3] rules
    cdef number_pairs row_pairs, column_pairs
    cdef risk_row **rows                 # (pairs, studies), NULL where not made
    cdef risk_column **columns           # (pairs, studies, FINER + 1)
    cdef double bytes
    cdef readonly Py_ssize_t alone  # how many studies' points went by themselves, for tests
    cdef readonly Py_ssize_t crossed

    cdef void forget(self) noexcept nogil
    cdef int prepare(self, const double[:, ::1] points, Py_ssize_t[::1] which,
                     Py_ssize_t[::1] beside) except -1
    cdef risk_row *row_of(self, Py_ssize_t number, Py_ssize_t j) noexcept nogil
    cdef risk_column *column_of(self, Py_ssize_t number, Py_ssize_t j, int finer,
                                bint moments) noexcept nogil
    cdef double one(self, Py_ssize_t j, Py_ssize_t g_number, Py_ssize_t v_number, const double *x,
                    double *moments) noexcept nogil
    cdef bint evaluate(self, const double[:, ::1] points, const double *times, double[::1] found)
