"""What notebooks show of a posterior."""

from typing import Any

import numpy as np

from pyhier._html import InNotebooks, Shown, kept_rows
from pyhier._table import table_cells
from pyhier.posterior.summaries import PROBS, marginal_columns


class SummaryInNotebooks(InNotebooks):
    """A posterior whose summary is shown."""

    def _shown(self) -> Shown:
        """Mean, sd and quantiles of every quantity; of many of the first and the last ones."""
        post: Any = self
        names = tuple(post.names)
        kept, gap = kept_rows(len(names))
        shown = [names[k] for k in kept]
        columns = marginal_columns([post[name] for name in shown], np.array(PROBS))
        cells = table_cells(columns, by_row=True)
        return Shown(repr(self), shown, dict(zip(columns, cells, strict=True)), gap)
