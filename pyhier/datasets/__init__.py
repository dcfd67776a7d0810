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
        ``"eight_schools"``, ``"cancermortality"``; LearnBayes' 25 data sets have their names in R,
        and names with dots are also found with underscores.

    Returns
    -------
    DataFrame
        LearnBayes' with R's columns and types: a factor is a categorical with R's levels, an
        integer with missing values an ``Int64``.

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
    types: dict[str, str] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            kind, found, columns = line.removeprefix("# ").partition(": ")
            if not line.startswith("#"):
                break
            if found and kind in _TYPES:
                types |= dict.fromkeys(columns.strip().split(", "), _TYPES[kind])
    frame = pd.read_csv(path, comment="#")
    return frame.astype(types) if types else frame


_TYPES = {"factor": "category", "integer": "Int64"}  # R's type at the head of a file: pandas'
