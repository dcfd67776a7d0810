"""How a model foretells each group from all the others, without Monte Carlo error."""

from typing import TYPE_CHECKING

import numpy as np

from pyhier._frame import frame
from pyhier.inference.exact import exact
from pyhier.models.regression import HierarchicalRegression

if TYPE_CHECKING:
    import pandas as pd


def leave_group_out(model: HierarchicalRegression) -> "pd.DataFrame":
    """Log density of every group's rows given all the others'.

    It is the evidence of all rows by that without the group, of one more quadrature each; flat
    priors cancel.

    Parameters
    ----------
    model : HierarchicalRegression
        With up to four coordinates, as `exact` takes it. Of nested groups the outermost are left
        out.

    Returns
    -------
    DataFrame
        A row a group: ``elpd``, whose sum says how the model foretells new groups, and ``rows``.

    Raises
    ------
    TypeError
        If it is another model.
    ValueError
        If there is no posterior, or none without a group, which is named.

    Examples
    --------
    >>> import pyhier as ph
    >>> rows = {"g": list("aaabbbcccddd"), "x": [0, 1, 2] * 4,
    ...         "y": [1, 2, 4, 0, 2, 2, 3, 5, 6.5, 2, 3, 3]}
    >>> model = ph.HierarchicalRegression.from_formula("y ~ x + (1 | g)", rows, sigma=1)
    >>> ph.leave_group_out(model).round(2)
           elpd  rows
    group
    a     -4.96     3
    ...
    """
    if not isinstance(model, HierarchicalRegression):
        raise TypeError(
            f"model is a {type(model).__name__}: leave_group_out takes a HierarchicalRegression"
        )
    whole, labels = exact(model), model.nesting.labels[0]
    group = model.nesting.above(0)[model.rows.code]
    values = []
    for j, label in enumerate(labels):
        try:
            rest = exact(model.kept(group != j))
        except ValueError as error:
            raise ValueError(f"without group {label} there is no posterior: {error}") from None
        values.append(float(whole.log_z) - float(rest.log_z))  # type: ignore[arg-type]
    sizes = np.bincount(group, minlength=len(labels))
    return frame({"elpd": np.array(values), "rows": sizes}, labels, "group")
