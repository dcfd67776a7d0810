"""coda's menus: output analysis for who would rather answer questions than call functions.

The steps are the functions of this package, with the settings of `coda_options`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyhier._text import printable
from pyhier.coda.access import window
from pyhier.coda.convert import chain_list
from pyhier.coda.correlation import autocorr, crosscorr
from pyhier.coda.gelman import gelman_diag
from pyhier.coda.geweke import geweke_diag
from pyhier.coda.heidel import heidel_diag
from pyhier.coda.objects import McmcList, mcmc_list
from pyhier.coda.options import coda_options, display_coda_options
from pyhier.coda.questions import choose, multi_menu, read_and_check, read_coda_interactive
from pyhier.coda.raftery import raftery_diag
from pyhier.coda.spectrum import effectiveSize
from pyhier.coda.summary import summary

SMALL = 200  # effective draws that the diagnostics want of each chain


def codamenu(draws: Any = None) -> None:
    """Analyse chains by menus at a terminal.

    Parameters
    ----------
    draws : Mcmc, McmcList, posterior or ArviZ object, optional
        Without it the first menu asks for CODA files or for the name of an object.

    Notes
    -----
    0 leaves, after a question; so does the end of the input.
    """
    try:
        chains = _chosen() if draws is None else chain_list("draws", draws)
        if chains is not None:
            _Menus(chains).main()
    except _Quit:
        return
    except EOFError:
        print()


class _Quit(Exception):  # noqa: N818 (no error)
    """The user has said to leave."""


def _chosen() -> McmcList | None:
    """Chains from files or of an object of the user's, by the first menu."""
    choices = ["Read BUGS output files", "Use an mcmc object", "Quit"]
    while True:
        chosen = choose(choices, "CODA startup menu")
        if chosen == 1:
            return read_coda_interactive()
        if chosen != 2:
            return None
        found = _named_object()
        if found is not None:
            return found


def _named_object() -> McmcList | None:
    """Chains under a name in the user's session."""
    names = vars(sys.modules["__main__"])
    question = '\nEnter name of saved object (or type "exit" to quit) \n1:'
    while (name := input(question).strip()) != "exit":
        try:
            return chain_list(name, names[name])
        except KeyError:
            print(f"Can't find {name}")
        except (TypeError, ValueError) as error:
            print(f"{name} is not an mcmc object: {error}")
    return None


