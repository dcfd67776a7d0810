"""Exact posteriors of the normal hierarchical model to 20 digits, independent of pyhier.

Model: y_j ~ N(theta_j, se_j^2), theta_j ~ N(mu, tau^2); mu is flat, normal(m0, s0), or tied to tau
(normal-inverse-chi-squared); the priors on tau are in `make_prior`. Nothing here imports pyhier.

How: everything is an integral over u = log(tau) of F(u) = tau * prior(tau) * L(tau) times some
function of tau, with L the likelihood after theta and mu are integrated out. F is analytic near the
real axis and falls off exponentially on both sides, so the plain trapezoid rule converges
exponentially. Each integral is accepted when the rules on the even and on the odd nodes (both of
step 2h, the result has step h) agree to 1e-21 relative and the two end terms are below 1e-24;
otherwise h is halved or the range widened. P(tau < x) and P(tau > x) are integrals over half a
line, mapped to the whole line by u = log(x) -+ log(1 + e^t). Quantiles: Newton's method. Arithmetic
has 160 bits (48 digits).

The arithmetic is mpmath's, or gmpy2's (MPFR) where installed, which is many times faster:

    python -m venv /tmp/oracle && /tmp/oracle/bin/pip install mpmath gmpy2 numpy
    /tmp/oracle/bin/python tests/published/exact_reference/generate.py           # missing cases
    /tmp/oracle/bin/python tests/published/exact_reference/generate.py --force   # all, anew
    ... generate.py --only eight_schools/uniform     # cases whose name contains the text
    ... generate.py --check                          # against figures known from elsewhere
    ... generate.py --print eight_schools/uniform    # compute, print, write nothing

EXACT_BACKEND=mpmath in the environment forces plain mpmath.

Conventions of reference.json: y, se and the parameters of priors are doubles, taken exactly as they
are (0.1 means the double nearest to 0.1), and so are the points x and levels q (float(x) is exact);
every other number has 20 significant digits. null is a moment that is infinite or undefined. Groups
are counted from 0. Rows are [x, cdf, sf], [q, x] and [x, pdf]. A "recipe" is run by `run_recipe`.
"""

import argparse
import json
import math
import os
import platform
import time
from operator import mul
from pathlib import Path

import mpmath
import numpy as np

BITS = 160
AGREE = 1e-21  # even against odd nodes, relative
ENDS = 1e-24  # end terms against the whole
DEPTH = 66.0  # the range starts where F is e^-66 (2e-29) of its peak
OUT = Path(__file__).with_name("reference.json")
LEVELS = (0.025, 0.5, 0.975)
mpmath.mp.prec = BITS

try:
    if os.environ.get("EXACT_BACKEND") == "mpmath":
        raise ImportError
    import gmpy2
except ImportError:
    gmpy2 = None
    num, exp, log, log1p, sqrt, erfc = (
        mpmath.mpf,
        mpmath.exp,
        mpmath.log,
        mpmath.log1p,
        mpmath.sqrt,
        mpmath.erfc,
    )
else:
    gmpy2.get_context().precision = BITS
    num, exp, log, log1p, sqrt, erfc = (
        gmpy2.mpfr,
        gmpy2.exp,
        gmpy2.log,
        gmpy2.log1p,
        gmpy2.sqrt,
        gmpy2.erfc,
    )
LIBRARY_ERFC = erfc


def to_mpf(x):
    """Turn a number of the fast kind into an mpmath one, exactly."""
    if isinstance(x, mpmath.mpf):
        return x
    if x == 0:
        return mpmath.mpf(0)
    man, power = x.as_mantissa_exp()
    return mpmath.ldexp(int(man), int(power))


def from_mpf(x):
    """Turn an mpmath number into one of the fast kind, exactly."""
    x = mpmath.mpf(x)
    sign, man, power, _ = x._mpf_
    return num(-int(man) if sign else int(man)) * num(2) ** int(power)


def show(x):
    """Print 20 significant digits."""
    return None if x is None else mpmath.nstr(to_mpf(x), 20, strip_zeros=False)


PI = from_mpf(mpmath.pi)
LOG_2PI = log(2 * PI)
SQRT2 = sqrt(num(2))
SQRT_2PI = sqrt(2 * PI)
GAUSS = [((num(3) * k / 10) ** 2, exp(-((num(3) * k / 10) ** 2))) for k in range(1, 37)]


