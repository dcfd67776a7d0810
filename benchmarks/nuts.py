"""NUTS beside nutpie and rstan in one run, and what gradients of many groups cost.

nutpie runs the same log density through its public ``from_pyfunc``, with a numba gradient; it is
optional (``pip install nutpie``), as is rstan (Debian's ``r-cran-rstan``). Compile time is left
out.
Effective draws are ArviZ's, the least of mu and log tau's.
"""

import shutil
import subprocess
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from scipy import stats

import pyhier as ph

DRAWS, TUNE, CHAINS = 1_000, 1_000, 4
RSCRIPT = shutil.which("Rscript")


@dataclass(frozen=True)
class Run:
    """Seconds, draws of (mu, log tau) of shape (chain, draw, 2), mean steps and depth of trees."""

    seconds: float
    draws: np.ndarray
    steps: float
    depth: float = np.nan

    @property
    def ess(self) -> float:
        """The least effective number of draws of both."""
        import arviz

        return float(min(arviz.ess(self.draws[..., k], method="bulk") for k in range(2)))


def schools() -> ph.NormalNormal:
    d = ph.load_dataset("eight_schools")
    return ph.NormalNormal(
        d["y"], se=d["sigma"], prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5)
    )


def by_pyhier(model: Any, best: Callable[..., float]) -> Run:
    seconds = best(lambda: ph.nuts(model, DRAWS, TUNE, CHAINS, rng=1), 5)
    post = ph.nuts(model, DRAWS, TUNE, CHAINS, rng=1)
    stats = post.sample_stats
    return Run(seconds, post.phi, stats["n_steps"].mean(), stats["tree_depth"].mean())


def density_of(model: Any) -> Any:
    """The non-centred log density and its gradient, for numba."""
    y, weight = model.y, 1.0 / model.var

    @numba.njit
    def density(x):
        mu, tau, z = x[0], np.exp(x[1]), x[2:]
        pull = weight * (y - mu - tau * z)
        value = x[1] - mu * mu / 50.0 - tau * tau / 50.0 - 0.5 * np.sum(z * z)
        value -= 0.5 * np.sum(pull * (y - mu - tau * z))
        gradient = np.empty_like(x)
        gradient[0] = np.sum(pull) - mu / 25.0
        gradient[1] = tau * np.sum(pull * z) + 1.0 - tau * tau / 25.0
        gradient[2:] = tau * pull - z
        return value, gradient

    return density


def by_nutpie(model: Any) -> Run:
    import nutpie

    density, p = density_of(model), len(model.labels) + 2
    density(np.zeros(p))
    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        p, lambda: density, lambda *_: lambda x: {"x": x}, [np.dtype(float)], [(p,)], ["x"],
        dims={"x": ("x_dim",)}, coords={"x_dim": np.arange(p)},
    )  # fmt: skip

    def run() -> Any:
        return nutpie.sample(
            compiled, draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, seed=1, progress_bar=False
        )

    run()
    begun = time.perf_counter()
    trace = run()
    seconds = time.perf_counter() - begun
    tree = trace.sample_stats
    return Run(
        seconds, trace.posterior["x"].to_numpy()[..., :2], float(tree["n_steps"].mean()),
        float(tree["depth"].mean()),
    )  # fmt: skip


@numba.njit
def standard(x):
    """Twenty independent standard normals."""
    return -0.5 * np.sum(x * x), -x


def trees() -> list[list[str]]:
    """Mean steps of a trajectory by step size, of the same density: the samplers' trees agree.

    The two tune to other step sizes, so pyhier's steps are a curve through chains at seven targets,
    with the metric that nutpie finds by the gradients of a normal density: the identity.
    """
    import nutpie

    p, targets = 20, (0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)
    mine = [
        ph.nuts(standard, 2_000, 500, start=np.zeros(p), target_accept=t, metric="identity", rng=1)
        for t in targets
    ]
    size = np.concatenate([run.trajectories.step_size for run in mine])
    steps = np.concatenate([run.sample_stats["n_steps"].mean(axis=1) for run in mine])
    curve = np.polynomial.Polynomial.fit(size, steps, 4)
    apart = np.std(steps - curve(size))
    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        p, lambda: standard, lambda *_: lambda x: {"x": x}, [np.dtype(float)], [(p,)], ["x"],
        dims={"x": ("x_dim",)}, coords={"x_dim": np.arange(p)},
    )  # fmt: skip
    rows = []
    for target in (0.7, 0.8, 0.9):
        stats = nutpie.sample(
            compiled, draws=2_000, tune=1_000, chains=4, cores=2, seed=1, progress_bar=False,
            target_accept=target,
        ).sample_stats  # fmt: skip
        theirs = stats["step_size"].to_numpy().mean(axis=1)
        rows.append([
            f"step {theirs.mean():.3f}", f"{float(stats['n_steps'].mean()):.2f}",
            f"{curve(theirs).mean():.2f} +/- {apart:.2f}",
        ])  # fmt: skip
    return rows


