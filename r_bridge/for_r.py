"""The side of pyhier that the R package calls: plain things in, plain things out.

Numbers cross as addresses. reticulate converts NumPy arrays only where its own build fits the NumPy
that runs, so no array is ever handed to it: each side says where its numbers are, and the other one
copies them. R's call, or a `Block` that R holds, keeps them alive for that long.

An R function arrives as the address of C code in the R package and that of the function; an R
condition in it (an error, Ctrl-C) is kept on R's side and raised again there, once Python has been
left in an orderly way.
"""

import ctypes
import json
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier._types import Floats
from pyhier._words import in_r_words
from pyhier.posterior import Posterior
from pyhier.posterior.draws import DrawsPosterior, as_draws
from pyhier.priors.grammar import MU_PRIORS, PAIR_PRIORS, SCALED, parse_prior
from pyhier.priors.tau import PRIOR_NAMES
from pyhier.rstats import RStream


class RConditionError(RuntimeError):
    """An R function stopped; R knows why."""


class RFunction:
    """An R function of numbers that returns one number.

    Parameters
    ----------
    evaluate : str
        Address of the R package's C function, hexadecimal.
    function : str
        Address of the R function.
    name : str
        What R keeps the function under, until it reads the name in `released`.
    """

    released: list[str] = []  # noqa: RUF012

    def __init__(self, evaluate: str, function: str, name: str) -> None:
        # Python's lock is kept: the R function may call Python.
        kind = ctypes.PYFUNCTYPE(
            ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p
        )
        self._evaluate = kind(int(evaluate, 16))
        self._function = int(function, 16)
        self._thread = threading.get_ident()
        self._name = name

    def __del__(self) -> None:
        # Perhaps in another thread, so R cannot be told at once.
        self.released.append(self._name)

    def __call__(self, *x: Any) -> float:
        """The value at one vector, or at numbers that are made one."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("an R function can only be called from R's own thread")
        point = np.array(x if len(x) > 1 else x[0], dtype=np.float64, ndmin=1)
        value = ctypes.c_double()
        status = self._evaluate(
            self._function, point.size, point.ctypes.data, ctypes.addressof(value)
        )
        if status == 1:
            raise RConditionError("the R function stopped")
        if status == 2:
            raise TypeError("the R function must return one number")
        return value.value


class Block:
    """Numbers for R to copy; R holds this while it does."""

    def __init__(self, array: Floats) -> None:
        self.array = array


class Handle:
    """A model or a posterior that stays in Python; R holds this."""

    def __init__(self, value: Any) -> None:
        self.value = value


# --- What crosses ---------------------------------------------------------------------------------


def from_r(value: Any) -> Any:
    """Turn what R sent into Python's own things."""
    if isinstance(value, Handle):
        return value.value
    if isinstance(value, Mapping):
        if "function" in value:
            return RFunction(value["evaluate"], value["function"], value["name"])
        if "address" in value:
            return _copy(value["address"], [int(n) for n in value["dim"]])
        if "text" in value:
            return list(value["text"])
        return {name: from_r(item) for name, item in value.items()}
    return value


def _copy(address: str, dim: Sequence[int]) -> Floats:
    """A copy of R's doubles, in R's shape."""
    size = int(np.prod(dim))
    if size == 0:
        return np.empty(dim)
    numbers = (ctypes.c_double * size).from_address(int(address, 16))
    return np.array(np.ctypeslib.as_array(numbers).reshape(dim, order="F"), order="C")


