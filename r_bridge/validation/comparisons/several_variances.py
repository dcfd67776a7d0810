"""metafor's rma.mv: groups within groups, and several outcomes with an unstructured covariance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pyhier.r_bridge.validation.comparison import Comparison
from scipy.linalg import block_diag

import pyhier as ph

# At one covariance, ours, both are closed forms; `logLik` is there twice, the second time the
# higher of it and what metafor's own search found. That search is compared where it got as high;
# else it stopped short, or on a lower hill, and ours stands for it.
LEVELS = """
    data <- as.data.frame(levels)
    form <- as.formula(paste("~ 1 |", paste(names(levels), collapse = "/")))
    climb <- function(...) suppressWarnings(rma.mv(y, v, mods = X, intercept = FALSE,
      random = form, data = data, method = method, ...))
    free <- climb(); found <- c(free$sigma2, AIC(free), BIC(free)); fit <- climb(sigma2 = sigma)
    effects <- ranef(fit); new <- predict(fit, level = 90)
    values <- list(beta = as.numeric(fit$beta), se = fit$se, QE = fit$QE, QEp = fit$QEp,
      ci = rep_len(as.numeric(new$ci.lb), length(y)),
      pi = rep_len(as.numeric(new$pi.lb), length(y)), outer = effects[[1]]$intrcpt,
      outer_se = effects[[1]]$se)
    if (sigma[1] == 0) values[c("outer", "outer_se")] <- 0
"""
OUTCOMES = """
    data <- data.frame(y = as.numeric(y), outcome = factor(outcome), study = study)
    climb <- function(...) suppressWarnings(rma.mv(y, as.matrix(V), mods = ~ outcome - 1,
      random = ~ outcome | study, struct = "UN", data = data, method = method, ...))
    free <- climb(control = list(optimizer = "nlminb", iter.max = 1000, eval.max = 2000))
    found <- c(free$tau2, free$rho, AIC(free)); fit <- climb(tau2 = sigma, rho = rho)
    values <- list(beta = as.numeric(fit$beta), se = fit$se, QE = fit$QE, QM = fit$QM)
