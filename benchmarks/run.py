"""All benchmarks in one run, as ratios: ``make bench``, or ``python benchmarks/run.py``.

Peers are timed beside pyhier, in the same minutes on the same machine; a ratio from two runs means
nothing. The tables go to the terminal and to benchmarks/results.md.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from coda_diagnostics import diagnostics
from counts import count_sizes, counts
from covariates import covariates
from lmer import lmer
from many import many
from many_groups import many_groups
from nuts import nuts
from rows import rows
from samplers import samplers
from streams import streams
from sums import sums

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier.datasets import dataset_path

HERE = Path(__file__).parent
ITERATIONS = 1_000_000


def best(function: Callable[[], object], repeats: int = 5) -> float:
    """Least of several times, in seconds."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def fresh_process(*command: str, repeats: int = 9) -> float:
    """Median seconds of a command from start to end, after one to warm the caches.

    Python may keep its bytecode, as it does for an installed package.
    """
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=env)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def table(title: str, head: list[str], rows: list[list[str]]) -> str:
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |"]
    lines.append("|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


@numba.njit
def log_marginal(mu, log_tau, y, var):  # type: ignore[no-untyped-def]
    tau2, total = np.exp(2.0 * log_tau), log_tau
    for j in range(y.size):
        total -= 0.5 * (np.log(tau2 + var[j]) + (mu - y[j]) ** 2 / (tau2 + var[j]))
    return total


@numba.njit
def numba_chain(y, var, upper, start, m):  # type: ignore[no-untyped-def]
    """What a user would write: the same chain in plain numba."""
    out = np.empty((m, 2))
    mu, log_tau = start
    value = log_marginal(mu, log_tau, y, var)
    for i in range(m):
        a, b = np.random.normal(), np.random.normal()  # noqa: NPY002
        new_mu = mu + 2.0 * upper[0, 0] * a
        new_log_tau = log_tau + 2.0 * (upper[0, 1] * a + upper[1, 1] * b)
        proposed = log_marginal(new_mu, new_log_tau, y, var)
        if np.log(np.random.random()) < proposed - value:  # noqa: NPY002
            mu, log_tau, value = new_mu, new_log_tau, proposed
        out[i] = mu, log_tau
    return out


def sampler() -> str:
    """Random-walk Metropolis on the eight schools."""
    schools = ph.load_dataset("eight_schools")
    y, sigma = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    data = np.column_stack([y, sigma**2])
    fit = lb.laplace(lb.normnormexch, [8, 2], data)
    proposal = {"var": fit.var, "scale": 2}
    model = ph.NormalNormal(y, se=sigma)
    command = ["Rscript", str(HERE / "learnbayes.R"), str(ITERATIONS)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    r_builtin, r_post = map(float, output.split())

    def ours(logpost: object, *args: object, rng: object) -> float:
        def run() -> object:
            return lb.rwmetrop(logpost, proposal, fit.mode, ITERATIONS, *args, rng=rng)

        return best(run) / ITERATIONS

    upper = np.linalg.cholesky(fit.var).T.copy()
    numba_chain(y, sigma**2, upper, fit.mode, 10)
    by_numba = best(lambda: numba_chain(y, sigma**2, upper, fit.mode, ITERATIONS)) / ITERATIONS
    pcg = np.random.default_rng(1)
    post = model.log_marginal
    times = [
        ("LearnBayes::rwmetrop, normnormexch", r_builtin, r_builtin),
        ("numba loop, NumPy's legacy generator", by_numba, r_builtin),
        (
            "pyhier, normnormexch, R's stream",
            ours(lb.normnormexch, data, rng=ph.RStream(11)),
            r_builtin,
        ),
        ("pyhier, normnormexch, NumPy's PCG64", ours(lb.normnormexch, data, rng=pcg), r_builtin),
        ("LearnBayes::rwmetrop, the post's logpost", r_post, r_post),
        ("pyhier, the post's logpost, R's stream", ours(post, rng=ph.RStream(11)), r_post),
        ("pyhier, the post's logpost, NumPy's PCG64", ours(post, rng=pcg), r_post),
    ]
    rows = [[name, f"{1e9 * t:,.0f}", f"{base / t:,.0f}"] for name, t, base in times]
    title = f"Random-walk Metropolis, eight schools, {ITERATIONS:,} iterations"
    return table(title, ["sampler", "ns an iteration", "times LearnBayes"], rows)


BAYESMETA = 1.3  # seconds a fit, the least on record; the package is not in Debian


def exact() -> str:
    """The exact posterior: fit and summary of all marginals, beside plug-in fits of others."""
    from statsmodels.stats.meta_analysis import combine_effects

    schools = ph.load_dataset("eight_schools")
    y, sigma = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    command = ["Rscript", str(HERE / "metafor.R"), "200"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    by_metafor = float(output)
    by_statsmodels = best(lambda: combine_effects(y, sigma**2, method_re="dl"), 50)

    def ours() -> object:
        return ph.exact(ph.NormalNormal(y, se=sigma)).columns((0.025, 0.5, 0.975))

    seconds = best(ours, 50)
    times = [
        ("bayesmeta (on record, not in this run)", BAYESMETA),
        ("metafor: rma by REML, blup", by_metafor),
        ("statsmodels: combine_effects (no effects of groups)", by_statsmodels),
        ("pyhier: exact and the summary of all eleven marginals", seconds),
    ]
    rows = [[name, f"{1e3 * t:,.2f}", f"{t / seconds:,.1f}"] for name, t in times]
    return table("One fit, eight schools", ["engine", "ms", "times pyhier's"], rows)


def draws() -> str:
    """Independent joint draws, beside the best effective samples a second on record."""
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    post, n = ph.exact(model), 2_000_000
    post.draw_phi(10, 1)
    joint = best(lambda: post.sample(n, 1), 3) / n
    hyper = best(lambda: post.draw_phi(n, 1), 3) / n
    rows = [
        ["JAGS, marginal model (effective draws of mu, tau; on record)", "0.19", "1"],
        ["pyhier: mu, tau, theta[8]", f"{1e-6 / joint:.1f}", f"{1e-6 / joint / 0.19:.0f}"],
        ["pyhier: mu, tau", f"{1e-6 / hyper:.1f}", f"{1e-6 / hyper / 0.19:.0f}"],
    ]
    return table("Independent draws, eight schools", ["", "million a second", "ratio"], rows)


def million() -> str:
    """Exact summary of mu and tau as the number of groups grows."""
    rows, rng = [], np.random.default_rng(1)
    for groups in (8, 1_000, 100_000, 1_000_000):
        se = rng.uniform(1.0, 3.0, groups)
        y = rng.normal(4.0, np.hypot(se, 2.0))

        def ours(y: np.ndarray = y, se: np.ndarray = se) -> object:
            post = ph.exact(ph.NormalNormal(y, se=se))
            q = [0.025, 0.5, 0.975]
            return [(post[k].mean(), post[k].std(), post[k].ppf(q)) for k in ("mu", "tau")]

        rows.append([f"{groups:,}", f"{1e3 * best(ours, 5):,.1f}"])
    return table("Exact summary of mu and tau", ["groups", "ms"], rows)


def start_up() -> str:
    """From a fresh process to the printed table, and imports alone."""
    file = str(dataset_path("eight_schools"))
    columns = ["--y", "y", "--se", "sigma", "--label", "school", "--seed", "11"]
    pyhier = str(Path(sys.executable).parent / "pyhier")
    r = fresh_process("Rscript", str(HERE / "fit.R"), file)
    exact_table = fresh_process(pyhier, "fit", file, *columns)
    chain = ["--method", "rwmetrop", "--draws", "10000", "--burn-in", "0"]
    ours = fresh_process(pyhier, "fit", file, *columns, *chain)
    numpy_alone = fresh_process(sys.executable, "-c", "import numpy")
    pyhier_alone = fresh_process(sys.executable, "-c", "import pyhier")
    rows = [
        ["Rscript with LearnBayes: the table", f"{r:.3f}", ""],
        ["pyhier fit --method rwmetrop: the table", f"{ours:.3f}", f"{ours / r:.2f} of R's"],
        ["pyhier fit: the exact table", f"{exact_table:.3f}", f"{exact_table / r:.2f} of R's"],
        ["python -c 'import numpy'", f"{numpy_alone:.3f}", ""],
        [
            "python -c 'import pyhier'",
            f"{pyhier_alone:.3f}",
            f"{pyhier_alone / numpy_alone:.2f} of NumPy's",
        ],
    ]
    return table("From a fresh process, 10,000 iterations", ["command", "seconds", "ratio"], rows)


def growth() -> str:
    """Cost of an iteration as the number of groups grows."""
    rows, rng = [], np.random.default_rng(1)
    first = 0.0
    for groups in (1_000, 10_000, 100_000, 1_000_000):
        se = rng.uniform(1.0, 3.0, groups)
        model = ph.NormalNormal(rng.normal(4.0, np.hypot(se, 2.0)), se=se)
        fit, m = ph.laplace(model), max(200, 20_000_000 // groups)

        def run(model: ph.NormalNormal = model, fit: ph.LaplaceFit = fit, m: int = m) -> object:
            return ph.rwmetrop(model, m, fit, rng=1, theta=False)

        seconds = best(run, 3) / m
        first = first or seconds / groups
        rows.append(
            [f"{groups:,}", f"{1e6 * seconds:,.2f}", f"{1e9 * seconds / groups:.3f}",
             f"{seconds / groups / first:.2f}"]
        )  # fmt: skip
    head = ["groups", "µs an iteration", "ns a group", "a group, relative to 1,000"]
    return table("Cost against the number of groups", head, rows)


def exact_counts() -> str:
    """Exact posteriors of two hyperparameters, beside NUTS."""
    return counts(best, table)


def sizes_of_counts() -> str:
    """Exact posteriors of counts and all their summaries, by the number of groups."""
    return count_sizes(best, table)


def covariates_and_levels() -> str:
    """Meta-regression and levels beside metafor."""
    return covariates(best, table)


def data_sets() -> str:
    """Many data sets at once."""
    return many(best, table)


def very_many_groups() -> str:
    """Sums in place of groups."""
    return sums(best, table)


def raw_rows() -> str:
    """Raw rows beside lme4, statsmodels and rstanarm."""
    return rows(best, table)


def mixed_models() -> str:
    """The classical fit of raw rows beside lme4, lmerTest and statsmodels."""
    return lmer(best, table)


def hamiltonian() -> str:
    """NUTS beside nutpie and rstan."""
    return nuts(best, table)


def coda_diagnostics() -> str:
    """Coda's diagnostics beside coda."""
    return diagnostics(best, table)


def all_samplers() -> str:
    """Every sampler of LearnBayes beside its face."""
    return samplers(table)


def polynomials() -> str:
    """Of sums over many groups, beside the sums."""
    return many_groups(table)


def main() -> None:
    """Run everything, print it and keep it."""
    parts = ["# Benchmarks", "", "Made by `make bench`; ratios are of times in the same run.", ""]
    r = subprocess.run(["Rscript", "--version"], capture_output=True, text=True, check=True)
    described = [
        line for line in Path("/proc/cpuinfo").read_text().split("\n") if "model n" in line
    ]
    cpu = described[0].split(":")[1].strip() if described else platform.processor()
    where = f"{cpu}; Python {platform.python_version()}, NumPy {np.__version__}"
    parts += [f"{where}; {(r.stdout + r.stderr).strip()}", ""]
    for section in (
        sampler,
        start_up,
        growth,
        exact,
        draws,
        million,
        covariates_and_levels,
        raw_rows,
        data_sets,
        very_many_groups,
        mixed_models,
        exact_counts,
        sizes_of_counts,
        polynomials,
        hamiltonian,
        streams,
        all_samplers,
        coda_diagnostics,
    ):
        parts.append(section())
        print(parts[-1], flush=True)
    (HERE / "results.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
