"""The command line: ``pyhier fit FILE.csv --y COL --se COL`` and ``pyhier demo``."""

import argparse
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pyhier import __version__
from pyhier._table import Table, format_table
from pyhier._validation import count
from pyhier.datasets import dataset_path
from pyhier.inference import laplace, rwmetrop
from pyhier.inference.metropolis import MetropolisPosterior
from pyhier.models import NormalNormal
from pyhier.posterior import DrawsPosterior
from pyhier.rstats import RStream

PROBS = (0.025, 0.5, 0.975)
DEMO = ["--y", "y", "--se", "sigma", "--label", "school", "--out", "pyhier-demo", "--seed", "11"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (2 after an error, 130 after Ctrl-C)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["demo"]:
        arguments = ["fit", str(dataset_path("eight_schools")), *DEMO, *arguments[1:]]
    options = _parser().parse_args(arguments)
    try:
        fit(options)
    except (ValueError, TypeError, OSError) as error:
        print(f"pyhier: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pyhier: interrupted, nothing was written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyhier", description="Pool group estimates with a hierarchical model."
    )
    parser.add_argument("--version", action="version", version=f"pyhier {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("fit", help="fit the normal model to a CSV file of group estimates")
    commands.add_parser("demo", help="`fit` on the eight schools; takes the options of `fit`")
    run.add_argument("file", type=Path, help="CSV file with a header and a row a group")
    run.add_argument("--y", required=True, metavar="COL", help="column of the estimates")
    spread = run.add_mutually_exclusive_group(required=True)
    spread.add_argument("--se", metavar="COL", help="column of the standard errors")
    spread.add_argument("--var", metavar="COL", help="column of the sampling variances")
    run.add_argument("--label", metavar="COL", help="column of the groups' names")
    run.add_argument("--sep", default=",", help="what separates the cells (default: comma)")
    run.add_argument(
        "--method", choices=["rwmetrop", "laplace"], default="rwmetrop",
        help="random-walk Metropolis (default), or draws from the normal approximation",
    )  # fmt: skip
    run.add_argument("--draws", type=float, default=10_000, metavar="N", help="default: 10000")
    run.add_argument("--burn-in", type=float, default=1_000, metavar="N", help="default: 1000")
    run.add_argument("--seed", type=int, metavar="S", help="of the random numbers")
    run.add_argument("--r-stream", action="store_true", help="R's random stream: set.seed(S)")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the draws and pictures")
    return parser


def fit(options: argparse.Namespace) -> None:
    """Read the file, fit, print the table, write the folder."""
    draws, burn_in = count("--draws", options.draws, 2), count("--burn-in", options.burn_in, 0)
    if len(options.sep) != 1:
        raise ValueError(f"--sep is {options.sep!r}: it must be one character")
    model = _model(options)
    seed = secrets.randbits(31) if options.seed is None else options.seed
    if seed < 0 and not options.r_stream:
        raise ValueError(f"--seed is {seed}: it must not be negative, except with --r-stream")
    rng = RStream(seed) if options.r_stream else np.random.default_rng(seed)
    with _folder(options.out) as save:
        posterior: DrawsPosterior
        if options.method == "laplace":
            posterior = laplace(model).sample(draws, rng)
        else:
            posterior = rwmetrop(model, draws, burn_in=burn_in, rng=rng)
        print(_head(posterior, seed, options.r_stream))
        print(_table(posterior))
        if options.out is not None:
            save(lambda folder: _write(posterior, folder))
            print(f"\nDraws, summary and pictures are in {options.out}")


def _model(options: argparse.Namespace) -> NormalNormal:
    table = Table(options.file, options.sep)
    labels = None if options.label is None else table.text(options.label)
    y = table.numbers(options.y, labels)
    if options.var is not None:
        return NormalNormal(y, var=table.numbers(options.var, labels), labels=labels)
    return NormalNormal(y, se=table.numbers(options.se, labels), labels=labels)


def _head(posterior: DrawsPosterior, seed: int, r_stream: bool) -> str:
    draws = f"{posterior.phi.shape[1]:,} draws"
    how = f"normal approximation at the mode, {draws}"
    if isinstance(posterior, MetropolisPosterior):
        how = (
            f"random-walk Metropolis, {draws} after {posterior.burn_in.shape[1]:,} of burn-in, "
            f"{100 * posterior.accept:.1f}% accepted"
        )
    return f"{posterior.model!r}\n{how}, {'R seed' if r_stream else 'seed'} {seed}\n"


def _table(posterior: DrawsPosterior) -> str:
    columns = posterior.columns(PROBS)
    shrinkage = np.full(len(posterior.names), np.nan)
    shrinkage[2:-1] = posterior.shrinkage_factors()  # mu and tau before the groups, theta_new after
    return format_table(posterior.names, columns | {"shrinkage": shrinkage})


def _write(posterior: DrawsPosterior, folder: Path) -> None:
    """Write draws.csv, summary.csv and the pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    from pyhier import plots

    posterior.to_dataframe().to_csv(folder / "draws.csv", index=False)
    posterior.summary().to_csv(folder / "summary.csv")
    pictures = {
        "forest": plots.forest(posterior),
        "tau": plots.density(posterior, "tau"),
        "shrinkage": plots.shrinkage(posterior),
    }
    for name, ax in pictures.items():
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.savefig(folder / f"{name}.png", dpi=150)


Save = Callable[[Callable[[Path], None]], None]


@contextmanager
def _folder(out: Path | None) -> Iterator[Save]:
    """Make the folder before the work starts; what fails leaves nothing half-written in it.

    Files are written beside their place and moved there when all of them are done.
    """
    if out is None:
        yield lambda write: None
        return
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".pyhier-", dir=out))
    except OSError as error:
        _remove_empty(made)
        raise OSError(f"--out {out} cannot be written: {error.strerror}") from None

    def save(write: Callable[[Path], None]) -> None:
        write(staging)
        for file in sorted(staging.iterdir()):
            os.replace(file, out / file.name)

    try:
        yield save
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:  # the innermost first
        try:
            folder.rmdir()
        except OSError:
            return


if __name__ == "__main__":
    raise SystemExit(main())
