"""Events in two arms of studies: checked columns."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import aligned, as_array, each_group, vector
from pyhier.models.counts import whole_numbers
from pyhier.models.groups import Grouped, Labels, check_lengths

COLUMNS = ("events", "size", "control_events", "control_size")
Arms = tuple[Floats, Floats, Floats, Floats]


def two_arms(given: Mapping[str, ArrayLike], labels: Labels) -> Arms:
    """Events and people of both arms, each of shape (studies,)."""
    groups = _groups(given, labels)
    columns = {name: whole_numbers(name, given[name], groups.label) for name in COLUMNS}
    return _together(columns, groups, "there are fewer people")


def sizes_of_rates(given: Mapping[str, ArrayLike], labels: Labels) -> Arms:
    """Events and times at risk of both arms, each of shape (studies,)."""
    groups = _groups(given, labels)
    columns = {}
    for name in COLUMNS:
        is_time = name.endswith("size")
        columns[name] = (
            vector(name, given[name]) if is_time else whole_numbers(name, given[name], groups.label)
        )
    return _together(columns, groups, "")


def _groups(given: Mapping[str, ArrayLike], labels: Labels) -> Grouped:
    aligned(**given)
    return Grouped(as_array("events", given["events"]).size, labels, "events")


def _together(columns: Mapping[str, Floats], groups: Grouped, too_few: str) -> Arms:
    """The columns, which fit to each other; with words for too many events they are checked."""
    for name in COLUMNS[1:]:
        check_lengths(columns["events"], columns[name], "events", name)
    for counted, sized in (COLUMNS[:2], COLUMNS[2:]):
        some = (columns[sized] > 0.0) & np.isfinite(columns[sized])
        each_group(sized, columns[sized], some, groups.label, "sizes must be positive and finite")
        if too_few:
            fits = columns[counted] <= columns[sized]
            each_group(counted, columns[counted], fits, groups.label, too_few)
    events, size, others, other_size = (columns[name] for name in COLUMNS)
    return events, size, others, other_size