def erfc(z):
    """Compute erfc for z >= 0 to 46 digits; MPFR's own takes up to 500 us once z is large.

    From 2 on: trapezoid rule (h = 0.3, error e^-(pi/h)^2 = 2e-48) on
    erfc(z) = 2 z e^(-z^2) / pi * int_0^inf e^(-t^2) / (z^2 + t^2) dt, with the residue at t = iz.
    """
    if z < 2:
        return LIBRARY_ERFC(z)
    z2 = z * z
    total = 1 / (2 * z2) + sum(e / (z2 + c) for c, e in GAUSS)
    value = 6 * z * exp(-z2) / (10 * PI) * total
    return value if z2 > 109 else value + 2 / (1 - exp(20 * PI * z / 3))


# --- priors on tau: (log density, power of its tail: density ~ tau^-power) ---------------------


def fixed_prior(name, par):
    """Return the priors that do not depend on the data, normalised."""
    s = par.get("scale")
    if name == "uniform":
        return (lambda t: num(0)), 0.0
    if name == "sqrt":
        return (lambda t: -log(t) / 2), 0.5
    if name == "halfnormal":
        const = log(2 / PI) / 2 - log(s)
        return (lambda t: const - (t / s) ** 2 / 2), math.inf
    if name == "halfcauchy":
        const = log(2 / (PI * s))
        return (lambda t: const - log1p((t / s) ** 2)), 2.0
    if name == "exponential":
        return (lambda t: -log(s) - t / s), math.inf
    if name == "gamma":
        a = par["shape"]
        const = -from_mpf(mpmath.loggamma(to_mpf(a))) - a * log(s)
        return (lambda t: const + (a - 1) * log(t) - t / s), math.inf
    if name == "lognormal":
        sigma = par["sigma"]
        const = -log(sigma) - LOG_2PI / 2
        return (lambda t: const - log(t) - (log(t / s) / sigma) ** 2 / 2), math.inf
    if name == "lomax":
        c = par["c"]
        return (lambda t: log(c / s) - (c + 1) * log1p(t / s)), float(c) + 1
    if name == "normal-inverse-chi-squared":
        return inverse_chi_squared(par["nu0"], par["tau2_0"])
    return None


def inverse_chi_squared(nu, scale2):
    """Give tau's density when tau^2 is scaled-inverse-chi-squared(nu, scale2)."""
    half = nu / 2
    const = log(num(2)) + half * log(half * scale2) - from_mpf(mpmath.loggamma(to_mpf(half)))
    return (lambda t: const - (nu + 1) * log(t) - half * scale2 / t**2), float(nu) + 1


def data_prior(name, se2):
    """Return the priors that depend on the standard errors, as written in the brief."""
    k = len(se2)
    if name == "jeffreys":
        return (lambda t: log(sum((t / (v + t * t)) ** 2 for v in se2)) / 2), 1.0
    if name == "overall-jeffreys":

        def overall(t):
            w = [1 / (v + t * t) for v in se2]
            return log(sum(w) * sum((t * x) ** 2 for x in w)) / 2

        return overall, 2.0
    if name == "berger-deely":
        return (lambda t: sum(log(t / (v + t * t)) for v in se2) / k), 1.0
    if name == "conventional":
        return (lambda t: sum(log(t) - 3 * log(v + t * t) / 2 for v in se2) / k), 2.0
    w1, w2 = sum(1 / v for v in se2), sum(1 / v**2 for v in se2)
    s2 = (k - 1) * w1 / (w1**2 - w2) if name == "i2" else k / w1
    if name == "dumouchel":
        s = sqrt(s2)
        return (lambda t: log(s) - 2 * log(s + t)), 2.0
    if name in ("shrinkage", "i2"):
        return (lambda t: log(2 * s2 * t) - 2 * log(s2 + t * t)), 3.0
    raise ValueError(name)


def make_prior(spec, se2):
    """Give log density and tail power for the JSON form of a prior."""
    par = {key: num(value) for key, value in spec.items() if key != "name"}
    return fixed_prior(spec["name"], par) or data_prior(spec["name"], se2)


# --- the posterior at one value of tau --------------------------------------------------------


class Node:
    """What is known at one tau: log F, F (scaled), and the normal mu | tau, y."""

    __slots__ = ("f", "log_f", "mean", "t2", "tau", "u", "var")


