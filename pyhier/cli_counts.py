"""The command line's counts: ``--successes y --trials n``, or ``--counts y --exposure e``."""

import argparse
import re
from typing import Any

from pyhier._table import Table
from pyhier.models import BetaBinomial, BinomialNormal, PoissonGamma, PoissonNormal
from pyhier.priors.grammar import MU_PRIORS, SCALED, parse_prior
from pyhier.priors.tau import PRIOR_NAMES

# By the column of counts: the one of the groups' sizes, and the models, the first without --model.
SIZES = {"successes": "trials", "counts": "exposure"}
MODELS: dict[str, dict[str, type[Any]]] = {
    "successes": {"beta-binomial": BetaBinomial, "binomial-normal": BinomialNormal},
    "counts": {"poisson-gamma": PoissonGamma, "poisson-normal": PoissonNormal},
}
OF_ESTIMATES = ("--y", "--se", "--var", "--levels")
NORMAL_ALONE = ("--prior-tau", "--prior-mu")  # options of models with normal effects
Counted = BetaBinomial | BinomialNormal | PoissonGamma | PoissonNormal


def add_options(run: argparse.ArgumentParser) -> None:
    """Add the options that only counts take."""
    counts = run.add_argument_group("counts", "instead of estimates, a row a group")
    counts.add_argument("--successes", metavar="COL", help="column of the successes")
    counts.add_argument("--trials", metavar="COL", help="column of the trials")
    counts.add_argument("--counts", metavar="COL", help="column of the events")
    counts.add_argument("--exposure", metavar="COL", help="column of the exposures")
    counts.add_argument(
        "--model", choices=[name for models in MODELS.values() for name in models],
        help="conjugate (default), or with normal effects on the logit or log line",
    )  # fmt: skip
    counts.add_argument(
        "--prior", metavar="NAME",
        help="of a conjugate model's hyperparameters: "
        f"{', '.join((*BetaBinomial.named, *PoissonGamma.named))}",
    )  # fmt: skip


def is_of_counts(options: argparse.Namespace) -> bool:
    """Whether a file of counts was asked for."""
    return any(_value(options, f"--{name}") is not None for pair in SIZES.items() for name in pair)


def check_options(options: argparse.Namespace) -> None:
    """Raise for the first option that does not go with the others."""
    if not is_of_counts(options):
        for option in ("--model", "--prior"):
            if _value(options, option) is not None:
                raise ValueError(
                    f"{option} is of counts: give --successes and --trials, or --counts and "
                    "--exposure"
                )
        return
    counted = [name for name in SIZES if _value(options, f"--{name}") is not None]
    for name, size in SIZES.items():
        if (name in counted) != (_value(options, f"--{size}") is not None):
            raise ValueError(f"--{name} and --{size} go together: one of them is missing")
    if len(counted) > 1:
        raise ValueError("--successes and --counts are given: a file has one of them")
    for option in OF_ESTIMATES:
        if _value(options, option) is not None:
            raise ValueError(f"{option} is of estimates: counts have no standard errors of theirs")
    models = MODELS[counted[0]]
    if options.model is not None and options.model not in models:
        raise ValueError(f"--model is {options.model}: of --{counted[0]} it is {_either(models)}")
    normal = options.model is not None and options.model.endswith("normal")
    for option in NORMAL_ALONE if not normal else ("--prior",):
        if _value(options, option) is not None:
            kind = "normal effects" if not normal else "a conjugate model"
            other = list(models)[not normal]
            raise ValueError(f"{option} is of {kind}: give --model {other}")


def _either(models: dict[str, type[Any]]) -> str:
    return " or ".join(models)


def _value(options: argparse.Namespace, option: str) -> Any:
    return getattr(options, option[2:].replace("-", "_"))


def model_of_counts(options: argparse.Namespace, covariates: Any) -> Counted:
    """The model of the file's columns.

    Parameters
    ----------
    options : argparse.Namespace
    covariates : callable
        The arguments that ``--formula`` makes, of the table and the column on its left.
    """
    table = Table(options.file, options.sep, options.decimal, options.encoding)
    labels = None if options.label is None else table.text(options.label)
    counted = next(name for name in SIZES if _value(options, f"--{name}") is not None)
    columns = {name: str(_value(options, f"--{name}")) for name in (counted, SIZES[counted])}
    models = MODELS[counted]
    model = models[options.model or next(iter(models))]
    data = [table.numbers(column, labels) for column in columns.values()]
    arguments: dict[str, Any] = {"labels": labels} | _priors(options)
    if options.formula is not None:
        arguments |= covariates(table, columns[counted])
    try:
        made: Counted = model(*data, **arguments)
    except ValueError as error:
        raise ValueError(_located(str(error), table, columns)) from None
    return made


def _priors(options: argparse.Namespace) -> dict[str, Any]:
    """The priors that were asked for; the models have defaults."""
    found: dict[str, Any] = {}
    if options.prior is not None:
        found["prior"] = options.prior
    if options.prior_tau is not None:
        if len(options.prior_tau) > 1:
            times = len(options.prior_tau)
            raise ValueError(f"--prior-tau is given {times} times: there is one tau")
        found["prior_tau"] = parse_prior("--prior-tau", options.prior_tau[0], SCALED, PRIOR_NAMES)
    if options.prior_mu is not None:
        prior_mu = parse_prior("--prior-mu", options.prior_mu, MU_PRIORS)
        found["prior_mu"] = None if prior_mu == "flat" else prior_mu
    return found


def _located(message: str, table: Table, columns: dict[str, str]) -> str:
    """What is wrong with a group, and where the file has it."""
    found = re.match(r"(\w+)\[(\d+)\] \(group ", message)
    if found is None or found[1] not in columns:
        return message
    return f"{message} ({table.place(int(found[2]), columns[found[1]])})"
