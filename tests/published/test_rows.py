"""Posteriors of posteriordb's models of raw rows, by a quadrature that is not ours, to its digits.

radon_mn: 919 houses in 85 counties, means N(0, 10), sds half-normal(1); rats: BUGS' rats, means
N(0, 100), flat sds; sleepstudy: lme4's, flat sds, LKJ(1).
"""

import pytest
from scipy import stats

import pyhier as ph

HALF = stats.halfnorm(scale=1)


def exact(data, formula, **priors):
    return ph.exact(ph.HierarchicalRegression.from_formula(formula, data, **priors))


@pytest.mark.parametrize(
    ("formula", "values", "log_z"),
    [
        ("log_radon ~ (1 | county)",
         {"beta[Intercept]": (1.34971174, 0.04789199), "sigma": (0.76712576, 0.01868240),
          "tau[Intercept]": (0.30320436, 0.04666161)}, -1101.68212010),
        ("log_radon ~ floor + (1 | county)",
         {"beta[Intercept]": (1.49234070, 0.05059345), "beta[floor]": (-0.66285168, 0.06792870),
          "tau[Intercept]": (0.32120389, 0.04472986)}, None),
        ("log_radon ~ floor + (floor || county)",
         {"beta[Intercept]": (1.4918930, 0.0510265), "beta[floor]": (-0.6487252, 0.0818444),
          "tau[Intercept]": (0.3242629, 0.0452670), "tau[floor]": (0.2554018, 0.1280144)}, None),
    ],
)  # fmt: skip
def test_radon(formula, values, log_z):
    means = {name: stats.norm(0, 10) for name in ("Intercept", "floor") if name != "floor"
             or "floor +" in formula}  # fmt: skip
    post = exact(ph.load_dataset("radon"), formula, prior_beta=means, prior_sigma=HALF,
                 prior_tau=HALF)  # fmt: skip
    for name, (mean, sd) in values.items():
        digits = 1e-7 if "||" in formula else 1.1e-8  # as many as are given
        assert post[name].mean() == pytest.approx(mean, abs=digits)
        assert post[name].std() == pytest.approx(sd, abs=digits)
    if log_z is not None:
        assert post.log_evidence == pytest.approx(log_z, abs=1e-8)


def test_rats():
    data = ph.load_dataset("rats").assign(x=lambda d: d["day"] - 22.0)
    means = {name: stats.norm(0, 100) for name in ("Intercept", "x")}
    post = exact(data, "weight ~ x + (x || rat)", prior_beta=means)
    assert post["beta[Intercept]"].mean() == pytest.approx(242.463889, abs=1e-6)
    assert post["beta[x]"].mean() == pytest.approx(6.18570667, abs=1e-8)
    assert post["sigma"].mean() == pytest.approx(6.111908, abs=1e-6)


def test_sleepstudy():
    post = exact(ph.load_dataset("sleepstudy"), "Reaction ~ Days + (Days | Subject)")
    wanted = {"sigma": 25.9274623797, "tau[Intercept]": 27.3736188202,
              "tau[Days]": 6.5873115925, "rho[Intercept,Days]": 0.0831629649}  # fmt: skip
    for name, mean in wanted.items():
        assert post[name].mean() == pytest.approx(mean, abs=1e-8)
    assert post["rho[Intercept,Days]"].std() == pytest.approx(0.3016334320, abs=1e-8)
    assert post.error < 1e-7