"""
GIVEN = "; c(values, list(logLik = c(logLik(fit), max(logLik(fit), logLik(free)))))"
SEARCHED = "; if (logLik(free) > logLik(fit) - 1e-7) found else best"


def tree(rng: np.random.Generator, kind: int) -> tuple[Any, Any, dict[str, Any], Any]:
    """A tree of two or three levels, some covariates, taus that may be 0."""
    depth = 2 + kind % 2
    sizes = rng.integers(2, 5, depth - 1).tolist()
    paths = [path for path in np.ndindex(*rng.integers(4, 8, 1), *sizes) if rng.random() < 0.8]
    levels = {"abc"[k]: np.array([path[k] for path in paths]) for k in range(depth)}
    n, p = len(paths), int(rng.integers(1, 4))
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    var = np.exp(rng.normal(-1.0, 0.7, n))
    y = x @ rng.normal(size=p) + rng.normal(size=n) * np.sqrt(var)
    frame = pd.DataFrame(levels)
    for k in range(depth):
        tau = 0.0 if (kind + k) % 3 == 0 else np.exp(rng.normal(-0.5, 0.5))
        group = frame.groupby([*"abc"[: k + 1]]).ngroup().to_numpy()
        y = y + tau * rng.normal(size=group.max() + 1)[group]
    return y, var, levels, x


def outcomes(rng: np.random.Generator, kind: int) -> tuple[Any, Any]:
    """Two outcomes, some of them missing, effects that may agree altogether."""
    groups = int(rng.integers(8, 20))
    root = rng.normal(size=(groups, 2, 2)) * 0.3 + 0.3 * np.eye(2)
    cov = root @ np.swapaxes(root, 1, 2)
    rho = 0.97 if kind % 4 == 0 else rng.uniform(-0.6, 0.8)
    tau = np.exp(rng.normal(-0.5, 0.4, 2))
    sigma = np.array([[tau[0] ** 2, rho * tau[0] * tau[1]], [rho * tau[0] * tau[1], tau[1] ** 2]])
    y = rng.multivariate_normal([0.5, -0.3], sigma, groups)
    y = y + (root @ rng.normal(size=(groups, 2, 1)))[..., 0]
    for j in range(0, groups, 5):
        y[j, j % 2] = np.nan
    return y, cov


def of_tree(y: Any, v: Any, levels: Mapping[str, Any], x: Any, method: str) -> Any:
    """Our fit of groups within groups."""
    design = {f"x{k}": column for k, column in enumerate(np.transpose(x))}
    model = ph.MultilevelNormal(y, var=v, levels=levels, X=design, intercept=False)
    return ph.random_effects(model, method)


def of_outcomes(table: Any, cov: Any, method: str) -> Any:
    """Our fit of several outcomes."""
    return ph.random_effects(ph.MultivariateNormal(table, cov=cov, outcomes=["a", "b"]), method)


def _method(rng: np.random.Generator) -> tuple[str, int]:
    return ("REML", "ML")[int(rng.integers(2))], int(rng.integers(12))


def _tree(rng: np.random.Generator) -> dict[str, Any]:
    method, kind = _method(rng)
    y, v, levels, x = tree(rng, kind)
    fit = of_tree(y, v, levels, x, method)
    best = [*fit.tau2, fit.aic, fit.bic]
    return {"y": y, "v": v, "levels": levels, "X": x, "method": method, "sigma": fit.tau2,
            "best": best}  # fmt: skip


def _tree_given(y: Any, v: Any, levels: Any, X: Any, method: str, **_: Any) -> Any:  # noqa: N803
    fit = of_tree(y, v, levels, X, method)
    new, own = fit.predict(level=0.9), fit.ranef("a")
    own = own.loc[sorted(own.index, key=int)] if fit.tau2[0] > 0.0 else {"effect": 0.0, "se": 0.0}
    height = fit.log_likelihood
    return {
        "beta": fit.beta, "se": fit.se, "QE": fit.QE, "QEp": fit.QEp, "ci": new.interval[:, 0],
        "pi": new.prediction_interval[:, 0], "logLik": [height, height],
        "outer": own["effect"], "outer_se": own["se"],
    }  # fmt: skip


def _tree_searched(y: Any, v: Any, levels: Any, X: Any, method: str, **_: Any) -> Any:  # noqa: N803
    fit = of_tree(y, v, levels, X, method)
    return [*fit.tau2, fit.aic, fit.bic]


def _outcomes(rng: np.random.Generator) -> dict[str, Any]:
    method, kind = _method(rng)
    table, cov = outcomes(rng, kind)
    fit, seen = of_outcomes(table, cov, method), ~np.isnan(table.ravel())
    return {
        "table": table, "cov": cov, "method": method, "y": table.ravel()[seen],
        "V": block_diag(*cov)[np.ix_(seen, seen)], "outcome": np.tile(["a", "b"], len(table))[seen],
        "study": np.repeat(np.arange(len(table)), 2)[seen], "sigma": fit.tau2,
        "rho": float(fit.rho[0, 1]), "best": [*fit.tau2, fit.rho[0, 1], fit.aic],
    }  # fmt: skip


def _outcomes_given(table: Any, cov: Any, method: str, **_: Any) -> Any:
    fit = of_outcomes(table, cov, method)
    height = fit.log_likelihood
    return {"beta": fit.beta, "se": fit.se, "QE": fit.QE, "QM": fit.QM, "logLik": [height, height]}


def _outcomes_searched(table: Any, cov: Any, method: str, **_: Any) -> Any:
    fit = of_outcomes(table, cov, method)
    return [*fit.tau2, fit.rho[0, 1], fit.aic]


CLOSED = "rounding of closed forms"
FLAT = (
    "metafor's search stops on the likelihood, flat at its top: good to the root of its last step"
)

COMPARISONS = (
    Comparison(
        "metafor", "rma.mv, levels", _tree, LEVELS + GIVEN, _tree_given, 1e-8, CLOSED, slow=4
    ),
    Comparison(
        "metafor", "rma.mv, levels, search", _tree, LEVELS + SEARCHED, _tree_searched, 3e-4, FLAT,
        slow=4,
    ),
    Comparison(
        "metafor", "rma.mv, outcomes", _outcomes, OUTCOMES + GIVEN, _outcomes_given, 1e-7,
        CLOSED + "; correlations near 1 cost digits", slow=4,
    ),
    Comparison(
        "metafor", "rma.mv, outcomes, search", _outcomes, OUTCOMES + SEARCHED,
        _outcomes_searched, 3e-3, FLAT + "; with correlations flatter still", slow=4,
    ),
)  # fmt: skip
