"""The command line with raw rows, as a shell sees it."""

import os

import pandas as pd
import pytest

import pyhier as ph
from pyhier.cli import main

SLOPES = "Reaction ~ Days + (Days | Subject)"


@pytest.fixture(scope="module")
def sleep(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "sleep.csv"
    ph.load_dataset("sleepstudy").to_csv(path, index=False)
    return str(path)


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file and return its name."""

    def write(text):
        (tmp_path / "data.csv").write_text(text)
        return str(tmp_path / "data.csv")

    return write


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def row(table, name):
    line = next(r for r in table.split("\n") if r.startswith(name))
    return [float(cell) for cell in line.split()[1:]]


def test_slopes(capsys, sleep):
    code, out, err = run(capsys, "fit", sleep, "--formula", SLOPES)
    assert (code, err) == (0, "")
    assert out.startswith("HierarchicalRegression: 180 rows in 18 groups")
    # A lattice in four coordinates, written by another hand: issue 16.
    assert row(out, "sigma")[0] == 25.927
    assert row(out, "tau[Intercept]")[0] == 27.374
    assert row(out, "tau[Days]")[0] == 6.587
    assert row(out, "rho[Intercept,Days]")[:2] == [0.0832, 0.3016]
    assert len(row(out, "theta[308,Days]")) == 6  # its shrinkage is the last
    assert len(row(out, "theta_new[Days]")) == 5


def test_files(capsys, sleep, tmp_path):
    """A forest a coefficient; all have ten rows, and arrows over one place say nothing."""
    out = tmp_path / "out"
    arguments = ["--method", "rwmetrop", "--draws", "3000", "--seed", "1", "--out", str(out)]
    code, printed, _ = run(capsys, "fit", sleep, "--formula", SLOPES, *arguments)
    assert code == 0
    assert "3,000 draws after 1,000 of burn-in" in printed
    pictures = ["forest_Days", "forest_Intercept", "rho_Intercept_Days", "sigma"]
    pictures += ["tau_Days", "tau_Intercept"]
    files = sorted(["draws.csv", "summary.csv", *(f"{name}.png" for name in pictures)])
    assert sorted(os.listdir(out)) == files
    assert pd.read_csv(out / "draws.csv").shape == (3000, 46)
    assert pd.read_csv(out / "summary.csv", index_col=0).loc["sigma", "mean"] > 20.0


def test_weights_missing_rows_and_nested_groups(capsys, csv, tmp_path):
    frame = ph.load_dataset("konstantopoulos")
    frame["weight"] = 1.0 / frame["var"]
    cells = frame.astype(object)
    cells.loc[3, "y"], cells.loc[7, "weight"], cells.loc[9, "school"] = "NA", "", "NA"
    file = csv(cells.to_csv(index=False))
    formula = "y ~ year + (1 | district)"
    arguments = ["fit", file, "--formula", formula, "--weights", "weight"]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "data.csv, line 5, column 'y': row 4 has no value (and 1 more rows lack" in err
    assert "fill it in, or say --missing drop" in err
    code, out, _ = run(capsys, *arguments, "--missing", "drop")
    assert code == 0
    assert "54 rows (2 more lacked a value) in 11 groups" in out
    kept = frame.drop(index=[3, 7])
    model = ph.HierarchicalRegression.from_formula(formula, kept, weights="weight")
    post = ph.exact(model)
    assert row(out, "beta[year]")[0] == pytest.approx(post["beta[year]"].mean(), abs=6e-6)
    assert row(out, "tau[Intercept]")[0] == pytest.approx(post["tau[Intercept]"].mean(), abs=6e-5)
    wide = pd.DataFrame({
        "d": [k // 6 for k in range(36)], "s": [k // 3 for k in range(36)],
        "y": [0.3 * (k % 7) + (k // 3) % 4 + (k // 6) ** 1.5 for k in range(36)],
    })  # fmt: skip
    file = csv(wide.to_csv(index=False))
    nested = ["--formula", "y ~ 1 + (1 | d/s)", "--prior-tau", "d=halfnorm(5)"]
    code, out, _ = run(capsys, "fit", file, *nested, "--out", str(tmp_path / "nested"))
    assert code == 0
    assert "12 ss in 6 ds" in out
    assert {"forest.png", "shrinkage.png", "tau_d.png", "sigma.png"} <= {
        *os.listdir(tmp_path / "nested")
    }


def test_priors(capsys, sleep):
    formula = ["--formula", "Reaction ~ Days + (Days || Subject)", "--method", "laplace"]
    out = run(capsys, "fit", sleep, *formula, "--seed", "1",
              "--prior-tau", "Days=halfnorm(10)", "--prior-tau", "Intercept = halfcauchy(50)",
              "--prior-sigma", "half-t(3, 50)", "--prior-beta", "Days=norm(0, 20)")[1]  # fmt: skip
    assert "partly normal" in out
    assert "tau[Days] halfnorm" in out
    assert "tau[Intercept] halfcauchy" in out
    eta = ["--formula", SLOPES, "--method", "laplace", "--prior-rho"]
    assert "rho LKJ(2)" in run(capsys, "fit", sleep, *eta, "2")[1]
    assert "rho LKJ(2.5)" in run(capsys, "fit", sleep, *eta, "LKJ(2.5)")[1]


def test_levels_have_priors_of_their_own(capsys, tmp_path):
    ph.load_dataset("konstantopoulos").to_csv(tmp_path / "schools.csv", index=False)
    arguments = ["fit", str(tmp_path / "schools.csv"), "--y", "y", "--var", "var"]
    arguments += ["--levels", "district,school", "--prior-tau", "school=halfnorm(0.5)"]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "tau[district] uniform, tau[school] halfnorm" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--formula", "Reaction ~ Days"], "--formula 'Reaction ~ Days' has no varying term: add"),
        (["--formula", "Reaction ~ Days + (1 | nix)"], "has no column 'nix': its columns are"),
        (["--formula", "Reaction ~ Days + (1 | Subject) + (1 | Days)"], "are crossed"),
        (["--formula", SLOPES, "--weights", "nix"], "has no column 'nix'"),
        (["--formula", SLOPES, "--se", "Days"], "--se is of a file with a row a group: rows have"),
        (["--formula", SLOPES, "--label", "Subject"], "--label is of a file with a row a group"),
        (["--formula", SLOPES, "--levels", "a,b"], "write (1 | outer/inner) in the formula"),
        (["--formula", SLOPES, "--prior-mu", "flat"], "take --prior-beta \"Intercept=norm("),
        (["--formula", SLOPES, "--prior-rho", "-1"], "--prior-rho is '-1': give eta of LKJ(eta)"),
        (["--formula", SLOPES, "--prior-rho", "0"], "--prior-rho is 0"),
        (["--formula", SLOPES, "--prior-tau", "jeffreys"], "--prior-tau is 'jeffreys': it must be"),
        (["--formula", SLOPES, "--prior-tau", "nix=halfnorm(1)"], "--prior-tau names 'nix': there"),
        (
            ["--formula", SLOPES, "--prior-tau", "halfnorm(1)", "--prior-tau", "halfnorm(2)"],
            "--prior-tau is 'halfnorm(1)': write it as \"NAME=halfnorm(10)\", a name each",
        ),
        (
            ["--formula", SLOPES, *["--prior-tau", "Days=halfnorm(1)"] * 2],
            "--prior-tau names Days twice",
        ),
        (
            ["--formula", "Reaction ~ Days + (Days + np.power(Days, 2) | Subject)"],
            "no formula integrates out, and quadrature takes 4: take --method rwmetrop, or le",
        ),
        (["--formula", SLOPES, "--prior-beta", "norm(0, 1)"], "write it as \"NAME=norm(0, 20)\""),
        (["--formula", SLOPES, "--prior-beta", "day=norm(0, 1)"], "--prior-beta names 'day': the"),
        (["--formula", SLOPES, "--prior-sigma", "norm"], "--prior-sigma is 'norm': it must be"),
        (
            ["--formula", "Reaction ~ Days + (1 | Subject)", "--prior-rho", "2"],
            "--prior-rho is given, and there is no correlation: leave it out",
        ),
    ],
)  # fmt: skip
def test_wrong_options(capsys, sleep, options, message):
    code, out, err = run(capsys, "fit", sleep, *options)
    assert (code, out) == (2, "")
    assert err.startswith("pyhier: error: ")
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g,y\na,1\na,x\nb,2\n", "data.csv, line 3: row 2, column 'y': 'x' is not a number"),
        ("g,y\na,1\na,\nb,2\n", "data.csv, line 3, column 'y': row 2 has no value; fill it in"),
        ("g,y\na,1\nNA,2\nb,2\n", "line 3, column 'g': row 2 has no value"),
        ("# head\ng,y\na,1\na,inf\nb,2\n", "line 4)"),
        ("g,y\na,1\na,2\nb,3\nb,4\n", "such as --prior-tau \"halfcauchy("),
    ],
)  # fmt: skip
def test_wrong_rows(capsys, csv, text, message):
    code, _, err = run(capsys, "fit", csv(text), "--formula", "y ~ 1 + (1 | g)")
    assert code == 2
    assert message in err


def test_wrong_weights(capsys, csv):
    file = csv("g,y,w\na,1,1\na,2,1\nb,2,0\nb,4,1\n")
    code, _, err = run(capsys, "fit", file, "--formula", "y ~ 1 + (1 | g)", "--weights", "w")
    assert code == 2
    assert "--weights in row 3 is 0.0: they must be positive" in err
    assert "data.csv, line 4)" in err


def test_what_rows_alone_take(capsys, sleep):
    arguments = ["fit", sleep, "--y", "Reaction", "--se", "Days", "--prior-sigma", "uniform"]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "--prior-sigma is of raw rows: they take --formula 'y ~ x + (x | group)'" in err
    with pytest.raises(SystemExit):
        main(["fit", sleep])
    assert "the following arguments are required: --y" in capsys.readouterr().err