class Model:
    """Data and priors in high precision."""

    def __init__(self, case):
        y, se = case_data(case)
        self.y = [num(v) for v in y]
        self.se2 = [num(v) ** 2 for v in se]
        self.size = len(self.y)
        self.span = (min(se), max(max(se), max(y) - min(y)))
        self.prior_mu = case["prior_mu"] and [num(v) for v in case["prior_mu"]]
        spec = case["prior_tau"]
        self.log_prior, power = make_prior(spec, self.se2)
        self.tied = spec["name"] == "normal-inverse-chi-squared"
        if self.tied:
            self.mu0, self.kappa0 = num(spec["mu0"]), num(spec["kappa0"])
        flat = self.prior_mu is None and not self.tied
        self.n_norm = self.size - 1 if flat else self.size
        self.tail = power + self.n_norm  # density of tau given y ~ tau^-tail
        self.shift = num(0)

    def extra(self, t2):
        """Return mean and variance of mu's prior given tau, or None when it is flat."""
        if self.tied:
            return self.mu0, t2 / self.kappa0
        return self.prior_mu and (self.prior_mu[0], self.prior_mu[1] ** 2)

    def at(self, u):
        """Integrate theta and mu out at tau = e^u."""
        node = Node()
        node.u, node.tau = u, exp(u)
        node.t2 = t2 = node.tau**2
        total = [v + t2 for v in self.se2]
        y = self.y
        extra = self.extra(t2)
        if extra:
            y = [*y, extra[0]]
            total.append(extra[1])
        weight = [1 / v for v in total]
        node.var = 1 / sum(weight)
        node.mean = sum(map(mul, weight, y)) * node.var
        resid = [v - node.mean for v in y]
        square = sum(map(mul, weight, map(mul, resid, resid)))
        log_like = (log(node.var / math.prod(total)) - square - self.n_norm * LOG_2PI) / 2
        node.log_f = log_like + self.log_prior(node.tau) + u
        node.f = exp(node.log_f - self.shift)
        return node

    def moment_exists(self, order):
        """Tell whether tau has this moment (then also theta_new, and mu if its prior is wide)."""
        return order < self.tail - 1


# --- integrals over the whole line ------------------------------------------------------------


class Grid:
    """The nodes of the trapezoid rule, made finer or wider as integrals ask for it."""

    def __init__(self, model):
        self.model = model
        self.lo, self.hi = find_range(model)
        self.step = num(2) ** -4
        while (self.hi - self.lo) / self.step < 48:
            self.step /= 2
        self.fill()
        self.norm = self.integrate(lambda node: 1)

    def fill(self):
        """Evaluate all nodes anew."""
        count = int((self.hi - self.lo) / self.step) + 5  # every 4th reaches the end
        self.nodes = [self.model.at(self.lo + k * self.step) for k in range(count)]

    def refine(self):
        """Halve the step, keeping the nodes there are."""
        self.step /= 2
        if self.step < num(2) ** -14:
            raise ArithmeticError("no convergence")
        new = [self.model.at(node.u + self.step) for node in self.nodes]
        self.nodes = [node for pair in zip(self.nodes, new, strict=True) for node in pair]

    def widen(self):
        """Extend the range on both sides."""
        self.lo, self.hi = self.lo - 16, self.hi + 16
        if self.hi - self.lo > 1500:
            raise ArithmeticError("the range grows without end")
        self.fill()

    def integrate(self, function):
        """Integrate F(u) * function(node), not normalised."""
        while True:
            terms = [node.f * function(node) for node in self.nodes[::4]]
            if not ends_small(terms):
                self.widen()
                continue
            terms, stride = self.refined(function, terms)
            if settled(terms):
                return sum(terms) * self.step * stride
            self.refine()

    def refined(self, function, terms):
        """Go from every 4th node to every 2nd and to all, as needed."""
        stride = 4
        while stride > 1 and not settled(terms):
            stride //= 2
            new = [node.f * function(node) for node in self.nodes[stride :: 2 * stride]]
            both = [num(0)] * (len(terms) + len(new))
            both[::2], both[1::2] = terms, new
            terms = both
        return terms, stride

    def expect(self, function):
        """Give the posterior expectation of a function of tau."""
        value = self.integrate(function)
        return value / self.norm


def settled(terms):
    """Tell whether the rules on the even and on the odd terms agree."""
    if len(terms) < 24:
        return False
    even, odd = sum(terms[::2]), sum(terms[1::2])
    return abs(even - odd) <= AGREE * sum(map(abs, terms))


def ends_small(terms):
    """Tell whether the range is wide enough."""
    return abs(terms[0]) + abs(terms[-1]) <= ENDS * sum(map(abs, terms))


