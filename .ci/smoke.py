"""What an installed pyhier must do, from the installed files alone: run by `.ci/wheels`.

It fails at the first thing that is not so, and prints the version and where the package is.
"""

import importlib
import pkgutil
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

import pyhier as ph
from pyhier import coda, kernels, learnbayes, plots, rstats

HERE = Path(ph.__file__).parent
# Of (mu, tau), eight schools, flat priors: sums in 30 digits (tests/published/exact_reference).
EXACT = {"mu": (7.9323750182, 5.1783947798), "tau": (6.5754833467, 5.6503793370)}


def installed() -> None:
    """The files are those of the environment; every module loads, and every kernel."""
    assert HERE.is_relative_to(sys.prefix), f"{HERE} is not in {sys.prefix}"
    assert (HERE / "py.typed").exists()
    assert version("pyhier") == ph.__version__
    stubs = {path.stem for path in (HERE / "kernels").glob("*.pyi")}
    loaded = {module.name for module in pkgutil.iter_modules(kernels.__path__)}
    loaded.remove("_cyutility")  # Cython's own
    assert stubs == loaded, f"without a stub or a kernel: {stubs ^ loaded}"
    for module in pkgutil.walk_packages(ph.__path__, "pyhier."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def numbers(folder: Path) -> None:
    """The exact posterior, R's chain, counts and rows, coda, a picture."""
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    post = ph.exact(model)
    for name, (mean, sd) in EXACT.items():
        np.testing.assert_allclose([post[name].mean(), post[name].std()], [mean, sd], rtol=2e-9)
    chain = ph.rwmetrop(model, 10_000, ph.laplace(model, start=[8, 2]), 2, rng=ph.RStream(11))
    assert np.isclose(float(chain.accept), 0.3288), chain.accept
    rstats.set_seed(11)
    data = np.column_stack([schools["y"], schools["sigma"] ** 2])
    fit = learnbayes.laplace(learnbayes.normnormexch, [8, 2], data)
    sim = learnbayes.rwmetrop(
        learnbayes.normnormexch, {"var": fit.var, "scale": 2}, fit.mode, 10_000, data
    )
    np.testing.assert_array_equal(sim.accept, chain.accept)
    assert "Empirical mean" in str(coda.summary(coda.mcmc(sim.par, varnames=["mu", "log_tau"])))
    rats = ph.load_dataset("rat_tumors")
    assert 0.1 < ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))["theta[71]"].mean() < 0.3
    rows = ph.lmer("Reaction ~ Days + (Days | Subject)", ph.load_dataset("sleepstudy"))
    np.testing.assert_allclose(np.asarray(rows.fixef), [251.40510, 10.46729], rtol=1e-6)
    plots.save(plots.forest(post), folder / "forest.pdf")
    assert (folder / "forest.pdf").stat().st_size > 1000


if __name__ == "__main__":
    installed()
    numbers(Path.cwd())
    python = sys.version.split()[0]
    print(f"pyhier {ph.__version__}, Python {python}, NumPy {np.__version__}: {HERE}")
