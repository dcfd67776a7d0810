"""Small published data sets; each file says at its head where it comes from."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def dataset_path(name: str) -> Path:
    """Path of a data set's CSV file.

    Raises
    ------
    ValueError
        If there is none of that name, with the names there are.
    """
    files = {file.stem: file for file in Path(__file__).parent.glob("*.csv")}
    underscored = {stem.replace(".", "_"): file for stem, file in files.items()}
    path = files.get(name) or underscored.get(name)
    if path is None:
        known = ", ".join(sorted(files))
        raise ValueError(f"there is no data set {name!r}: there are {known}")
    return path


def load_dataset(name: str) -> "pd.DataFrame":
    """Load a data set.

    Parameters
    ----------
    name : str
        ``"eight_schools"``, ``"sleepstudy"``, ``"radon"``; LearnBayes' 25 data sets, such as
        ``"cancermortality"``, have their names in R, and names with dots are also found with
        underscores.

    Returns
    -------
    DataFrame
        What R has too with R's columns: a factor is a categorical with R's levels, an integer with
        missing values an ``Int64``.

    Raises
    ------
    ValueError
        If there is none of that name, with the names there are.

    Examples
    --------
    >>> load_dataset("eight_schools").head(2)
      school   y  sigma
    0      A  28     15
    1      B   8     10
    >>> load_dataset("baseball_1964").head(2)  # baseball.1964 in R
       Team.1  Team.2  Wins.Team1  Wins.Team2
    0       2       1          12           6
    1       3       1           7          11
    """
    import pandas as pd

    path = dataset_path(name)
    types, levels = _told(path)
    text = dict.fromkeys((c for c, kind in types.items() if kind == "category"), "str")
    frame = pd.read_csv(path, comment="#", dtype=text)
    return frame.astype(types | {c: pd.CategoricalDtype(found) for c, found in levels.items()})


_TYPES = {"factor": "category", "integer": "Int64"}  # R's type at the head of a file: pandas'


def _told(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Types of columns, and levels that are not in the alphabet's order, from a file's head."""
    types: dict[str, str] = {}
    levels: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            kind, _, found = line.removeprefix("# ").partition(": ")
            names = found.strip().rstrip(",").split(", ")
            if not line.startswith("#"):
                break
            if kind in _TYPES:
                types |= dict.fromkeys(names, _TYPES[kind])
            elif kind.startswith("levels of "):
                levels.setdefault(kind.removeprefix("levels of "), []).extend(names)
    return types, levels