def find_range(model):
    """Find where F (times the highest power of tau needed) is above e^-DEPTH of its peak."""
    lo = math.floor(math.log(model.span[0])) - 230
    hi = math.ceil(math.log(model.span[1])) + 230
    points = [num(lo) + k / num(2) for k in range(2 * (hi - lo))]
    order = max(p for p in (0, 1, 2) if p == 0 or model.moment_exists(p))
    logs = [model.at(u).log_f for u in points]
    peak = max(range(len(logs)), key=logs.__getitem__)
    top_u, top = climb(model, points[peak])
    model.shift = top

    def high(u, log_f):
        return log_f + max(num(0), order * (u - top_u)) > top - DEPTH

    inside = [k for k in range(len(logs)) if high(points[k], logs[k])] or [peak]
    if inside[0] == 0 or inside[-1] == len(logs) - 1:
        raise ArithmeticError("the scan is too narrow")
    left = min(points[inside[0]], top_u)
    right = max(points[inside[-1]], top_u)
    return edge(model, high, left, -1), edge(model, high, right, 1)


def climb(model, u):
    """Find the peak of F near u by golden section (a few digits)."""
    a, b = u - 1, u + 1
    ratio = (sqrt(num(5)) - 1) / 2
    for _ in range(30):
        c, d = b - ratio * (b - a), a + ratio * (b - a)
        if model.at(c).log_f > model.at(d).log_f:
            b = d
        else:
            a = c
    return (a + b) / 2, model.at((a + b) / 2).log_f


def edge(model, high, u, side):
    """Bisect for the end of the range between u (inside) and u + side (outside)."""
    inside, outside = u, u + side
    for _ in range(9):
        mid = (inside + outside) / 2
        if high(mid, model.at(mid).log_f):
            inside = mid
        else:
            outside = mid
    return outside


# --- tau: integrals over half a line ----------------------------------------------------------


def half_line(grid, u0, side):
    """Integrate F from u0 downwards (side -1) or upwards (side +1), not normalised."""
    model = grid.model
    reach = (grid.hi - u0) if side > 0 else (u0 - grid.lo)
    right = reach if reach > 8 else log(exp(reach) - 1) if reach > 0.01 else num(DEPTH)
    left = num(-56)

    def term(t):
        e = exp(t)
        return model.at(u0 + side * log1p(e)).f * e / (1 + e)

    for _ in range(20):
        terms = [term(left + k / num(8)) for k in range(int((right - left) * 8) + 1)]
        if ends_small(terms):
            return refined_sum(term, left, terms)
        left -= 12 if terms[0] * 4 > ENDS * sum(terms) else 0
        right += 24 if terms[-1] * 4 > ENDS * sum(terms) else 0
    raise ArithmeticError("half line cut short")


def refined_sum(term, left, terms):
    """Halve the step, at first 1/8, until the two halves agree."""
    step = num(1) / 8
    while not settled(terms):
        step /= 2
        if step < num(2) ** -12:
            raise ArithmeticError("no convergence on the half line")
        new = [term(left + (2 * k + 1) * step) for k in range(len(terms))]
        terms = [v for pair in zip(terms, new, strict=True) for v in pair]
    return sum(terms) * step


def rough_cdf(grid, u0):
    """Sum the nodes up to u0 in double precision."""
    done = sum(float(node.f) for node in grid.nodes if node.u <= u0)
    return done / sum(float(node.f) for node in grid.nodes)


def tau_tails(grid, x, both=False):
    """Give (cdf, sf) of tau: the smaller by quadrature, the other one as 1 minus it."""
    u0 = log(num(x))
    low = rough_cdf(grid, u0) < 0.5
    small = half_line(grid, u0, -1 if low else 1) / grid.norm
    if both:
        other = half_line(grid, u0, 1 if low else -1) / grid.norm
        if abs(small + other - 1) > 1e-20:
            raise ArithmeticError("cdf + sf is not 1")
    return (small, 1 - small) if low else (1 - small, small)


def legendre(n=30):
    """Give nodes and weights of the Gauss-Legendre rule on (0, 1)."""
    rule = []
    for k in range(n):
        x = mpmath.cos(mpmath.pi * (k + mpmath.mpf("0.75")) / (n + mpmath.mpf("0.5")))
        for _ in range(12):
            p0, p1 = mpmath.mpf(1), x
            for j in range(2, n + 1):
                p0, p1 = p1, ((2 * j - 1) * x * p1 - (j - 1) * p0) / j
            slope = n * (x * p1 - p0) / (x * x - 1)
            x -= p1 / slope
        rule.append((from_mpf((1 + x) / 2), from_mpf(1 / ((1 - x * x) * slope**2))))
    return rule


RULE = legendre()


