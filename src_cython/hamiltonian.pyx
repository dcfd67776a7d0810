"""The no-U-turn sampler: chains with their warm-up, over any log density with a gradient.

The trajectories are trajectory.pyx. In the warm-up the step size follows dual averaging (Nesterov
2009; Hoffman and Gelman 2014, section 3.2). The metric is estimated in windows that double, as Stan
does (reference manual, "Automatic parameter tuning"), with two differences that make it independent
of the coordinates' units: at the ends of the "early" windows, before the chain has reached its
stationary law, a diagonal is made of sd(x) / sd(gradient), which is right for a normal density
wherever the chain is (as nutpie does); and an estimate is shrunk towards 1e-3 of the last one, not
towards 1e-3.

A chain is run in pieces, so that its caller can show progress and stop. All that it knows is in the
object, so that the pieces' lengths do not matter. The GIL is released throughout.
"""
from libc.math cimport exp, isfinite, log, sqrt

from pyhier.kernels.gradients cimport GradientDensity
from pyhier.kernels.random cimport source_of
from pyhier.kernels.trajectory cimport (
    DENSE, DIAGONAL, DIVERGING, HALTED, IDENTITY, NO_DENSITY, WHOLE, Point, State, Tree,
    draw_momentum, leapfrog, release, take, transition,
)

import numpy as np


cdef extern from "leapfrog.h" nogil:
    double dot(size_t p, const double *a, const double *b)


METRICS = {"identity": IDENTITY, "diagonal": DIAGONAL, "dense": DENSE}

cdef enum:
    LP, ENERGY, ACCEPTANCE, STEP, DEPTH, STEPS, DIVERGED, REACHED, COLUMNS

COLUMN_NAMES = ("lp", "energy", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging",
                "reached_max_treedepth")


cdef struct Averaging:        # dual averaging of the log step size
    double centre, error, smoothed
    long long count


# --- Warm-up --------------------------------------------------------------------------------------

cdef void restart(Averaging *a, double step) noexcept nogil:
    a.centre, a.error, a.smoothed, a.count = log(10.0 * step), 0.0, 0.0, 0


cdef double average(Averaging *a, double target, double acceptance) noexcept nogil:
    """The next step size: gamma 0.05, t0 10, kappa 0.75."""
    cdef double share, log_step, weight
    a.count += 1
    share = 1.0 / (a.count + 10.0)
    a.error = (1.0 - share) * a.error + share * (target - acceptance)
    log_step = a.centre - a.error * sqrt(<double>a.count) / 0.05
    weight = (<double>a.count) ** -0.75
    a.smoothed = weight * log_step + (1.0 - weight) * a.smoothed
    return exp(log_step)


cdef int find_step(State *s, int slot) noexcept nogil:
    """Double or halve the step size until one step's acceptance crosses 0.8."""
    cdef int other = take(s, 1), i
    cdef Point *a = &s.points[slot]
    cdef Point *b = &s.points[other]
    cdef double rise, direction = 0.0
    for i in range(2000):
        draw_momentum(s, a)
        leapfrog(s, a, b, s.step)
        if s.failed[0] or s.halted:
            break
        rise = b.energy - a.energy
        if direction == 0.0:
            direction = 1.0 if rise < -log(0.8) else -1.0
        elif (rise < -log(0.8)) != (direction > 0.0):
            break
        if not 1e-290 < s.step < 1e290:
            break
        s.step *= 2.0 if direction > 0.0 else 0.5
    release(s, other)
    return HALTED if s.failed[0] or s.halted else WHOLE


cdef bint factorise(int p, const double *m, double *lower) noexcept nogil:
    """The lower Cholesky factor; False where there is none."""
    cdef Py_ssize_t i, j
    cdef double rest
    for i in range(p):
        for j in range(i + 1):
            rest = m[i * p + j] - dot(j, lower + i * p, lower + j * p)
            if i == j:
                if not (rest > 0.0 and isfinite(rest)):
                    return False
                lower[i * p + i] = sqrt(rest)
            else:
                lower[i * p + j] = rest / lower[j * p + j]
        for j in range(i + 1, p):
            lower[i * p + j] = 0.0
    return True


