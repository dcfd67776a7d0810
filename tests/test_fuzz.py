"""A fixed share of the adversarial problems (`make fuzz` makes new ones): no fault in any."""

import pytest
from fuzz import FAMILIES
from fuzz.runner import Report, run

SEED, PROBLEMS = 12, {"normal": 16, "regression": 4, "binomial": 4, "poisson": 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_wrong_number_hang_or_silent_nan(family, capsys):
    report = Report()
    for outcome in run(family, SEED, problems=PROBLEMS[family]):
        report.add(outcome)
    with capsys.disabled():
        print(f"\n{family}: {report}")
    assert report.total == PROBLEMS[family]
    # How long one takes is for `make fuzz` to say, on a machine of its own.
    faults = [fault for fault in report.faults if fault.kind != "slow"]
    assert not faults, "\n".join(map(str, faults))
    # Refusals, and what the oracle does not know, are few.
    assert report.counts["right"] + report.counts["slow"] >= 0.75 * report.total, report