def tau_quantile(grid, q):
    """Solve P(tau < x) = q by Newton's method on the log axis."""
    total = float(sum(node.f for node in grid.nodes))
    done, k = 0.0, 0
    while done < q * total:
        done += float(grid.nodes[k].f)
        k += 1
    u = grid.nodes[k - 1].u + grid.step / 2 - (done - q * total) / grid.nodes[k - 1].f * grid.step
    cdf = tau_tails(grid, exp(u))[0]
    for _ in range(40):
        step = (num(q) - cdf) * grid.norm / grid.model.at(u).f
        cdf += step * sum(w * grid.model.at(u + step * z).f for z, w in RULE) / grid.norm
        u += step
        if abs(step) < 1e-40:
            break
    else:
        raise ArithmeticError("Newton's method for tau did not settle")
    if grid.model.size <= 1000 and abs(tau_tails(grid, exp(u))[0] - num(q)) > 1e-21:
        raise ArithmeticError("quantile of tau")
    return exp(u)


def tau_pdf(grid, x):
    """Give the density of tau at x."""
    return grid.model.at(log(num(x))).f / num(x) / grid.norm


# --- mu, theta_j, theta_new: normal mixtures over tau -----------------------------------------


def law_of(model, name):
    """Return the function node -> (mean, variance) of mu, theta_new or theta_j given tau."""
    if name == "mu":
        return lambda node: (node.mean, node.var)
    if name == "theta_new":
        return lambda node: (node.mean, node.var + node.t2)
    y, se2 = model.y[int(name)], model.se2[int(name)]
    known = {}

    def theta(node):
        if node not in known:
            b = se2 / (se2 + node.t2)
            var = b * node.t2 + b * b * node.var
            known[node] = b * node.mean + (1 - b) * y, var
        return known[node]

    return theta


def mixture_tails(grid, law, x):
    """Give (cdf, sf) of a mixture, each with its own relative accuracy."""
    x, known = num(x), {}

    def both(node):
        if node not in known:
            mean, var = law(node)
            small = erfc(abs(x - mean) / (sqrt(var) * SQRT2)) / 2
            known[node] = (small, 1 - small) if x < mean else (1 - small, small)
        return known[node]

    cdf, sf = grid.expect(lambda node: both(node)[0]), grid.expect(lambda node: both(node)[1])
    if abs(cdf + sf - 1) > 1e-20:
        raise ArithmeticError("cdf + sf is not 1")
    return cdf, sf


def mixture_pdf(grid, law, x):
    """Give the density of a mixture at x."""

    def part(node):
        mean, var = law(node)
        return exp(-((x - mean) ** 2) / (2 * var)) / (sqrt(var) * SQRT_2PI)

    return grid.expect(part)


def rough_quantile(grid, law, q, centre):
    """Bisect for a mixture's quantile in double precision, measured from centre."""
    rows = []
    for node in grid.nodes:
        if node.f > 1e-18:
            mean, var = law(node)
            rows.append((float(node.f), float(mean - centre), float(sqrt(2 * var))))
    total = sum(row[0] for row in rows)
    a, b = min(m - 9 * s for _, m, s in rows), max(m + 9 * s for _, m, s in rows)
    for _ in range(140):
        mid = (a + b) / 2
        if sum(f * math.erfc((m - mid) / s) for f, m, s in rows) < 2 * q * total:
            a = mid
        else:
            b = mid
    return num((a + b) / 2)


def mixture_quantile(grid, law, q):
    """Solve cdf(x) = q by Newton's method from a double precision start."""
    centre = law(max(grid.nodes, key=lambda node: node.f))[0]
    x = centre + rough_quantile(grid, law, q, centre)
    scale = None
    for _ in range(12):
        step = (num(q) - mixture_tails(grid, law, x)[0]) / mixture_pdf(grid, law, x)
        scale = scale or 1 / mixture_pdf(grid, law, x)
        x += step
        if abs(step) < scale * 1e-18:  # the next error is of the order of its square
            return x
    raise ArithmeticError("Newton's method for a mixture did not settle")


# --- one case ---------------------------------------------------------------------------------


def tau_moments(grid):
    """Give mean and sd of tau, None where infinite."""
    model = grid.model
    mean = grid.expect(lambda node: node.tau) if model.moment_exists(1) else None
    if not model.moment_exists(2):
        return {"mean": show(mean), "sd": None}
    sd = sqrt(grid.expect(lambda node: (node.tau - mean) ** 2))
    return {"mean": show(mean), "sd": show(sd)}


def mixture_moments(grid, law, always):
    """Give mean and sd of a mixture, None where infinite or undefined."""
    model = grid.model
    if not always and not model.moment_exists(1):
        return {"mean": None, "sd": None}
    base = model.y[0]

    def offset(node):
        value = law(node)[0] - base
        return value if abs(value) > abs(base) * 1e-40 else num(0)  # rounding, when all y are equal

    mean = base + grid.expect(offset)
    if not always and not model.moment_exists(2):
        return {"mean": show(mean), "sd": None}

    def square(node):
        m, v = law(node)
        return v + (m - mean) ** 2

    return {"mean": show(mean), "sd": show(sqrt(grid.expect(square)))}


