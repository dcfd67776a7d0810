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
from pyhier.coda.codamenu import codamenu
from pyhier.coda.convert import as_mcmc, as_mcmc_list, load_line, mcmcUpgrade
from pyhier.coda.correlation import AutocorrArray, autocorr, autocorr_diag, crosscorr
from pyhier.coda.diagnostic_plots import (
    GelmanPlot,
    GewekePlot,
    gelman_plot,
    geweke_plot,
)
from pyhier.coda.files import bugs2jags, read_coda, read_jags, read_openbugs, write_coda
from pyhier.coda.for_arviz import to_arviz
from pyhier.coda.gelman import GelmanDiag, gelman_diag
from pyhier.coda.geweke import GewekeDiag, geweke_diag
from pyhier.coda.heidel import HeidelDiag, heidel_diag, pcramer
from pyhier.coda.lattice import (
    acfplot,
    autocorr_plot,
    crosscorr_plot,
    densityplot,
    levelplot,
    qqmath,
    splom,
    xyplot,
)
from pyhier.coda.objects import Mcmc, McmcList, is_mcmc, is_mcmc_list, mcmc, mcmc_list
from pyhier.coda.options import coda_options, display_coda_options
from pyhier.coda.plots import (
    cumuplot,
    densplot,
    plot,
    traceplot,
)
from pyhier.coda.questions import multi_menu, read_and_check, read_coda_interactive
from pyhier.coda.raftery import RafteryDiag, raftery_diag
from pyhier.coda.results import PerChain
from pyhier.coda.spectrum import Spectrum0, batchSE, effectiveSize, spectrum0, spectrum0_ar
from pyhier.coda.summary import HPDInterval, HPDinterval, SummaryMcmc, rejectionRate, summary
from pyhier.coda.vectors import NamedMatrix, NamedVector

__all__ = [
    "AutocorrArray",
    "GelmanDiag",
    "GelmanPlot",
    "GewekeDiag",
    "GewekePlot",
    "HPDInterval",
    "HPDinterval",
    "HeidelDiag",
    "Mcmc",
    "McmcList",
    "NamedMatrix",
    "NamedVector",
    "PerChain",
    "RafteryDiag",
    "Spectrum0",
    "SummaryMcmc",
    "acfplot",
    "as_array",
    "as_data_frame",
    "as_matrix",
    "as_mcmc",
    "as_mcmc_list",
    "autocorr",
    "autocorr_diag",
    "autocorr_plot",
    "batchSE",
    "bugs2jags",
    "chanames",
    "coda_options",
    "codamenu",
    "crosscorr",
    "crosscorr_plot",
    "cumuplot",
    "densityplot",
    "densplot",
    "display_coda_options",
    "effectiveSize",
    "end",
    "frequency",
    "gelman_diag",
    "gelman_plot",
    "geweke_diag",
    "geweke_plot",
    "head",
    "heidel_diag",
    "is_mcmc",
    "is_mcmc_list",
    "levelplot",
    "load_line",
    "mcmc",
    "mcmcUpgrade",
    "mcmc_list",
    "mcpar",
    "multi_menu",
    "nchain",
    "niter",
    "nvar",
    "pcramer",
    "plot",
    "qqmath",
    "raftery_diag",
    "read_and_check",
    "read_coda",
    "read_coda_interactive",
    "read_jags",
    "read_openbugs",
    "rejectionRate",
    "set_varnames",
    "spectrum0",
    "spectrum0_ar",
    "splom",
    "start",
    "summary",
    "tail",
    "thin",
    "time",
    "to_arviz",
    "traceplot",
    "varnames",
    "window",
    "write_coda",
    "xyplot",
]
