"""coda, name for name: output analysis of Markov chains, with R's numbers and R's printed text.

R's dots are underscores here: ``gelman.diag`` is `gelman_diag`.
"""

from pyhier.coda.access import (
    as_array,
    as_data_frame,
    as_matrix,
    chanames,
    end,
    frequency,
    head,
    mcpar,
    nchain,
    niter,
    nvar,
    set_varnames,
    start,
    tail,
    thin,
    time,
    varnames,
    window,
)
from pyhier.coda.convert import as_mcmc, as_mcmc_list, to_arviz
from pyhier.coda.files import bugs2jags, read_coda, read_jags, read_openbugs, write_coda
from pyhier.coda.objects import Mcmc, McmcList, is_mcmc, is_mcmc_list, mcmc, mcmc_list
from pyhier.coda.summary import HPDInterval, HPDinterval, SummaryMcmc, rejectionRate, summary
from pyhier.coda.vectors import NamedMatrix, NamedVector

__all__ = [
    "HPDInterval",
    "HPDinterval",
    "Mcmc",
    "McmcList",
    "NamedMatrix",
    "NamedVector",
    "SummaryMcmc",
    "as_array",
    "as_data_frame",
    "as_matrix",
    "as_mcmc",
    "as_mcmc_list",
    "bugs2jags",
    "chanames",
    "end",
    "frequency",
    "head",
    "is_mcmc",
    "is_mcmc_list",
    "mcmc",
    "mcmc_list",
    "mcpar",
    "nchain",
    "niter",
    "nvar",
    "read_coda",
    "read_jags",
    "read_openbugs",
    "rejectionRate",
    "set_varnames",
    "start",
    "summary",
    "tail",
    "thin",
    "time",
    "to_arviz",
    "varnames",
    "window",
    "write_coda",
]