def pick_points(quantiles, factors):
    """Place doubles at the median plus multiples of a quarter of the 95% interval."""
    q_lo, q_mid, q_hi = quantiles
    width = (q_hi - q_lo) / 4
    return [float(q_mid + num(k) * width) for k in factors]


def rows_of(function, points, least=1e-200):
    """Tabulate (cdf, sf), leaving out what doubles could not hold."""
    rows = []
    for x in points:
        cdf, sf = function(x)
        if min(cdf, sf) > least:
            rows.append([repr(x), show(cdf), show(sf)])
    return rows


def tau_points(quantiles):
    """Choose where to tabulate tau."""
    near = pick_points(quantiles, (-2, -1, 0, 1, 2, 4, 8))
    wide = [float(quantiles[1] * num(k)) for k in (1e-8, 1e-3, 0.1, 20, 1000)]
    return sorted({x for x in near + wide if x > 0})


def mixture_entries(grid, case, entry, full):
    """Fill in mu, the thetas and theta_new."""
    model = grid.model
    names = ["mu", *map(str, case["show"]), "theta_new"] if full else ["mu"]
    laws = {name: law_of(model, name) for name in names}
    for name, law in laws.items():
        always = name.isdigit() or (name == "mu" and model.prior_mu is not None)
        target = entry["moments"]
        if name.isdigit():
            target = target.setdefault("theta", {})
        target[name] = mixture_moments(grid, law, always)
    if not full:
        return
    for name, law in laws.items():
        quantiles = [mixture_quantile(grid, law, q) for q in LEVELS]
        points = pick_points(quantiles, (-20, -7, -3, -1, 0, 0.5, 2, 5, 12))
        rows = rows_of(lambda x, law=law: mixture_tails(grid, law, x), points)
        solved = [[repr(q), show(x)] for q, x in zip(LEVELS, quantiles, strict=True)]
        if name.isdigit():
            entry["cdf"].setdefault("theta", {})[name] = rows
            if int(name) == case["show"][-1]:
                entry["ppf"]["theta"] = {name: solved}
        else:
            entry["cdf"][name], entry["ppf"][name] = rows, solved


def tau_entries(grid, entry, full):
    """Fill in tau."""
    entry["moments"]["tau"] = tau_moments(grid)
    quantiles = [tau_quantile(grid, q) for q in LEVELS]
    entry["ppf"]["tau"] = [[repr(q), show(x)] for q, x in zip(LEVELS, quantiles, strict=True)]
    points = tau_points(quantiles)
    more = [float(quantiles[1] * num(k)) for k in (1e-12, 1e6)]
    pdf = [(x, tau_pdf(grid, x)) for x in sorted(points + more)]
    entry["pdf_tau"] = [[repr(x), show(p)] for x, p in pdf if p > 1e-200]
    if full:
        entry["cdf"]["tau"] = rows_of(lambda x: tau_tails(grid, x), points)
        if grid.model.size <= 1000:
            tau_tails(grid, quantiles[1], both=True)


def solve(case):
    """Compute everything for one case."""
    entry = {key: value for key, value in case.items() if key not in ("show", "full")}
    entry |= {"log_z": None, "moments": {}, "cdf": {}, "ppf": {}, "pdf_tau": []}
    model = Model(case)
    grid = Grid(model)
    tau_entries(grid, entry, case["full"])
    mixture_entries(grid, case, entry, case["full"])
    entry["log_z"] = show(log(grid.norm) + model.shift)
    return entry, grid


# --- the cases --------------------------------------------------------------------------------