cdef class Chain:
    """One chain: its point, its metric and step size, its warm-up.

    Parameters
    ----------
    density : GradientDensity
    bit_generator, as_r : its random numbers
    start : in, shape (p,)
    metric : "identity", "diagonal" or "dense"
    tune : iterations of warm-up
    early : in, int64
        Iterations after which the diagonal is made of sd(x) / sd(gradient); ascending.
    windows : in, int64
        The first iteration from which draws make the metric, then the ends of its windows;
        empty, or at least two.
    target : the acceptance that the step size is to give
    max_depth : of the trajectory's binary tree
    kept : in, intp
        The coordinates to write down; empty for all of them.
    """
    cdef State state
    cdef Averaging averaging
    cdef GradientDensity density
    cdef object bit_generator
    cdef long long tune, iteration, samples
    cdef int at
    cdef double[:, ::1] memory
    cdef double[:, ::1] inverse, factor, squares, products
    cdef double[::1] mean, slope_mean
    cdef int[::1] free
    cdef object point_bytes
    cdef const long long[::1] early, windows
    cdef const Py_ssize_t[::1] kept
    cdef Py_ssize_t next_early, next_window
    cdef bint begun

    def __init__(self, GradientDensity density, object bit_generator, bint as_r,
                 const double[::1] start, str metric, long long tune,
                 const long long[::1] early, const long long[::1] windows, double target,
                 int max_depth, const Py_ssize_t[::1] kept):
        cdef State *s = &self.state
        cdef int slots = 3 * max_depth + 8, i, k, p = density.ndim
        cdef unsigned char[::1] raw
        self.density, self.bit_generator = density, bit_generator
        self.tune, self.early, self.windows, self.kept = tune, early, windows, kept
        s.p, s.metric, s.max_depth, s.target = p, METRICS[metric], max_depth, target
        s.function, s.data, s.failed, s.halted = density.function, density.data, density.failed, False
        s.source = source_of(bit_generator, as_r)
        self.memory = np.empty((5 * slots, p))
        self.point_bytes = np.zeros(slots * sizeof(Point), dtype=np.uint8)
        raw = self.point_bytes
        s.points = <Point *>&raw[0]
        self.free = np.arange(slots, dtype=np.intc)
        s.free, s.n_free = &self.free[0], slots
        for i in range(slots):
            s.points[i] = Point(&self.memory[5 * i, 0], &self.memory[5 * i + 1, 0],
                                &self.memory[5 * i + 2, 0], &self.memory[5 * i + 3, 0],
                                &self.memory[5 * i + 4, 0], 0.0, 0.0, 0)
        rows = p if s.metric == DENSE else 1
        self.inverse, self.factor = np.ones((1, p)), np.empty((0, 0))
        if s.metric == DENSE:
            self.inverse, self.factor = np.eye(p), np.eye(p)
            s.factor = &self.factor[0, 0]
        s.inverse = &self.inverse[0, 0]
        adapts = s.metric != IDENTITY and tune > 0
        self.mean, self.slope_mean = np.zeros(p), np.zeros(p)
        self.squares, self.products = np.zeros((2, p)), np.zeros((rows if adapts else 0, p))
        self.at = take(s, 1)
        for k in range(p):
            s.points[self.at].x[k] = start[k]
        s.points[self.at].value = density.function(p, s.points[self.at].x, s.points[self.at].g,
                                                   density.data)
        density.raise_error()
        s.step = 1.0

    @property
    def metric(self):
        """The inverse metric, shape (p,) or (p, p)."""
        found = np.array(self.inverse)
        return found if self.state.metric == DENSE else found[0]

    @property
    def step_size(self):
        """The step size now."""
        return self.state.step

    def halt(self):
        """End the run at its next step, from another thread."""
        self.state.halted = True

    def snapshot(self):
        """All that the chain knows between two runs, for `restore`: copies, by their names."""
        cdef State *s = &self.state
        cdef Point *point = &s.points[self.at]
        cdef Averaging *a = &self.averaging
        cdef Py_ssize_t i
        x, gradient = np.empty(s.p), np.empty(s.p)
        for i in range(s.p):
            x[i], gradient[i] = point.x[i], point.g[i]
        return {
            "x": x, "gradient": gradient, "inverse": np.array(self.inverse),
            "factor": np.array(self.factor), "mean": np.array(self.mean),
            "slope_mean": np.array(self.slope_mean), "squares": np.array(self.squares),
            "products": np.array(self.products),
            "numbers": np.array([point.value, s.step, a.centre, a.error, a.smoothed]),
            "progress": np.array([a.count, self.iteration, self.samples, self.next_early,
                                  self.next_window, self.begun], dtype=np.int64),
        }

    def restore(self, dict found):
        """Be the chain that another one of the same arguments was at its `snapshot`."""
        cdef State *s = &self.state
        cdef Point *point = &s.points[self.at]
        cdef Averaging *a = &self.averaging
        cdef const double[::1] x = found["x"], gradient = found["gradient"]
        cdef Py_ssize_t i
        for ours, name in ((self.inverse, "inverse"), (self.factor, "factor"), (self.mean, "mean"),
                           (self.slope_mean, "slope_mean"), (self.squares, "squares"),
                           (self.products, "products")):
            np.asarray(ours)[...] = found[name]
        for i in range(s.p):
            point.x[i], point.g[i] = x[i], gradient[i]
        point.value, s.step, a.centre, a.error, a.smoothed = found["numbers"]
        (a.count, self.iteration, self.samples, self.next_early, self.next_window,
         self.begun) = found["progress"]

    def run(self, double[:, ::1] out, double[:, ::1] statistics, long long[::1] counts,
            Py_ssize_t iterations):
        """Go on for ``iterations``, warm-up first.

        Parameters
        ----------
        out : out, shape (draws, kept)
            Rows from ``counts[1]`` on are filled.
        statistics : out, shape (draws, COLUMNS)
        counts : in and out, shape (2,)
            Iterations so far, and draws so far.

        Returns
        -------
        bool
            False when the density was +inf at a point, which ends the chain.
        """
        cdef State *s = &self.state
        cdef Tree tree
        cdef Py_ssize_t i, n, draw = counts[1], width = out.shape[1]
        cdef int ending = WHOLE, depth
        cdef const double *x
        with nogil:
            if not self.begun:
                ending = find_step(s, self.at)
                restart(&self.averaging, s.step)
                self.begun = ending == WHOLE
            for n in range(iterations if self.begun else 0):
                draw_momentum(s, &s.points[self.at])
                tree.first = tree.last = tree.picked = self.at
                s.points[self.at].holders = 3
                ending = transition(s, &tree, &depth)
                if ending == HALTED or ending == NO_DENSITY:
                    break
                self.at = tree.picked
                release(s, tree.first)
                release(s, tree.last)
                self.iteration += 1
                counts[0] += 1
                if self.iteration <= self.tune:
                    if self.adapt() != WHOLE:
                        break
                    continue
                x = s.points[self.at].x
                if self.kept.shape[0] > 0:
                    for i in range(width):
                        out[draw, i] = x[self.kept[i]]
                else:
                    for i in range(width):
                        out[draw, i] = x[i]
                statistics[draw, LP] = s.points[self.at].value
                statistics[draw, ENERGY] = s.points[self.at].energy
                statistics[draw, ACCEPTANCE] = s.acceptance / s.n_steps
                statistics[draw, STEP] = s.step
                statistics[draw, DEPTH], statistics[draw, STEPS] = depth, <double>s.n_steps
                statistics[draw, DIVERGED] = 1.0 if ending == DIVERGING else 0.0
                statistics[draw, REACHED] = 1.0 if ending == WHOLE else 0.0
                draw += 1
                counts[1] = draw
        return ending != NO_DENSITY

    cdef int adapt(self) noexcept nogil:
        """Learn from the transition that has just ended."""
        cdef State *s = &self.state
        cdef bint renewed = False
        s.step = average(&self.averaging, s.target, s.acceptance / s.n_steps)
        if s.metric != IDENTITY:
            self.learn(&s.points[self.at])
            if self.next_early < self.early.shape[0] \
                    and self.iteration == self.early[self.next_early]:
                self.next_early += 1
                renewed = self.from_gradients()
            if self.windows.shape[0] > 0 and self.iteration == self.windows[self.next_window]:
                if self.next_window > 0:
                    renewed = self.from_draws()
                if self.next_window + 1 < self.windows.shape[0]:
                    self.next_window += 1
                self.forget()
        if renewed:
            if find_step(s, self.at) != WHOLE:
                return HALTED
            restart(&self.averaging, s.step)
        if self.iteration == self.tune:
            s.step = exp(self.averaging.smoothed) if self.averaging.count > 0 else s.step
        return WHOLE

    cdef void forget(self) noexcept nogil:
        cdef Py_ssize_t i, j
        self.samples = 0
        for i in range(self.state.p):
            self.mean[i] = self.slope_mean[i] = self.squares[0, i] = self.squares[1, i] = 0.0
        for i in range(self.products.shape[0]):
            for j in range(self.state.p):
                self.products[i, j] = 0.0

    cdef void learn(self, Point *point) noexcept nogil:
        """Welford's running means and squares of x, and early on of the gradient."""
        cdef Py_ssize_t i, j
        cdef double off, share, later
        self.samples += 1
        share = 1.0 / self.samples
        later = 1.0 - share  # the deviation from the new mean, over that from the old
        if self.state.metric == DENSE and self.next_early == self.early.shape[0]:
            for i in range(self.state.p):
                off = later * (point.x[i] - self.mean[i])
                for j in range(i + 1):
                    self.products[i, j] += off * (point.x[j] - self.mean[j])
        for i in range(self.state.p):
            off = point.x[i] - self.mean[i]
            self.squares[0, i] += later * off * off
            self.mean[i] += share * off
        if self.next_early < self.early.shape[0]:
            for i in range(self.state.p):
                off = point.g[i] - self.slope_mean[i]
                self.squares[1, i] += later * off * off
                self.slope_mean[i] += share * off

    cdef bint from_gradients(self) noexcept nogil:
        """A diagonal of sd(x) / sd(gradient), which is a normal density's variance."""
        cdef Py_ssize_t i, p = self.state.p, step = p + 1 if self.state.metric == DENSE else 1
        cdef double ratio
        for i in range(p):
            ratio = sqrt(self.squares[0, i] / self.squares[1, i])
            if ratio > 0.0 and isfinite(ratio) and isfinite(1.0 / ratio):
                self.state.inverse[i * step] = ratio
                if self.state.metric == DENSE:
                    self.factor[i, i] = sqrt(ratio)
        self.forget()
        return True

    cdef bint from_draws(self) noexcept nogil:
        """The draws' covariance, shrunk as by five more draws with 1e-3 of the last one's variance."""
        cdef Py_ssize_t i, j, p = self.state.p
        cdef double n = self.samples, trust = n / (n + 5.0), found
        if n < 2.0:
            return False
        if self.state.metric == DIAGONAL:
            for i in range(p):
                found = trust * self.squares[0, i] / (n - 1.0) \
                    + (1.0 - trust) * 1e-3 * self.state.inverse[i]
                if found > 0.0 and isfinite(found) and isfinite(1.0 / found):
                    self.state.inverse[i] = found
            return True
        for i in range(p):
            for j in range(i + 1):
                found = trust * self.products[i, j] / (n - 1.0)
                if i == j:
                    found += (1.0 - trust) * 1e-3 * self.inverse[i, i]
                self.products[i, j] = self.products[j, i] = found
        if not factorise(p, &self.products[0, 0], &self.factor[0, 0]):
            factorise(p, &self.inverse[0, 0], &self.factor[0, 0])  # as it was
            return False
        for i in range(p):
            for j in range(p):
                self.inverse[i, j] = self.products[i, j]
        return True