def to_r(value: Any) -> Any:
    """Turn a result into what reticulate converts without NumPy."""
    if value is None or isinstance(value, bool | str | Handle):
        return value
    if isinstance(value, int | float | np.number | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else float(value)
    if isinstance(value, np.ndarray):
        block = np.asarray(value, dtype=np.float64)
        stride = [step // block.itemsize for step in block.strides]
        if block.ndim == 0:
            return float(block)
        return {
            "address": hex(block.ctypes.data), "dim": list(block.shape), "stride": stride,
            "block": Block(block),
        }  # fmt: skip
    if isinstance(value, Mapping):
        return {str(name): to_r(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_r(item) for item in value]
    if hasattr(value, "columns") and hasattr(value, "index"):  # a DataFrame
        columns = {name: value[name].to_numpy() for name in value.columns}
        return {"columns": to_r(columns), "rows": [str(row) for row in value.index]}
    return Handle(value)


def call(name: str, arguments: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    """Run one of `ENTRIES` for R.

    Parameters
    ----------
    name : str
    arguments : mapping
        As R sends them, none as an empty list; ``rng`` is a seed or R's ``.Random.seed``.

    Returns
    -------
    dict
        ``value``; or ``error``, its message in R's words, with ``kind``. ``warnings`` are messages,
        ``released`` the names of R functions that are no longer called;
        ``random_seed`` is R's stream after the call, where it was sent.
    """
    answer: dict[str, Any] = {}
    # NumPy's remarks on overflows and the like mean nothing to whoever called from R.
    with (
        _interruptible(),
        warnings.catch_warnings(record=True) as caught,
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("always")
        try:
            given = {key: from_r(item) for key, item in dict(arguments).items()}
            stream = None
            if "rng" in given:
                stream = given["rng"] = _stream(given["rng"])
            answer["value"] = to_r(ENTRIES[name](**given))
            if stream is not None:
                answer["random_seed"] = to_r(stream.random_seed)
        except (Exception, KeyboardInterrupt) as error:
            answer["kind"] = type(error).__name__
            answer["error"] = in_r_words(str(error.args[0] if error.args else error))
    answer["released"] = [RFunction.released.pop() for _ in range(len(RFunction.released))]
    answer["warnings"] = [in_r_words(str(w.message)) for w in caught if _for_users(w.category)]
    return answer


@contextmanager
def _interruptible() -> Iterator[None]:
    """Python's own Ctrl-C, in place of reticulate's, which asks R; R hands it back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _for_users(category: type[Warning]) -> bool:
    return not issubclass(category, DeprecationWarning | PendingDeprecationWarning)


def _stream(rng: Any) -> RStream:
    """R's stream after ``set.seed``, or where R's session has it."""
    if isinstance(rng, int | float):
        return RStream(rng)
    stream = RStream(0)
    stream.__setstate__(rng.astype(np.int32))
    return stream


# --- Models ---------------------------------------------------------------------------------------


def _prior_tau(prior: Any) -> Any:
    return parse_prior("prior_tau", prior, SCALED, PRIOR_NAMES) if isinstance(prior, str) else prior


def _normal_priors(prior_mu: Any, prior_tau: Any) -> dict[str, Any]:
    if isinstance(prior_mu, str):
        parsed = parse_prior("prior_mu", prior_mu, MU_PRIORS)
        prior_mu = None if parsed == "flat" else parsed
    return {"prior_mu": prior_mu, "prior_tau": _prior_tau(prior_tau)}


def _normal(y: Floats, given: str, spread: Floats, labels: Any, **priors: Any) -> Any:
    keywords = {given: spread, "labels": labels, **_normal_priors(**priors)}
    return _described(ph.NormalNormal(y, **keywords))


def _normal_raw(values: Floats, groups: list[str], variance: Any, **priors: Any) -> Any:
    model = ph.NormalNormal.from_raw(values, groups, variance=variance, **_normal_priors(**priors))
    return _described(model)


def _pair_prior(prior: Any, named: Sequence[str]) -> Any:
    """The prior of a count model: a name, two of the command line's, or a function of two."""
    if not isinstance(prior, Mapping):
        return prior
    return {
        name: parse_prior(f"prior${name}", one, PAIR_PRIORS, ()) if isinstance(one, str) else one
        for name, one in prior.items()
    }


def _binomial(successes: Floats, trials: Floats, prior: Any, labels: Any) -> Any:
    prior = _pair_prior(prior, ph.BetaBinomial.named)
    return _described(ph.BetaBinomial(successes, trials, prior, labels))


def _poisson(counts: Floats, exposure: Floats, prior: Any, z0: float, labels: Any) -> Any:
    prior = _pair_prior(prior, ph.PoissonGamma.named)
    return _described(ph.PoissonGamma(counts, exposure, prior, z0, labels))


def _described(model: Any) -> dict[str, Any]:
    return {
        "handle": Handle(model),
        "shown": repr(model),
        "labels": list(model.labels),
        "coordinates": list(model.coordinates),
        "data": dict(model.observed()),
        "estimates": dict(zip(("estimate", "se"), model.estimates(), strict=True)),
    }


# --- Engines --------------------------------------------------------------------------------------


DETAILS = ("accept", "ess", "pareto_k", "log_bound", "estimate", "edge", "limits")


def _engine(engine: str, model: Any, **arguments: Any) -> dict[str, Any]:
    found = getattr(ph, engine)(model, **arguments)
    answer = _drawn(found) if isinstance(found, DrawsPosterior) else _posterior(found)
    answer.update({name: getattr(found, name) for name in DETAILS if hasattr(found, name)})
    if hasattr(found, "burn_in"):
        answer["burn_in"] = found.burn_in.transpose(1, 0, 2)
    return answer


def _given(model: Any, values: Mapping[str, float]) -> dict[str, Any]:
    return _posterior(ph.given(model, **values))


def _posterior(posterior: Posterior) -> dict[str, Any]:
    return {"handle": Handle(posterior), "names": list(posterior.names)}


def _drawn(posterior: DrawsPosterior) -> dict[str, Any]:
    """A posterior of draws with all of them, shape (draw, chain, variable), as R keeps draws."""
    coordinates = posterior.model.coordinates
    variables = [*coordinates, *(name for name in posterior.names if name not in coordinates)]
    chains, size, _ = posterior.phi.shape
    draws = np.empty((size, chains, len(variables)), order="F")
    for i, name in enumerate(variables):
        draws[..., i] = posterior.draws_of(name).T
    return {**_posterior(posterior), "draws": draws, "variables": variables}


def _fit(fit: ph.LaplaceFit) -> dict[str, Any]:
    return {"mode": fit.mode, "var": fit.var, "int": fit.int, "converge": fit.converge}


def _laplace_model(model: Any, start: Any) -> dict[str, Any]:
    return _fit(ph.laplace(model, start))


def _draws(posterior: Posterior, n: float, rng: RStream) -> dict[str, Any]:
    return _drawn(as_draws(posterior, int(n), rng))


def _remake(model: Any, phi: Floats, theta: Any, theta_new: Floats) -> dict[str, Any]:
    """The posterior of draws that a saved R object holds, shape (draw, chain, ...)."""
    effects = None if theta is None else np.ascontiguousarray(theta.transpose(1, 0, 2))
    phi = np.ascontiguousarray(phi.transpose(1, 0, 2))
    return _posterior(DrawsPosterior(model, phi, effects, np.ascontiguousarray(theta_new.T)))


# --- Questions to a posterior ---------------------------------------------------------------------


def _summary(posterior: Posterior, probs: Floats) -> dict[str, Any]:
    return {"columns": posterior.columns(probs.tolist()), "rows": list(posterior.names)}


def _marginal(posterior: Posterior, name: str, what: str, x: Any) -> Any:
    marginal = posterior[name]
    functions: dict[str, Callable[[], Any]] = {
        "d": lambda: marginal.pdf(x),
        "p": lambda: marginal.cdf(x),
        "q": lambda: marginal.ppf(x),
        "hdi": lambda: np.array(marginal.hdi(x)),
        "mean": marginal.mean,
        "sd": marginal.std,
    }
    return functions[what]()


def _probability(posterior: Any, event: str) -> dict[str, float]:
    found = posterior.probability(event)
    return {"probability": float(found), "se": found.se}


def _shrinkage(posterior: Posterior) -> Any:
    return posterior.shrinkage()


def _predict(posterior: Posterior, size: Any, draws: float, rng: RStream) -> Any:
    """Draws of new data, shape (draw, group)."""
    if size is None:
        made = posterior.predict(draws=int(draws), rng=rng)
    else:
        made = posterior.predict_new(size, draws=int(draws), rng=rng)
    return made.reshape(-1, made.shape[-1])


def _simulate(posterior: Posterior, n: float, rng: RStream) -> Floats:
    """Data sets of as many draws, shape (n, group)."""
    made = as_draws(posterior, int(n), rng).predict(rng=rng)
    return made.reshape(-1, made.shape[-1])


def _evidence(posterior: Any) -> float:
    return float(posterior.log_evidence)


def _validation(path: str) -> dict[str, Any]:
    """A report of ``pyhier validate`` as columns, with the versions compared."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    columns: dict[str, list[Any]] = {}
    for row in report["functions"]:
        for name, value in row.items():
            if not isinstance(value, list):
                columns.setdefault(name, []).append(float("inf") if value == "inf" else value)
    return {"columns": columns, "versions": report["versions"]}


# --- LearnBayes -----------------------------------------------------------------------------------


def _logpost(logpost: Any, data: Any) -> tuple[Any, tuple[Any, ...]]:
    if not isinstance(logpost, str):
        return logpost, ()
    known = {name: getattr(lb, name) for name in lb.__all__}
    known = {name: value for name, value in known.items() if hasattr(value, "compiled_for")}
    if logpost not in known:
        raise ValueError(f"logpost is '{logpost}': the compiled ones are {', '.join(known)}")
    return known[logpost], (data,)


def _laplace(logpost: Any, mode: Floats, data: Any) -> dict[str, Any]:
    function, args = _logpost(logpost, data)
    return _fit(lb.laplace(function, mode, *args))


def _sampler(name: str, logpost: Any, data: Any, arguments: Mapping[str, Any], rng: RStream) -> Any:
    """One of LearnBayes' samplers, whose arguments are in its order."""
    function, args = _logpost(logpost, data)
    given = list(arguments.values())
    if name == "simcontour":  # its data comes before the last
        given, args = [given[0], args[0] if args else None], (given[1],)
    found = getattr(lb, name)(function, *given, *args, rng=rng)
    return found if isinstance(found, np.ndarray) else vars(found)


ENTRIES: dict[str, Callable[..., Any]] = {
    "normal": _normal,
    "normal_raw": _normal_raw,
    "binomial": _binomial,
    "poisson": _poisson,
    "engine": _engine,
    "given": _given,
    "laplace_model": _laplace_model,
    "draws": _draws,
    "remake": _remake,
    "summary": _summary,
    "marginal": _marginal,
    "probability": _probability,
    "shrinkage": _shrinkage,
    "predict": _predict,
    "simulate": _simulate,
    "evidence": _evidence,
    "laplace": _laplace,
    "sampler": _sampler,
    "validation": _validation,
}
