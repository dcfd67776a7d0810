"""What `make bench-check` times: a maker for each, which sets it up and returns what is run.

They are the speeds that users were promised. Only public names, as they are in every version.
"""

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np

import pyhier as ph
from pyhier import coda, rstats
from pyhier import learnbayes as lb


def schools() -> ph.NormalNormal:
    data = ph.load_dataset("eight_schools")
    return ph.NormalNormal(data["y"], se=data["sigma"])


def many(groups: int) -> ph.NormalNormal:
    rng = np.random.default_rng(1)
    se = rng.uniform(1.0, 3.0, groups)
    return ph.NormalNormal(rng.normal(4.0, np.hypot(se, 2.0)), se=se)


def summary() -> Callable[[], object]:
    model = schools()
    return lambda: ph.exact(model).summary()


def groups() -> Callable[[], object]:
    model = many(100_000)
    return lambda: ph.exact(model)["tau"].interval(0.95)


def data_sets() -> Callable[[], object]:
    y = np.random.default_rng(1).normal(size=(200, 8))
    return lambda: ph.exact_many(y, se=np.ones(8))


def counts() -> Callable[[], object]:
    rats = ph.load_dataset("rat_tumors")
    model = ph.BetaBinomial(rats["tumors"], rats["rats"])
    return lambda: ph.exact(model)["theta[71]"].mean()


def normal_counts() -> Callable[[], object]:
    surgical = ph.load_dataset("surgical")
    model = ph.BinomialNormal(surgical.iloc[:, 1], surgical.iloc[:, 2])
    return lambda: ph.exact(model)["tau"].mean()


def heavy_tails() -> Callable[[], object]:
    data = ph.load_dataset("eight_schools")
    model = ph.NormalT(data["y"], se=data["sigma"], nu=4)
    return lambda: ph.exact(model)["tau"].mean()


def rows() -> Callable[[], object]:
    data, formula = ph.load_dataset("sleepstudy"), "Reaction ~ Days + (1 | Subject)"
    model = ph.HierarchicalRegression.from_formula(formula, data)
    return lambda: ph.exact(model)["sigma"].mean()


def lmer() -> Callable[[], object]:
    data, formula = ph.load_dataset("sleepstudy"), "Reaction ~ Days + (Days | Subject)"
    return lambda: ph.lmer(formula, data)


def independent_draws() -> Callable[[], object]:
    post = ph.exact(schools())
    return lambda: post.sample(100_000, 1)


def walk() -> Callable[[], object]:
    data = ph.load_dataset("eight_schools")
    table = np.column_stack([data["y"], data["sigma"] ** 2])
    fit = lb.laplace(lb.normnormexch, [8, 2], table)
    proposal = {"var": fit.var, "scale": 2}
    return lambda: lb.rwmetrop(
        lb.normnormexch, proposal, fit.mode, 200_000, table, rng=ph.RStream(1)
    )


def nuts() -> Callable[[], object]:
    model = schools()
    return lambda: ph.nuts(model, 200, tune=200, chains=2, rng=1)


def random_effects() -> Callable[[], object]:
    y = np.random.default_rng(1).normal(size=(500, 8))
    return lambda: ph.random_effects_many(y, se=np.ones(8))


def stream(name: str, *parameters: float) -> Callable[[], Callable[[], object]]:
    def make() -> Callable[[], object]:
        draw, rng = getattr(rstats, name), ph.RStream(1)
        return lambda: draw(200_000, *parameters, rng=rng)

    return make


def diagnostics() -> Callable[[], object]:
    chain = coda.mcmc(np.random.default_rng(1).normal(size=(20_000, 3)))
    return lambda: coda.effectiveSize(chain)


def start_up() -> Callable[[], object]:
    """A fresh process that imports the package; bytecode kept, as of an installed one."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", "import pyhier"]
    return lambda: subprocess.run(command, check=True, env=environment)


OPERATIONS = {
    "exact and summary, eight schools": summary,
    "exact, 100,000 groups": groups,
    "exact_many, 200 data sets": data_sets,
    "exact, beta-binomial, 71 groups": counts,
    "exact, binomial-normal, 12 groups": normal_counts,
    "exact, Student's t effects, eight schools": heavy_tails,
    "exact, rows, 18 subjects": rows,
    "lmer, sleepstudy": lmer,
    "100,000 independent draws": independent_draws,
    "LearnBayes' rwmetrop, 200,000 iterations": walk,
    "nuts, eight schools": nuts,
    "random_effects_many, 500 data sets": random_effects,
    "200,000 normal variates, R's stream": stream("rnorm"),
    "200,000 gamma variates, R's stream": stream("rgamma", 2.5),
    "200,000 binomial variates, R's stream": stream("rbinom", 50, 0.3),
    "effectiveSize, 3 x 20,000": diagnostics,
    "import pyhier": start_up,
}