class _Menus:
    """All chains, and those that are worked on: chosen variables, chains and iterations."""

    def __init__(self, chains: McmcList) -> None:
        self.all = chains
        self.names = list(chains.names or (f"chain{i + 1}" for i in range(len(chains))))
        self.variables = list(range(len(chains.labels)))
        self.chains = list(range(len(chains)))
        self.start, self.end, self.thin = chains[0].mcpar
        self.work = self.rebuilt()

    def rebuilt(self) -> McmcList:
        chosen = (self.all.chains[i] for i in self.chains)
        picked = [chain[:, self.variables] if chain.ndim == 2 else chain for chain in chosen]
        named = mcmc_list(picked, names=[self.names[i] for i in self.chains])
        return window(named, self.start, self.end, self.thin)

    def run(self, title: str, items: Mapping[str, Callable[[], Any]], last: str) -> None:
        """Show a menu until its last item, which goes back, or a diagnostic fails to quit."""
        while True:
            chosen = choose([*items, last], title)
            if chosen == len(items) + 1:
                return
            if chosen == 0:
                sure = read_and_check("Are you sure you want to quit (y/N)?", str, default="n")
                if sure.lower().startswith("y"):
                    raise _Quit
                continue
            try:
                list(items.values())[chosen - 1]()
            except ValueError as error:  # what the diagnostics say about short or flat chains
                print(f"Error: {error}\n")

    def main(self) -> None:
        print("Checking effective sample size ...")
        if min(effectiveSize(chain).values.min() for chain in self.work) < SMALL:
            print(
                f"WARNING: some variables have fewer than {SMALL} effective draws in a chain, which"
                "\nis too few for the diagnostics. Look at the plots, and run longer chains."
            )
        items = {
            "Output Analysis": self.analysis,
            "Diagnostics": self.diagnostics,
            "List/Change Options": self.options,
        }
        self.run("CODA Main Menu", items, "Quit")

    def analysis(self) -> None:
        items = {
            "Statistics": self.statistics,
            "List/Change Options": self.options,
        }
        self.run("\nCODA Output Analysis menu", items, "Return to Main Menu")

    def statistics(self) -> None:
        quantiles = np.atleast_1d(coda_options("quantiles")).tolist()
        digits = int(coda_options("digits")) + 1
        if coda_options("combine_stats"):
            print(summary(self.work, quantiles).text(digits))
            return
        for name, chain in zip(self.work.names or (), self.work, strict=True):
            print(name, "")
            print(summary(chain, quantiles).text(digits))

    def diagnostics(self) -> None:
        items: dict[str, Callable[[], Any]] = {
            "Geweke": lambda: self.show(
                "GEWEKE CONVERGENCE DIAGNOSTIC (Z-score)",
                geweke_diag(self.work, coda_options("frac1"), coda_options("frac2")),
            ),
            "Gelman and Rubin": self.gelman,
            "Raftery and Lewis": lambda: self.show(
                "RAFTERY AND LEWIS CONVERGENCE DIAGNOSTIC",
                raftery_diag(self.work, coda_options("q"), coda_options("r"), coda_options("s")),
            ),
            "Heidelberger and Welch": lambda: self.show(
                "HEIDELBERGER AND WELCH STATIONARITY AND INTERVAL HALFWIDTH TESTS",
                heidel_diag(self.work, coda_options("halfwidth")),
            ),
            "Autocorrelations": lambda: self.show("AUTOCORRELATIONS", autocorr(self.work)),
            "Cross-Correlations": self.correlations,
            "List/Change Options": self.options,
        }
        self.run("CODA Diagnostics Menu", items, "Return to Main Menu")

    def gelman(self) -> None:
        if len(self.work) < 2:
            print("Gelman and Rubin's diagnostic needs two chains or more\n")
            return
        self.show("GELMAN AND RUBIN DIAGNOSTIC", gelman_diag(self.work))

    def correlations(self) -> None:
        together = bool(coda_options("combine_corr"))
        each = dict(zip(self.work.names or (), self.work, strict=True))
        parts: dict[str, Any] = {"": self.work} if together else each
        for name, part in parts.items():
            self.show(f"CROSS-CORRELATIONS {name}".rstrip(), crosscorr(part))

    def show(self, title: str, result: Any) -> None:
        first = self.work[0]
        print(f"\n{title}\n{'=' * len(title)}\n")
        print(f"Iterations used = {first.start}:{first.end}")
        print(f"Thinning interval = {first.thin} \nSample size per chain = {len(first)} \n")
        print(result)

    def options(self) -> None:
        items = {
            "List current options": lambda: display_coda_options(True, True, True),
            "Data Options": self.data,
            "Summary Statistics Options": self.statistics_options,
            "Diagnostics Options": self.diagnostics_options,
        }
        self.run("CODA main options menu", items, "Return")

    def data(self) -> None:
        items = {
            "List current data options": self.list_data,
            "Select variables for analysis": self.select_variables,
            "Select chains for analysis": self.select_chains,
            "Select iterations for analysis": self.select_iterations,
            "Select thinning interval": self.select_thin,
        }
        self.run("CODA data options menu", items, "Return to main options menu")

    def list_data(self) -> None:
        first = self.work[0]
        print("WORKING DATA\n============")
        print(f"Variables selected : {', '.join(map(printable, self.work.labels))}")
        print(f"Chains selected    : {', '.join(self.work.names or ())}")
        print(f"Iterations - start : {first.start}\n               end : {first.end}")
        print(f"Thinning interval  : {first.thin}\n")

    def change(self, **parts: Any) -> None:
        """Choose other data; what leaves none is not kept."""
        old = {name: getattr(self, name) for name in parts}
        vars(self).update(parts)
        print("Recreating working data...")
        try:
            self.work = self.rebuilt()
        except ValueError:
            vars(self).update(old)
            raise

    def select_variables(self) -> None:
        heads = ["VARIABLE NUMBER", "VARIABLE NAME"]
        chosen = multi_menu(self.all.labels, "Select variables for analysis", heads, False)
        self.change(variables=[number - 1 for number in chosen])

    def select_chains(self) -> None:
        heads = ["CHAIN NUMBER", "CHAIN NAME"]
        chosen = multi_menu(self.names, "Select chains for analysis:", heads, False)
        self.change(chains=[number - 1 for number in chosen])

    def select_iterations(self) -> None:
        first, last, _ = self.all[0].mcpar
        print(f"\nIterations available = {first}:{last}")
        question = "Enter iteration you wish to {} at"
        begin = read_and_check(question.format("start"), int, first, last, default=first)
        stop = read_and_check(question.format("end"), int, begin, last, default=last)
        self.change(start=begin, end=stop)

    def select_thin(self) -> None:
        step = self.all[0].thin
        print(f"\nThinning interval of full data = {step}")
        wanted = read_and_check("Enter thinning interval:", int, step, default=step)
        if wanted % step:
            raise ValueError(f"{wanted} is not a multiple of {step}")
        self.change(thin=wanted)

    def statistics_options(self) -> None:
        items = {
            "Display current statistics options": lambda: display_coda_options(stats=True),
            "Combine chains for summary statistics": lambda: _switch("combine_stats"),
            "Quantiles for summary statistics": _ask_quantiles,
            "Number of significant digits for printing": lambda: _ask("digits", 1, 15),
        }
        self.run("CODA options for summary statistics", items, "Return to main options menu")

    def diagnostics_options(self) -> None:
        names = {
            "Window 1 fraction for Geweke's diagnostic": "frac1",
            "Window 2 fraction for Geweke's diagnostic": "frac2",
            "Quantile (q) for Raftery & Lewis' diagnostic": "q",
            "Precision (+/- r) for Raftery & Lewis' diagnostic": "r",
            "Probability (s) for Raftery & Lewis' diagnostic": "s",
            "Halfwidth for Heidelberger & Welch's diagnostic": "halfwidth",
        }
        items: dict[str, Callable[[], Any]] = {
            "Display current diagnostic options": lambda: display_coda_options(diags=True)
        }
        for label, name in names.items():
            items[label] = lambda name=name: _ask(name, 0.0, 1.0)  # type: ignore[misc]
        items["Combine chains for cross-correlations"] = lambda: _switch("combine_corr")
        self.run("CODA diagnostics options menu", items, "Return to main options menu")


def _ask(name: str, lower: float, upper: float) -> None:
    kind = int if name == "digits" else float
    value = read_and_check(f"Enter {name}:", kind, lower, upper, default=coda_options(name))
    coda_options(**{name: value})


def _switch(name: str) -> None:
    coda_options(**{name: not coda_options(name)})
    print(f"{name} is {str(coda_options(name)).upper()} now\n")


def _ask_quantiles() -> None:
    answer = input("\nEnter quantiles, separated by commas\n1:").strip()
    if answer:
        coda_options(quantiles=tuple(float(item) for item in answer.split(",")))
