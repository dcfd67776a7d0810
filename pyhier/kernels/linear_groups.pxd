# Triangles of orthogonal factorisations as sums that add up. See src_cython/linear_groups.pyx.

cdef void reduce_rows(double *a, Py_ssize_t rows, Py_ssize_t p, double *squares) noexcept nogil
cdef Py_ssize_t unpack(const double *sums, double *a, Py_ssize_t p) noexcept nogil
cdef void pack(const double *a, double *sums, Py_ssize_t p) noexcept nogil
