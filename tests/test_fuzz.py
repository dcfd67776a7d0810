"""A fixed share of the adversarial problems (`make fuzz` makes new ones): no fault in any."""

import pytest
from fuzz import FAMILIES
from fuzz.runner import Report, run

SEED, PROBLEMS = 12, {"normal": 30, "regression": 6, "binomial": 8, "poisson": 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_number_hang_or_silent_nan(family, capsys):
    report = Report()
    for outcome in run(family, SEED, problems=PROBLEMS[family]):
        report.add(outcome)
    with capsys.disabled():
        print(f"\n{family}: {report}")
    assert report.total == PROBLEMS[family]
    assert not report.faults, "\n".join(map(str, report.faults))
    # Refusals, and what the oracle does not know, are few.
    assert report.counts["right"] >= 0.85 * report.total, report
