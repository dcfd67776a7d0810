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
    folder = Path(__file__).parent
    path = folder / f"{name}.csv"
    known = sorted(file.stem for file in folder.glob("*.csv"))
    if name not in known:
        raise ValueError(f"there is no data set {name!r}: there are {', '.join(known)}")
    return path


def load_dataset(name: str) -> "pd.DataFrame":
    """Load a data set.

    Parameters
    ----------
    name : str
        ``"eight_schools"``.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> load_dataset("eight_schools").head(2)
      school   y  sigma
    0      A  28     15
    1      B   8     10
    """
    import pandas as pd

    return pd.read_csv(dataset_path(name), comment="#")
