"""Chains from posteriors, ArviZ objects, arrays and frames, and back."""

import numpy as np
import pandas as pd
import pytest

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
    with pytest.raises(ValueError, match="more than 1 chain: there are 3"):
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
