"""What the tests against R count: how far LearnBayes' functions agreed, and on how many inputs."""

import pytest

_agreed: dict[str, tuple[str, int]] = {}


@pytest.fixture(scope="session")
def agreed():
    """Note, at the end of a test, that a function agreed with R: how far, and how often."""

    def note(name, level, inputs):
        assert inputs >= 30, f"{name} was compared on {inputs} inputs only"
        _agreed[name] = (level, inputs)

    return note


def pytest_terminal_summary(terminalreporter):
    if not _agreed:
        return
    terminalreporter.section("LearnBayes against R")
    for level in sorted({level for level, _ in _agreed.values()}):
        inputs = [n for found, n in _agreed.values() if found == level]
        terminalreporter.write_line(
            f"{len(inputs)} functions ({level}) on {min(inputs)} to {max(inputs)} inputs each"
        )
    terminalreporter.write_line(f"{len(_agreed)} of LearnBayes' 73 functions compared in this run")
