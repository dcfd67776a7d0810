"""The command line: ``pyhier fit FILE.csv``, ``pyhier demo`` and ``pyhier validate``."""

import argparse
import fcntl
import os
import re
import secrets
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pyhier import __version__, cli_blocks, cli_counts, cli_rows
from pyhier._table import Table, format_table
from pyhier._text import printable
from pyhier._validation import count
from pyhier._words import in_shell_words
from pyhier.cli_files import is_of_blocks
from pyhier.datasets import dataset_path
from pyhier.inference import exact, laplace, rwmetrop
from pyhier.inference.chains import MetropolisPosterior, NothingKeptError
from pyhier.models import HierarchicalRegression, MultilevelNormal, NormalNormal
from pyhier.models.formula import Design
from pyhier.models.interface import new_effects_of
from pyhier.posterior import DrawsPosterior, Posterior
from pyhier.posterior.diagnostics import ConvergenceWarning
from pyhier.priors.grammar import MU_PRIORS, SCALED, parse_prior
from pyhier.priors.tau import PRIOR_NAMES
from pyhier.rstats import RStream

PROBS = (0.025, 0.5, 0.975)
Fitted = NormalNormal | MultilevelNormal | HierarchicalRegression | cli_counts.Counted
DEMO = ["--y", "y", "--se", "sigma", "--label", "school", "--out", "pyhier-demo", "--seed", "11"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (2 after an error, 130 after Ctrl-C)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["demo"]:
        arguments = ["fit", str(dataset_path("eight_schools")), *DEMO, *arguments[1:]]
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "fit" and not (
        cli_rows.is_of_rows(options) or cli_counts.is_of_counts(options)
    ):
        _need_estimates(parser, options)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # by nohup
            signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        if options.command == "validate":
            return validate(options)
        fit(options)
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        print(
            "pyhier: error: this does not fit into memory: ask for fewer --draws", file=sys.stderr
        )
        return 2
    except (ValueError, TypeError, OSError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.filename is not None:
            message = f"{error.filename}: {error.strerror}"
        print(f"pyhier: error: {printable(in_shell_words(message))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"pyhier: {str(error) or 'interrupted, nothing was written'}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyhier", description="Pool groups with a hierarchical model."
    )
    parser.add_argument("--version", action="version", version=f"pyhier {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("fit", help="fit a CSV file of group estimates, or of raw rows")
    commands.add_parser("demo", help="`fit` on the eight schools; takes the options of `fit`")
    against = commands.add_parser("validate", help="compare every function with the installed R")
    against.add_argument("packages", nargs="*", help="R packages; all without it")
    against.add_argument("--full", action="store_true", help="many more cases")
    against.add_argument("--seed", type=int, default=0, metavar="S", help="of the random inputs")
    against.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    against.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    _fit_options(run)
    return parser


def _need_estimates(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit unless a file with a row a group has its two columns named."""
    if options.y is None:
        parser.error(
            "the following arguments are required: --y; of raw rows --formula "
            "'y ~ x + (x | group)' alone; of counts --successes and --trials, or --counts and "
            "--exposure"
        )
    if options.se is None and options.var is None:
        parser.error("one of the arguments --se --var is required")


def _fit_options(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "file", type=Path,
        help="CSV file with a header and a row a group, or raw rows; of any size a Parquet file, a "
        ".csv.gz or a folder of such",
    )  # fmt: skip
    run.add_argument("--y", metavar="COL", help="column of the estimates")
    spread = run.add_mutually_exclusive_group()
    spread.add_argument("--se", metavar="COL", help="column of the standard errors")
    spread.add_argument("--var", metavar="COL", help="column of the sampling variances")
    run.add_argument("--label", metavar="COL", help="column of the groups' names")
    run.add_argument(
        "--formula", metavar="FORMULA",
        help="covariates of the groups, as in R: '~ latitude + C(allocation)'; or raw rows and "
        "what varies by which group, as in lme4: 'Reaction ~ Days + (Days | Subject)'",
    )  # fmt: skip
    run.add_argument(
        "--levels", metavar="COLS",
        help="columns of groups within groups, the outermost first: 'district,school'",
    )  # fmt: skip
    run.add_argument(
        "--sep", help="what separates the cells (default: comma, or semicolon with --decimal ,)"
    )
    run.add_argument("--decimal", default=".", help="the decimal mark (default: point)")
    run.add_argument("--encoding", default="utf-8", help="of the file's text (default: utf-8)")
    run.add_argument(
        "--method", choices=["exact", "rwmetrop", "laplace"], default="exact",
        help="quadrature (default), random-walk Metropolis, or draws from the normal approximation",
    )  # fmt: skip
    run.add_argument(
        "--prior-tau", metavar="[NAME=]PRIOR", action="append",
        help=f"of tau: {', '.join(PRIOR_NAMES)}; or with numbers, as in R: "
        + ", ".join(map(str, SCALED.values()))
        + "; with levels, or of raw rows, uniform or one with numbers, which may be NAME=PRIOR and "
        "given again",
    )  # fmt: skip
    run.add_argument("--prior-mu", metavar="PRIOR", help="of mu: flat, or normal(mean, sd)")
    run.add_argument("--draws", type=float, default=10_000, metavar="N", help="default: 10000")
    run.add_argument("--burn-in", type=float, default=1_000, metavar="N", help="default: 1000")
    run.add_argument("--seed", type=int, metavar="S", help="of the random numbers")
    run.add_argument("--r-stream", action="store_true", help="R's random stream: set.seed(S)")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the draws and pictures")
    run.add_argument(
        "--resume", action="store_true",
        help="go on with the --out DIR of a run that was killed, where files are read in blocks",
    )  # fmt: skip
    cli_counts.add_options(run)
    cli_rows.add_options(run)


def validate(options: argparse.Namespace) -> int:
    """Compare with R, print a line a function; 1 if one is out of its tolerance, 2 without R."""
    from pyhier.r_bridge.validation import report as bridge

    head = [bridge.line(bridge.HEAD)]

    def show(text: str) -> None:
        while head:  # with the first line: without R there is none
            print(head.pop())
        print(text, flush=True)

    try:
        report = bridge.validate(options.packages, options.full, options.seed, show)
    except bridge.RUnavailableError as error:
        print(f"pyhier: error: {error}", file=sys.stderr)
        return 2
    for path, text in ((options.json, report.to_json), (options.html, report.to_html)):
        if path is not None:
            bridge.save(text(), path)
    show("\n" + ", ".join(f"{name} {version}" for name, version in report.versions.items()))
    show(f"{report.verdict()}; {report.seconds:.0f} s")
    return 0 if report.good else 1


def fit(options: argparse.Namespace) -> None:
    """Read the file, fit, print the table, write the folder."""
    draws, burn_in = count("--draws", options.draws, 2), count("--burn-in", options.burn_in, 0)
    if options.sep is not None:
        options.sep = options.sep.replace("\\t", "\t")
        if len(options.sep) != 1 or options.sep in '\r\n"':
            raise ValueError(f"--sep is {options.sep!r}: it must be one character")
    if is_of_blocks(options.file):
        _fit_blocks(options)
        return
    if options.resume:
        raise ValueError(f"--resume is of Parquet files, .csv.gz and folders, not {options.file}")
    model = _model(options)
    seed = secrets.randbits(31) if options.seed is None else options.seed
    if seed < 0 and not options.r_stream:
        raise ValueError(f"--seed is {seed}: it must not be negative, except with --r-stream")
    rng = RStream(seed) if options.r_stream else np.random.default_rng(seed)
    with _folder(options.out) as save:
        posterior: Posterior
        if options.method == "exact":
            posterior = exact(model)
        elif options.method == "laplace":
            posterior = laplace(model).sample(draws, rng)
        else:
            posterior = _uninterrupted(model, draws, burn_in, rng)
        print(_head(posterior, "R seed" if options.r_stream else "seed", seed))
        print(_table(posterior))
        if options.out is not None:
            save(lambda folder: _write(posterior, folder, draws, rng))
            print(f"\nDraws, summary and pictures are in {options.out}")


def _fit_blocks(options: argparse.Namespace) -> None:
    """Fit files that are read in blocks."""

    def show(posterior: Posterior) -> None:
        print(_head(posterior, "", 0))
        print(format_table(posterior.names, posterior.columns(PROBS)))

    cli_blocks.fit(options, PROBS, show)


def _uninterrupted(
    model: Fitted,
    draws: int,
    burn_in: int,
    rng: RStream | np.random.Generator,
) -> MetropolisPosterior:
    """The chain; one that Ctrl-C cut short is none that was asked for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "interrupted", RuntimeWarning)
        try:
            posterior = rwmetrop(model, draws, burn_in=burn_in, rng=rng)
        except NothingKeptError:
            raise KeyboardInterrupt from None
    if posterior.interrupted:
        raise KeyboardInterrupt
    return posterior


def _model(options: argparse.Namespace) -> Fitted:
    cli_rows.check_options(options)
    cli_counts.check_options(options)
    if cli_rows.is_of_rows(options):
        return cli_rows.model_of_rows(options)
    if cli_counts.is_of_counts(options):
        return cli_counts.model_of_counts(options, partial(_covariates, options))
    table = Table(options.file, options.sep, options.decimal, options.encoding)
    labels = None if options.label is None else table.text(options.label)
    y = table.numbers(options.y, labels)
    prior_mu = parse_prior("--prior-mu", options.prior_mu or "flat", MU_PRIORS)
    arguments: dict[str, Any] = {
        "prior_tau": _prior_tau(options),
        "prior_mu": None if prior_mu == "flat" else prior_mu,
    }
    kind = "se" if options.var is None else "var"
    columns = {"y": options.y, kind: getattr(options, kind)}
    arguments[kind] = table.numbers(columns[kind], labels)
    if options.formula is not None:
        arguments |= _covariates(options, table, options.y)
    try:
        if options.levels is not None:
            return MultilevelNormal(y, levels=_levels(options, table), **arguments)
        return NormalNormal(y, labels=labels, **arguments)
    except ValueError as error:
        raise ValueError(_located(str(error), table, columns)) from None


def _prior_tau(options: argparse.Namespace) -> Any:
    """The prior of tau, or of every level's."""
    texts = options.prior_tau or ["uniform"]
    if options.levels is not None:
        return cli_rows.named_priors("--prior-tau", texts)
    if len(texts) > 1:
        raise ValueError(f"--prior-tau is given {len(texts)} times: there is one tau")
    return parse_prior("--prior-tau", texts[0], SCALED, PRIOR_NAMES)


def _covariates(options: argparse.Namespace, table: Table, y: str) -> dict[str, Any]:
    """The design of ``--formula``, whose left side is the column of the groups' data."""
    if not options.formula.lstrip().startswith("~"):
        raise ValueError(f"--formula is {options.formula!r}: write it as '~ latitude'")
    try:
        design = Design(f"`{y}` {options.formula}", table.columns())
    except ValueError as error:
        raise ValueError(f"--formula: {error}") from None
    return {"X": design.common, "intercept": False, "design": design}


def _levels(options: argparse.Namespace, table: Table) -> dict[str, Any]:
    """The columns of ``--levels``."""
    if options.label is not None:
        raise ValueError("--label names groups of one level: --levels has the names of its own")
    return {name: table.text(name) for name in map(str.strip, options.levels.split(","))}


def _located(message: str, table: Table, columns: Mapping[str, str]) -> str:
    """What is wrong with a group, and where the file has it."""
    found = re.match(r"(y|se|var)\[(\d+)\] \(group ", message)
    return f"{message} ({table.place(int(found[2]), columns[found[1]])})" if found else message


def _head(posterior: Posterior, kind: str, seed: int) -> str:
    how = "exact, by quadrature"
    if isinstance(posterior, DrawsPosterior):
        how = f"normal approximation at the mode, {posterior.phi.shape[1]:,} draws, {kind} {seed}"
    if isinstance(posterior, MetropolisPosterior):
        how = (
            f"random-walk Metropolis, {posterior.phi.shape[1]:,} draws after "
            f"{posterior.burn_in.shape[1]:,} of burn-in, {100 * posterior.accept:.1f}% accepted, "
            f"{kind} {seed}"
        )
    return f"{posterior.model!r}\n{how}\n"


def _table(posterior: Posterior) -> str:
    columns = posterior.columns(PROBS)
    shrinkage = np.full(len(posterior.names), np.nan)
    factors, new = posterior.shrinkage_factors(), len(new_effects_of(posterior.model))
    shrinkage[-new - factors.size : -new] = factors  # hyperparameters, groups, a new group's last
    rows = isinstance(posterior.model, HierarchicalRegression)  # coefficients of any size
    return format_table(posterior.names, columns | {"shrinkage": shrinkage}, by_row=rows)


def _write(
    posterior: Posterior, folder: Path, draws: int, rng: RStream | np.random.Generator
) -> None:
    """Write draws.csv, summary.csv and the pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    from pyhier import plots

    frame = posterior.to_dataframe(draws=draws, rng=rng)
    frame.to_csv(folder / "draws.csv", index=False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        posterior.summary().to_csv(folder / "summary.csv")
    for warning in said:
        print(f"pyhier: warning: {warning.message}", file=sys.stderr)
    warnings.filterwarnings("ignore", "Glyph .* missing")  # a label in a script without a font
    pictures = _group_pictures(posterior)
    for name in posterior.names:
        if re.fullmatch(r"(tau|rho)(\[.*\])?|sigma", name):
            pictures[_file_name(name)] = plots.density(posterior, name)
    for name, ax in pictures.items():
        figure = ax.figure
        assert isinstance(figure, Figure)
        figure.savefig(folder / f"{name}.png", dpi=150)


def _group_pictures(posterior: Posterior) -> dict[str, Any]:
    """Forest and shrinkage of the groups, of each effect where they have several."""
    from pyhier import plots

    names = new_effects_of(posterior.model)
    if names == ("theta_new",):
        return {"forest": plots.forest(posterior), "shrinkage": plots.shrinkage(posterior)}
    found: dict[str, Any] = {}
    sizes = list(posterior.model.observed().values())[-1]
    for name in names:
        effect = name.removeprefix("theta_new[").removesuffix("]")
        found[_file_name(f"forest[{effect}]")] = plots.forest(posterior, effect=effect)
        if sizes.min() < sizes.max():  # or all arrows stand in one place
            found[_file_name(f"shrinkage[{effect}]")] = plots.shrinkage(posterior, effect=effect)
    return found


def _file_name(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


Save = Callable[[Callable[[Path], None]], None]


@contextmanager
def _folder(out: Path | None) -> Iterator[Save]:
    """Make the folder before the work starts; what fails leaves nothing half-written in it.

    Files are written beside their place and moved there when all of them are done. What a run that
    was killed left there goes: it does not hold its folder's lock.
    """
    if out is None:
        yield lambda write: None
        return
    made = [path for path in (out, *out.parents) if not path.exists()]
    staging = out / f".pyhier-{secrets.token_hex(8)}"  # named first: a signal may come at any time

    def save(write: Callable[[Path], None]) -> None:
        write(staging)
        for file in staging.iterdir():
            if (out / file.name).is_dir():
                raise OSError(f"--out: {out / file.name} is a folder, in the way of a file")
        for file in sorted(staging.iterdir()):
            os.replace(file, out / file.name)

    held = -1
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            with _lock(out):
                _sweep(out)
                staging.mkdir()
                held = os.open(staging, os.O_RDONLY)
                fcntl.flock(held, fcntl.LOCK_EX)
        except OSError as error:
            raise OSError(f"--out {out} cannot be written: {error.strerror}") from None
        yield save
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if held >= 0:
            os.close(held)
        _remove_empty(made)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold a folder's lock: no other run makes or sweeps its staging folder meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(out: Path) -> None:
    """Remove the staging folders of runs that are no more."""
    for folder in out.glob(".pyhier-*"):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # it is being written
        finally:
            os.close(descriptor)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:  # the innermost first
        try:
            folder.rmdir()
        except OSError:
            return


if __name__ == "__main__":
    raise SystemExit(main())
