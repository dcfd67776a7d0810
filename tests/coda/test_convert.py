"""Chains from posteriors, ArviZ objects, arrays and frames, and back."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import pyhier as ph
from pyhier import coda


def test_to_arviz_and_back(model):
    pytest.importorskip("arviz")
    post = ph.rwmetrop(model, 200, chains=2, rng=1)
    chains = post.to_mcmc()
    assert coda.varnames(chains) == post.names
    back = coda.as_mcmc_list(coda.to_arviz(chains))
    assert set(back.varnames) == set(chains.varnames)
    for i in range(2):
        assert np.array_equal(back[i][:, list(post.names)], chains[i])
    # The posterior's own ArviZ object has the same draws under the same names.
    own = coda.as_mcmc_list(post.to_arviz(rng=1))
    assert np.array_equal(own[1]["theta[A]"], post.draws_of("theta[A]")[1])


def test_draws_of_an_exact_posterior(model):
    chains = ph.exact(model).to_mcmc(draws=100, chains=3, rng=1)
    assert (coda.nchain(chains), coda.niter(chains)) == (3, 100)
    with pytest.raises(ValueError, match="more than 1 chain: x has 3"):
        coda.as_mcmc(chains)


def test_frames_and_arrays():
    frame = pd.DataFrame({"mu": [1.0, 2.0], "tau": [3.0, 4.0]})
    x = coda.as_mcmc(frame)
    assert coda.varnames(x) == ("mu", "tau")
    assert np.array_equal(x.to_dataframe(), frame)
    with pytest.raises(TypeError, match="data must be numbers"):
        coda.mcmc(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))
    cube = np.arange(24.0).reshape(3, 4, 2)
    assert np.array_equal(coda.as_mcmc_list(cube)[2], cube[2])
    assert coda.as_data_frame(coda.as_mcmc_list(cube)).shape == (12, 2)
    several = coda.as_mcmc_list([frame, frame + 1.0])
    assert (coda.varnames(several), coda.nchain(several)) == (("mu", "tau"), 2)
    assert np.array_equal(several[1]["tau"], [4.0, 5.0])


@pytest.mark.parametrize(("start", "thin"), [(101, 2), (1, 1), (1, 5), (5, 5), (1000, 1)])
def test_arviz_keeps_the_iterations(start, thin):
    pytest.importorskip("arviz")
    rng = np.random.default_rng(1)
    chains = coda.mcmc_list(
        [coda.mcmc(rng.normal(size=(10, 1)), start=start, thin=thin, varnames=["mu"])] * 2
    )
    back = coda.as_mcmc_list(coda.to_arviz(chains))
    assert back[0].mcpar == chains[0].mcpar
    assert np.array_equal(back[1], chains[1])


def test_iterations_of_arviz_objects():
    """ArviZ counts from 0, coda from 1; a part keeps its numbers; gaps have none."""
    draws = xr.DataArray(np.zeros((2, 6)), dims=["chain", "draw"], name="mu")
    numbered = draws.assign_coords(draw=np.arange(6))
    for array, expected in (
        (draws, (1, 6, 1)),
        (numbered, (1, 6, 1)),
        (numbered.isel(draw=slice(2, None)), (2, 5, 1)),
        (numbered.isel(draw=slice(1, None, 2)), (1, 5, 2)),
        (numbered.isel(draw=[0, 1, 5]), (1, 3, 1)),
        (numbered.assign_coords(draw=np.arange(6) + 0.5), (1, 6, 1)),
    ):
        for x in (array, array.to_dataset()):
            chains = coda.as_mcmc_list(x)
            assert (chains[0].mcpar, chains.varnames) == (expected, ("mu",))


def test_a_variable_beside_an_array_of_its_name():
    pytest.importorskip("arviz")
    names = ["theta[1]", "theta", "eta[A]", "theta[2]", "eta[B]", "zeta[A,1]"]
    x = coda.mcmc(np.random.default_rng(1).normal(size=(8, 6)), varnames=names)
    back = coda.as_mcmc_list(coda.to_arviz(x))
    assert sorted(back.varnames) == sorted(names)
    for name in names:
        assert np.array_equal(back[0][name], x[name])
    with pytest.raises(ValueError, match="x has 'mu' more than once"):
        coda.to_arviz(coda.mcmc(np.zeros((3, 2)), varnames=["mu", "mu"]))
    with pytest.raises(ValueError, match="x has a variable 'draw'"):
        coda.to_arviz(coda.mcmc(np.zeros((3, 2)), varnames=["mu", "draw"]))
