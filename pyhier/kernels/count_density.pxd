# Log densities of the two models for counts. See src_cython/count_density.pyx.

from pyhier.kernels.count_data cimport Counts, Steps
from pyhier.kernels.density cimport LogDensity, density_t


cdef struct Groups:
    Py_ssize_t size
    const double *y
    const double *other        # failures, or the log of the exposure
    const double *hat
    const double *low
    const double *constant
    const double *times


cdef struct CountData:
    bint by_groups
    Steps successes            # or events
    Steps failures
    Steps trials
    Groups groups
    double log_share           # of a reference: log eta and log(1 - eta), or log mu
    double log_rest
    double share, rest, inverse  # eta, 1 - eta and 1 / K there
    Py_ssize_t exposures
    const double *log_exposure
    const double *exposure_groups
    const double *exposure_counts
    double log_alpha           # a reference of sums of events
    double log_mu
    double pooled              # log likelihood there less that of pooled groups
    double mean_exposure
    const double *ones         # a scale of steps beside pooled groups
    Py_ssize_t shapes          # different halves of degrees of freedom, and how often they are there
    const double *shape
    const double *shape_times
    double constant            # to be added to the steps
    double shift               # to be added to either: what a face leaves out, or has beside
    bint inverse_effects       # the coordinates are (log d0, log s0^2) = (log 2 alpha, -log mu)
    int prior
    double log_z0
    density_t own_prior        # NULL: a named one
    void *own_prior_data
    Py_ssize_t by_group        # the reference of LearnBayes' face
    const double *y            # the rarer outcome, of a beta-binomial model
    const double *others       # and the other one
    double sign                # 1: successes are rarer; -1: failures
    Steps common               # the other outcome


cdef class CountMarginal(LogDensity):
    cdef CountData model
    cdef Counts successes, failures, trials
    cdef list arrays
    cdef CountMarginal data_of  # whose arrays this one's pointers point to
    cdef void _add_slopes(self, double *x, double *first, double *second) noexcept nogil


cdef class BetaBinomialMarginal(CountMarginal):
    cdef double[::1] rarer, others


cdef double prior_at(CountData *model, double *x) noexcept nogil
cdef double beta_binomial(int ndim, double *x, void *data) noexcept nogil
