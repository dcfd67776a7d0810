"""Chains from arrays, frames, posteriors and ArviZ objects, and back to ArviZ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import float_array
from pyhier.coda.iterations import check_names
from pyhier.coda.objects import Draws, Mcmc, McmcList, chain_from, mcmc, mcmc_list


def as_mcmc(x: Any) -> Mcmc:
    """Make one chain of a vector, matrix, frame, posterior or ArviZ object.

    Parameters
    ----------
    x : array_like, DataFrame, Mcmc, McmcList, posterior or ArviZ object
        Lists of chains, posteriors and ArviZ objects must have one chain.

    Returns
    -------
    Mcmc

    Raises
    ------
    ValueError
        If there is more than one chain.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.as_mcmc([1.0, 2.0, 3.0]).end
    3
    """
    return one_chain("x", x)


def one_chain(name: str, x: Any) -> Mcmc:
    """The chain that the argument ``name`` is, or makes."""
    if isinstance(x, Mcmc):
        return x
    if _has_chains(x):
        several = chain_list(name, x)
        if len(several) > 1:
            raise ValueError(
                f"Can't coerce mcmc.list to mcmc object: more than 1 chain: {name} has "
                f"{len(several)}; take one, {name}[0], or put them below one another with "
                f"as_matrix({name})"
            )
        return several.chains[0]
    return chain_from(name, x)


def as_mcmc_list(x: Any, varnames: Sequence[str] | None = None) -> McmcList:
    """Make a list of chains of a chain, chains, an array, a posterior or an ArviZ object.

    Parameters
    ----------
    x : Mcmc, sequence of Mcmc, array_like, posterior or ArviZ object
        An array has shape (chain, iteration) or (chain, iteration, variable), as ArviZ has them;
        a posterior is what an engine returns. An ArviZ object's coordinate ``draw`` says the
        iterations where it is of whole numbers at equal distances; ArviZ's own begins at 0, which
        is iteration 1 here.
    varnames : sequence of str, optional
        The variables' names, for an array.

    Returns
    -------
    McmcList

    Examples
    --------
    >>> from pyhier import coda
    >>> import pyhier as ph
    >>> chains = coda.as_mcmc_list(np.zeros((4, 100, 2)), varnames=["mu", "tau"])
    >>> coda.nchain(chains), coda.niter(chains), coda.varnames(chains)
    (4, 100, ('mu', 'tau'))
    >>> pumps = ph.load_dataset("pumps")
    >>> post = ph.rwmetrop(ph.PoissonGamma(pumps["failures"], pumps["khours"]), 500, rng=1)
    >>> coda.as_mcmc_list(post).varnames[:2]
    ('alpha', 'beta')
    """
    return chain_list("x", x, varnames)


def chain_list(name: str, x: Any, varnames: Sequence[str] | None = None) -> McmcList:
    """The chains that the argument ``name`` has, or makes."""
    if isinstance(x, McmcList):
        return x
    if isinstance(x, Mcmc):
        return mcmc_list(x)
    if hasattr(x, "to_mcmc") and not isinstance(x, type):
        made: McmcList = x.to_mcmc()
        return made
    if _is_arviz(x):
        return _from_arviz(x)
    if isinstance(x, list | tuple) and any(isinstance(item, Mcmc) for item in x):
        return mcmc_list(*x)
    if isinstance(x, list | tuple) and x and all(hasattr(item, "columns") for item in x):
        return mcmc_list([mcmc(item, varnames=varnames) for item in x])
    made_of_numbers = not isinstance(x, type | dict) and hasattr(x, "__len__")
    draws = float_array(name, x, None) if made_of_numbers else np.empty(0)
    if hasattr(x, "columns") or draws.ndim not in (2, 3):
        raise TypeError(
            f"Arguments must be mcmc objects: {name} is a {type(x).__name__}; give chains, a "
            "posterior, an ArviZ object or an array of shape (chain, iteration, variable)"
        )
    return from_array(draws if draws.ndim == 3 else draws[..., np.newaxis], varnames)


def from_array(
    draws: Floats, varnames: Sequence[str] | None = None, start: int = 1, thin: int = 1
) -> McmcList:
    """Chains of draws of shape (chain, iteration, variable)."""
    names = None if varnames is None else check_names("varnames", varnames, draws.shape[2])
    return mcmc_list([mcmc(chain, varnames=names, start=start, thin=thin) for chain in draws])


def mcmcUpgrade(x: Any) -> Draws:  # noqa: N802 (R's name)
    """Chains of what old versions of coda kept: an array of (iteration, variable, chain).

    Parameters
    ----------
    x : Mcmc, McmcList or array_like, shape (iterations, variables, chains)

    Returns
    -------
    Mcmc or McmcList
        Chains of today are returned as they are.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.nchain(coda.mcmcUpgrade(np.zeros((100, 2, 3))))
    3
    """
    if isinstance(x, Mcmc | McmcList):
        return x
    draws = float_array("x", x, None)
    if draws.ndim != 3:
        raise ValueError(
            f"Can't upgrade: x has {draws.ndim} dimensions, an obsolete object has 3; mcmc(x) "
            "makes a chain of a vector or a matrix"
        )
    return from_array(np.moveaxis(draws, 2, 0))


def load_line() -> McmcList:
    """The example that comes with coda, ``data(line)`` in R: two chains of three variables.

    Examples
    --------
    >>> from pyhier import coda
    >>> line = coda.load_line()
    >>> coda.chanames(line), coda.varnames(line), coda.niter(line)
    (('line1', 'line2'), ('alpha', 'beta', 'sigma'), 200)
    """
    from pyhier.datasets import load_dataset

    frame = load_dataset("line")
    chains = {}
    for name, part in frame.groupby("chain"):
        draws = part[["alpha", "beta", "sigma"]]
        chain = mcmc(draws.set_axis(part["iter"].astype(str), axis=0))
        chains[str(name)] = replace(chain, title="Line example from BUGS manual")
    return mcmc_list(chains)


def _has_chains(x: object) -> bool:
    return isinstance(x, McmcList) or hasattr(x, "to_mcmc") or _is_arviz(x)


def _is_arviz(x: Any) -> bool:
    """InferenceData, a DataTree with a posterior, or the data set of draws itself."""
    dataset = _dataset(x)
    return hasattr(dataset, "data_vars") and {"chain", "draw"} <= set(dataset.dims)


def _dataset(x: Any) -> Any:
    dims = getattr(x, "dims", ())
    if hasattr(x, "data_vars") and "chain" in dims:
        return x
    if hasattr(x, "to_dataset") and "chain" in dims and "draw" in dims:  # a DataArray
        return x.to_dataset(name=x.name or "x")
    return getattr(x, "posterior", None)


def _from_arviz(x: Any) -> McmcList:
    dataset = _dataset(x)
    columns: list[Floats] = []
    names: list[str] = []
    for name, variable in dataset.data_vars.items():
        draws = variable.transpose("chain", "draw", ...)
        labels = [
            [str(item) for item in draws.coords[dim].to_numpy()]
            if dim in draws.coords
            else [str(i) for i in range(draws.sizes[dim])]
            for dim in draws.dims[2:]
        ]
        values = np.asarray(draws, dtype=np.float64)
        columns.append(values.reshape(*values.shape[:2], -1))
        names += _cells(str(name), labels)
    return from_array(np.concatenate(columns, axis=2), names, *_iterations_of(dataset))


def _iterations_of(dataset: Any) -> tuple[int, int]:
    """First iteration and thinning interval of a data set of draws; 1 and 1 where it has none."""
    times = np.asarray(dataset.coords["draw"]) if "draw" in dataset.coords else np.empty(0)
    if times.dtype.kind not in "iuf" or not times.size or not np.all(times == np.floor(times)):
        return 1, 1
    steps = np.unique(np.diff(times)) if times.size > 1 else np.ones(1)
    if steps.size != 1 or steps[0] < 1:
        return 1, 1
    return int(times[0]) or 1, int(steps[0])


def _cells(name: str, labels: list[list[str]]) -> Iterator[str]:
    """Names of a variable's elements: ``theta[A]``, ``beta[A,1]``."""
    if not labels:
        return iter([name])
    grid = [[]]  # type: list[list[str]]
    for dimension in labels:
        grid = [[*cell, label] for cell in grid for label in dimension]
    return (f"{name}[{','.join(cell)}]" for cell in grid)