def by_rstan(model: Any) -> Run | None:
    data = pd.DataFrame({"y": model.y, "sigma": np.sqrt(model.var)})
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "draws.csv"
        command = [RSCRIPT, str(Path(__file__).parent / "nuts.R"), *map(str, (DRAWS, TUNE, CHAINS)),
                   str(out)]  # fmt: skip
        done = subprocess.run(
            command, input=data.to_csv(index=False), capture_output=True, text=True
        )
        if done.returncode:  # rstan is not installed
            return None
        seconds, steps = map(float, done.stdout.split()[-2:])
        draws = pd.read_csv(out).to_numpy().reshape(CHAINS, DRAWS, 2)
    return Run(seconds, draws, steps)


def many_groups(groups: int) -> ph.NormalNormal:
    rng = np.random.default_rng(1)
    se = rng.uniform(1.0, 3.0, groups)
    y = rng.normal(2.0, np.hypot(se, 1.5))
    return ph.NormalNormal(y, se=se, prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5))


def gradients(best: Callable[..., float], groups: int = 1_000_000) -> list[list[str]]:
    """The gradient's time over the log density's, for each parameterisation."""
    model, rows = many_groups(groups), []
    for kind in ("non-centred", "centred"):
        joint = model.joint(kind)
        point = joint.start()
        value = best(lambda d=joint.gradient, x=point: d.value(x), 9)
        slopes = np.empty_like(point)
        both = best(lambda d=joint.gradient, x=point, g=slopes: d.fill(x, g), 9)
        label = f"value and gradient of {groups:,} groups, {kind}"
        rows.append([label, f"{1e3 * both:,.1f}", f"{both / value:.2f} times the value alone"])
    return rows


def large(groups: int = 100_000, draws: int = 500) -> list[str]:
    """A large run that keeps two quantities: seconds, and the most memory that Python asked for."""
    model = many_groups(groups)
    tracemalloc.start()
    begun = time.perf_counter()
    post = ph.nuts(model, draws, 300, 2, keep=["mu", "tau"], rng=1)
    seconds = time.perf_counter() - begun
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    error = abs(post["tau"].mean() - ph.exact(model)["tau"].mean()) / post["tau"].std()
    return [
        f"{groups:,} groups, 2 x (300 + {draws}), mu and tau kept", f"{1e3 * seconds:,.0f}",
        f"{peak / 1e6:,.0f} MB; all effects would be {16e-6 * groups * draws:,.0f} MB; "
        f"tau {error:.2f} sds off",
    ]  # fmt: skip


def nuts(best: Callable[..., float], table: Callable[..., str]) -> str:
    """Eight schools by every sampler that is there; gradients; a large run."""
    model = schools()
    runs: dict[str, Run | None] = {"pyhier": by_pyhier(model, best)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs["nutpie, from_pyfunc"] = by_nutpie(model) if find_spec("nutpie") else None
        runs["rstan"] = by_rstan(model) if RSCRIPT else None
    mine = runs["pyhier"]
    assert mine is not None
    rate, rows = mine.ess / mine.seconds, []
    for name, run in runs.items():
        if run is not None:
            tree = f"{run.steps:.1f} steps a draw" + (
                "" if np.isnan(run.depth) else f", depth {run.depth:.2f}"
            )
            slower = rate / (run.ess / run.seconds)
            rows.append(
                [name, f"{1e3 * run.seconds:,.0f}", f"{run.ess:,.0f}", f"{slower:.1f}", tree]
            )
    head = ["eight schools, 4 x (1,000 + 1,000)", "ms", "effective draws",
            "times pyhier's ms an effective draw", "trees"]  # fmt: skip
    first = table("NUTS, non-centred", head, rows)
    absent = [name for name, run in runs.items() if run is None]
    if absent:
        first += f"\nNot installed here, and so not run: {'; '.join(absent)}.\n"
    more = [*gradients(best), large()]
    parts = [first, table("NUTS of many groups", ["", "ms", ""], more)]
    if find_spec("nutpie"):
        head = ["20 standard normals", "nutpie's steps a draw", "pyhier's at that step"]
        parts.append(table("Trees", head, trees()))
    return "\n".join(parts)


if __name__ == "__main__":
    from run import best, table

    print(nuts(best, table))