SCHOOLS = (
    [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
    [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
)


PLUS_MINUS = [0.75, -0.5, 1.0, -1.5, 0.25, 0.5, -1.0, 1.25, -0.25, 2.0, -0.75, 0.5]


def run_recipe(recipe):
    """Make data from {"seed", "groups", "mu", "tau", "low", "high"}: exact in any NumPy.

    u = numpy.random.default_rng(seed).random((groups, 9)); every step below is one plain float64
    operation, in this order.
    """
    u = np.random.default_rng(recipe["seed"]).random((recipe["groups"], 9))
    se = recipe["low"] + (recipe["high"] - recipe["low"]) * u[:, 0]
    a = ((u[:, 1] + u[:, 2]) + (u[:, 3] + u[:, 4]) - 2.0) * recipe["tau"]
    b = ((u[:, 5] + u[:, 6]) + (u[:, 7] + u[:, 8]) - 2.0) * se
    return (recipe["mu"] + 1.75 * a) + 1.75 * b, se


def case_data(case):
    """Give y and se of a case as lists of doubles."""
    if "recipe" in case:
        y, se = run_recipe(case["recipe"])
        return y.tolist(), se.tolist()
    return case["y"], case["se"]


def prior(name, **par):
    """Write a prior in its JSON form."""
    return {"name": name, **par}


DATA_PRIORS = [
    "uniform",
    "sqrt",
    "jeffreys",
    "overall-jeffreys",
    "berger-deely",
    "conventional",
    "dumouchel",
    "shrinkage",
    "i2",
]
SCALED_PRIORS = [
    prior("halfnormal", scale=5.0),
    prior("halfcauchy", scale=5.0),
    prior("exponential", scale=5.0),
    prior("gamma", shape=2.0, scale=3.0),
    prior("lognormal", sigma=1.0, scale=4.0),
    prior("lomax", c=2.0, scale=4.0),
]


def school_cases():
    """Eight schools under every prior."""
    y, se = SCHOOLS
    cases = []

    def add(name, prior_mu, prior_tau):
        cases.append(
            {
                "name": f"eight_schools/{name}",
                "y": y,
                "se": se,
                "prior_mu": prior_mu,
                "prior_tau": prior_tau,
                "show": [2, 7, 0],
                "full": True,
            }
        )

    for spec in [*map(prior, DATA_PRIORS), *SCALED_PRIORS]:
        add(spec["name"], None, spec)
    for spec in [prior("uniform"), *SCALED_PRIORS[:2]]:
        add(f"{spec['name']}/mu_normal", [0.0, 5.0], spec)
    nix = prior("normal-inverse-chi-squared", mu0=0.0, kappa0=0.1, nu0=0.1, tau2_0=100.0)
    add(nix["name"], None, nix)
    return cases


def small_shapes():
    """Name, y, se and the groups to show."""
    y8, se8 = SCHOOLS
    rng = np.random.default_rng(20240611)
    near = np.round(rng.random(30) * 0.02 + 4, 6).tolist()
    far = np.round((rng.random(30) - 0.4) * 3e6, 1).tolist()
    se30 = np.round(0.8 + rng.random(30), 3).tolist()
    y20 = np.round(rng.random(20) * 9 - 3, 3).tolist()
    wild = [10.0 ** (-6 + 12 * k / 11) for k in range(12)]
    y12 = [1.25, 1.5, -0.5, 2.0, 0.75, 3.0, -6.0, 40.0, -150.0, 2500.0, 9000.0, -800000.0]
    pooled = [1.25 + f * s for f, s in zip(PLUS_MINUS, wild, strict=True)]
    y10 = [0.3, -1.1, 0.8, 1.9, -0.4, 0.1, 1.2, -0.7, 0.6]
    return [
        ("three_groups", [1.2, 3.4, -0.7], [0.9, 1.4, 1.1], [0, 2]),
        ("four_groups", [1.2, 3.4, -0.7, 5.5], [0.9, 1.4, 1.1, 0.6], [0, 3]),
        ("five_groups", [1.2, 3.4, -0.7, 5.5, 0.4], [0.9, 1.4, 1.1, 0.6, 2.5], [0, 3]),
        ("equal_se", y20, [1.5] * 20, [0, 19]),
        ("wild_se", y12, wild, [0, 6, 11]),
        ("wild_se_pooled", pooled, wild, [0, 6, 11]),
        ("outlier", [*y10, 50.0], [1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 1.0, 0.7, 1.4, 1.0], [0, 9]),
        ("all_equal", [3.7] * 10, [1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 2.0, 0.7, 1.4, 3.0], [0, 9]),
        ("tau_zero", near, se30, [0, 29]),
        ("tau_huge", far, se30, [0, 29]),
        ("schools_times_1e8", [v * 1e8 for v in y8], [v * 1e8 for v in se8], [7, 0]),
        ("schools_times_1e-8", [v * 1e-8 for v in y8], [v * 1e-8 for v in se8], [7, 0]),
        ("schools_plus_1e8", [v + 1e8 for v in y8], se8, [7, 0]),
    ]


def shape_cases():
    """Return the other data, each under the uniform and a half-Cauchy prior."""
    cases = []
    for name, y, se, which in small_shapes():
        cases += both_priors({"name": name, "y": y, "se": se, "show": which, "full": True})
    for groups in (200, 2000, 10000):
        recipe = {"seed": groups + 7, "groups": groups, "mu": 1.0, "tau": 0.5}
        recipe |= {"low": 0.5, "high": 2.0}
        extra = {"show": [0, groups - 1], "full": groups < 5000}
        cases += both_priors({"name": f"groups_{groups}", "recipe": recipe, **extra})
    return cases


def both_priors(base):
    """Give a data set its two priors."""
    scale = float(np.median(case_data(base)[1]))
    specs = [prior("uniform"), prior("halfcauchy", scale=scale)]
    data = {key: value for key, value in base.items() if key != "name"}
    return [
        {"name": f"{base['name']}/{spec['name']}", **data, "prior_mu": None, "prior_tau": spec}
        for spec in specs
    ]


# --- checks and the command line --------------------------------------------------------------

KNOWN = {  # figures on record elsewhere: name, path, value as printed there
    "eight_schools/uniform": [
        ("tau", "6.5754833467", "5.6503793370"),
        ("mu", "7.9323750182", "5.1783947798"),
        ("0", "11.4002608704", "8.3414162375"),
        ("1", "7.8945522837", "6.2748354302"),
        ("2", "6.1307468569", "7.7651673878"),
        ("3", "7.6446786243", "6.5462611514"),
        ("4", "5.1264241119", "6.3574197444"),
        ("5", "6.1385362429", "6.7102949677"),
        ("6", "10.6669833281", "6.7855866224"),
        ("7", "8.4568178276", "7.8881982940"),
    ],
    "eight_schools/halfcauchy/mu_normal": [
        ("mu", "4.396820714", "3.317704463"),
        ("tau", "3.597705484", "3.219958415"),
    ],
    "eight_schools/halfnormal/mu_normal": [
        ("mu", "4.441369516", "3.283351519"),
        ("tau", "3.290366660", "2.491285224"),
    ],
    "eight_schools/normal-inverse-chi-squared": [("tau", "4.582126", "2.847791")],
}


def check():
    """Compare with the figures on record, and erfc with mpmath's."""
    for k in range(0, 400, 7):
        z = num(k) / 16
        exact = mpmath.erfc(to_mpf(z))
        if abs(to_mpf(erfc(z)) / exact - 1) > mpmath.mpf("1e-42"):
            raise ArithmeticError(f"erfc({z})")
    cases = {case["name"]: case for case in school_cases()}
    for name, rows in KNOWN.items():
        grid = Grid(Model(cases[name]))
        for key, mean, sd in rows:
            law = key != "tau" and law_of(grid.model, key)
            got = mixture_moments(grid, law, True) if law else tau_moments(grid)
            for label, known in (("mean", mean), ("sd", sd)):
                places = len(known.split(".")[1])
                off = abs(mpmath.mpf(got[label]) - mpmath.mpf(known)) * 10**places
                print(f"{name:45} {key:4} {label:5} {known:>15} {'ok' if off < 0.6 else 'OFF'}")
    grid = Grid(Model(cases["eight_schools/normal-inverse-chi-squared"]))
    print("P(tau > 16) =", show(tau_tails(grid, 16.0)[1]), "on record: 0.006984")


def versions():
    """Name what computed the figures."""
    return {
        "python": platform.python_version(),
        "mpmath": mpmath.__version__,
        "arithmetic": f"gmpy2 {gmpy2.version()}" if gmpy2 else "mpmath",
        "bits": BITS,
        "numpy": np.__version__,
    }


def write(done, order):
    """Write the cases there are, one to a line."""
    lines = [json.dumps(done[name]) for name in order if name in done]
    head = json.dumps({"versions": versions(), "digits": 20})[:-1]
    OUT.write_text(head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")


def main():
    """Compute the cases asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--print", dest="show")
    args = parser.parse_args()
    cases = school_cases() + shape_cases()
    order = [case["name"] for case in cases]
    if args.check:
        return check()
    if args.show:
        wanted = [case for case in cases if case["name"] == args.show]
        return print(*(json.dumps(solve(case)[0]) for case in wanted), sep="\n")
    done = {}
    if OUT.exists():
        done = {case["name"]: case for case in json.loads(OUT.read_text())["cases"]}
    for case in cases:
        name = case["name"]
        if args.only not in name or (name in done and not args.force):
            continue
        start = time.perf_counter()
        done[name], grid = solve(case)
        write(done, order)
        print(
            f"{name:45} {time.perf_counter() - start:6.1f} s, {len(grid.nodes)} nodes, "
            f"h = {float(grid.step):.4g}, log tau {float(grid.lo):.1f} .. {float(grid.hi):.1f}",
            flush=True,
        )
    return None


if __name__ == "__main__":
    main()
