"""coda's menus, walked through with scripted answers."""

import pytest

from pyhier import coda


@pytest.fixture
def walk(monkeypatch, capsys):
    """Answer the menus' questions; after the last answer the input ends."""

    def walked(answers, draws=None):
        left = iter(answers)

        def answer(prompt=""):
            print(prompt, end="")
            try:
                return next(left)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", answer)
        coda.codamenu(coda.load_line() if draws is None else draws)
        assert next(left, None) is None
        return capsys.readouterr().out

    yield walked
    coda.coda_options(default=True)


def test_statistics_are_those_of_summary(walk):
    line = coda.load_line()
    shown = walk(["1", "1", "3", "3"])
    assert f"line1 \n{coda.summary(line[0])}" in shown
    assert f"line2 \n{coda.summary(line[1])}" in shown


def test_options_change_what_is_shown(walk):
    line = coda.load_line()
    # Options: statistics: combine, quantiles, digits; back; analysis: statistics.
    shown = walk(["3", "3", "2", "3", "0.1, 0.9", "4", "6", "5", "5", "1", "1"])
    assert coda.summary(line, [0.1, 0.9]).text(7) in shown


def test_other_data_are_worked_on(walk):
    line = coda.load_line()
    # Options: data: variables 2 and 3, chain 2, iterations 11 to 190, every third; list them.
    data = ["3", "2", "2", "2:3", "3", "2", "4", "11", "190", "5", "3", "1", "6", "5", "1", "1"]
    shown = walk(data)
    assert "Variables selected : beta, sigma\nChains selected    : line2\n" in shown
    part = coda.window(line[1][:, 1:], 11, 190, 3)
    assert str(coda.summary(part)) in shown


@pytest.mark.parametrize(
    ("item", "function"),
    [
        ("1", coda.geweke_diag),
        ("2", coda.gelman_diag),
        ("3", coda.raftery_diag),
        ("4", coda.heidel_diag),
        ("5", coda.autocorr),
    ],
)
def test_diagnostics_are_those_of_the_functions(walk, item, function):
    assert str(function(coda.load_line())) in walk(["2", item])


def test_an_error_of_a_diagnostic_does_not_end_the_menu(walk):
    shown = walk(["2", "2", "1"], coda.load_line()[0])
    assert "needs two chains or more" in shown
    assert "GEWEKE" in shown


def test_leaving_is_asked_for(walk):
    assert "Are you sure you want to quit" in walk(["1", "0", "n", "0", "y"])
    assert walk(["4"]).count("CODA Main Menu") == 1


def test_an_object_by_its_name(walk, monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.modules["__main__"], "my_chains", coda.load_line(), raising=False)
    left = iter(["2", "nothing", "my_chains", "4"])
    monkeypatch.setattr("builtins.input", lambda prompt="": next(left))
    coda.codamenu()
    shown = capsys.readouterr().out
    assert "Can't find nothing" in shown
    assert "CODA Main Menu" in shown
