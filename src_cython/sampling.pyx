"""R's ``sample``: equal and unequal probabilities, with and without replacement, bit for bit.

A whole number below n is made of random bits, refused until it is below n (R's help page
``RNGkind``, sample.kind "Rejection"). Without replacement the drawn place is filled by the last
one; where few of very many are drawn, repetitions are refused instead (``useHash`` on the page
``sample``). Unequal probabilities are searched from the largest on; with replacement and more than
200 likely cells Walker's alias method (Walker, ACM Transactions on Mathematical Software 3 (1977),
253-256) takes over. Equal probabilities are sorted as they come out of heapsort (Williams,
Communications of the ACM 7 (1964), 347-348), which is not stable: its order shows in the draws.

The callers hold the bit generator's lock and have validated the arguments.
"""
from libc.math cimport ceil, floor, log2
from libc.stdint cimport int64_t, uint64_t

from pyhier.kernels.random cimport Source, r_uniform, source_of

import numpy as np


cdef inline int bits_for(double n) noexcept nogil:
    return <int>ceil(log2(n))


cdef inline int64_t below(Source *source, double n, int bits) noexcept nogil:
    """A whole number from 0 to n - 1 from 16 bits of each of a few uniforms."""
    cdef uint64_t value
    cdef int taken
    while True:
        value, taken = 0, 0
        while taken <= bits:
            value = 65536 * value + <uint64_t>floor(r_uniform(source.bits) * 65536.0)
            taken += 16
        value &= (<uint64_t>1 << bits) - 1
        if <double>value < n:
            return <int64_t>value


def integers(object bit_generator, double n, int64_t[::1] out):
    """Fill ``out`` with independent numbers from 1 to n."""
    cdef Source source = source_of(bit_generator, True)
    cdef int bits = bits_for(n)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            out[i] = below(&source, n, bits) + 1


def shuffled(object bit_generator, int64_t[::1] pool, int64_t[::1] out):
    """Draw from ``pool``, which is 0 .. n - 1 and used up, without replacement."""
    cdef Source source = source_of(bit_generator, True)
    cdef int64_t left = pool.shape[0], j
    cdef int bits = bits_for(<double>left)
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            while bits > 0 and left <= <int64_t>1 << (bits - 1):
                bits -= 1
            j = below(&source, <double>left, bits)
            out[i] = pool[j] + 1
            left -= 1
            pool[j] = pool[left]


def distinct(object bit_generator, double n, int64_t[::1] table, int64_t[::1] out):
    """Draw different numbers from 1 to n; ``table``, a power of two zeros, remembers them."""
    cdef Source source = source_of(bit_generator, True)
    cdef int bits = bits_for(n)
    cdef uint64_t mask = table.shape[0] - 1, place
    cdef Py_ssize_t i
    cdef int64_t drawn
    with nogil:
        for i in range(out.shape[0]):
            while True:
                drawn = below(&source, n, bits) + 1
                place = (<uint64_t>drawn * <uint64_t>0x9E3779B97F4A7C15 >> 20) & mask
                while table[place] != 0 and table[place] != drawn:
                    place = (place + 1) & mask
                if table[place] == 0:
                    break
            table[place] = out[i] = drawn


cdef void sort_down(double[::1] key, int64_t[::1] label) noexcept nogil:
    """Heapsort into descending order, the labels along."""
    cdef Py_ssize_t n = key.shape[0]
    cdef Py_ssize_t root = n // 2, last = n - 1, parent, child
    cdef double k
    cdef int64_t name
    if n < 2:
        return
    while True:
        if root > 0:  # still building the heap
            root -= 1
            k, name = key[root], label[root]
        else:
            k, name = key[last], label[last]
            key[last], label[last] = key[0], label[0]
            last -= 1
            if last == 0:
                key[0], label[0] = k, name
                return
        parent, child = root, 2 * root + 1
        while child <= last:
            if child < last and key[child] > key[child + 1]:
                child += 1
            if k <= key[child]:
                break
            key[parent], label[parent] = key[child], label[child]
            parent, child = child, 2 * child + 1
        key[parent], label[parent] = k, name


def weighted(object bit_generator, double[::1] p, int64_t[::1] label, int64_t[::1] out):
    """Draw labels with probabilities ``p``, with replacement; both arrays are used up."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t n = p.shape[0], i, j
    cdef double u
    with nogil:
        sort_down(p, label)
        for i in range(1, n):
            p[i] += p[i - 1]
        for i in range(out.shape[0]):
            u = r_uniform(source.bits)
            j = 0
            while j < n - 1 and u > p[j]:
                j += 1
            out[i] = label[j]


def weighted_distinct(object bit_generator, double[::1] p, int64_t[::1] label,
                      int64_t[::1] out):
    """Draw labels with probabilities ``p``, each at most once; both arrays are used up."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t last = p.shape[0] - 1, i, j, k
    cdef double total = 1.0, target, mass
    with nogil:
        sort_down(p, label)
        for i in range(out.shape[0]):
            target = total * r_uniform(source.bits)
            mass = 0.0
            j = 0
            while j < last:
                mass += p[j]
                if target <= mass:
                    break
                j += 1
            out[i] = label[j]
            total -= p[j]
            for k in range(j, last):
                p[k] = p[k + 1]
                label[k] = label[k + 1]
            last -= 1


def alias(object bit_generator, double[::1] q, int64_t[::1] out):
    """Draw numbers from 1 to n by Walker's alias method; ``q`` is n p and used up."""
    cdef Source source = source_of(bit_generator, True)
    cdef Py_ssize_t n = q.shape[0], poor = 0, rich = n, i, j, k
    cdef int64_t[::1] order = np.empty(n, dtype=np.int64)
    cdef int64_t[::1] other = np.zeros(n, dtype=np.int64)
    cdef int bits = bits_for(<double>n)
    with nogil:
        for i in range(n):  # cells below the mean from the left, the others from the right
            if q[i] < 1.0:
                order[poor] = i
                poor += 1
            else:
                rich -= 1
                order[rich] = i
        if poor > 0 and rich < n:
            for k in range(n - 1):
                i, j = order[k], order[rich]
                other[i] = j
                q[j] += q[i] - 1.0
                if q[j] < 1.0:
                    rich += 1
                if rich >= n:
                    break
        for i in range(out.shape[0]):
            k = below(&source, <double>n, bits)
            out[i] = k + 1 if r_uniform(source.bits) < q[k] else other[k] + 1
