"""The command line with counts, as a shell sees it."""

import pytest
from scipy import stats

import pyhier as ph
from pyhier.cli import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counts")
    for name in ("surgical", "pumps"):
        ph.load_dataset(name).to_csv(folder / f"{name}.csv", index=False)
    return {name: str(folder / f"{name}.csv") for name in ("surgical", "pumps")}


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def row(table, name):
    line = next(r for r in table.split("\n") if r.startswith(name))
    return [float(cell) for cell in line.split()[1:]]


OF_SURGICAL = ("--successes", "deaths", "--trials", "operations")
OF_PUMPS = ("--counts", "failures", "--exposure", "khours")


def test_successes_in_trials(capsys, files):
    code, out, err = run(capsys, "fit", files["surgical"], *OF_SURGICAL, "--label", "hospital")
    assert (code, err) == (0, "")
    d = ph.load_dataset("surgical")
    post = ph.exact(ph.BetaBinomial(d["deaths"], d["operations"], labels=d["hospital"]))
    name = f"theta[{d['hospital'][3]}]"
    right = [post[name].mean(), post[name].std(), *post[name].ppf([0.025, 0.5, 0.975])]
    assert row(out, name)[:5] == pytest.approx(right, abs=6e-6)


def test_events_with_normal_effects(capsys, files, tmp_path):
    code, out, err = run(
        capsys, "fit", files["pumps"], *OF_PUMPS, "--model", "poisson-normal",
        "--prior-tau", "halfcauchy(1)", "--prior-mu", "normal(0, 5)", "--out", str(tmp_path),
        "--draws", "50", "--seed", "1",
    )  # fmt: skip
    assert (code, err) == (0, "")
    d = ph.load_dataset("pumps")
    post = ph.exact(ph.PoissonNormal(d["failures"], d["khours"], prior_mu=stats.norm(0, 5),
                                     prior_tau=stats.halfcauchy(scale=1)))  # fmt: skip
    assert row(out, "tau")[:2] == pytest.approx([post["tau"].mean(), post["tau"].std()], abs=6e-5)
    assert {"draws.csv", "summary.csv", "forest.png", "tau.png"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_covariates_of_counts(capsys, files):
    code, out, err = run(
        capsys, "fit", files["surgical"], *OF_SURGICAL, "--formula", "~ np.log(operations)",
        "--method", "laplace", "--draws", "200", "--seed", "1",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "beta[np.log(operations)]" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--successes", "deaths"], "--successes and --trials go together"),
        (["--exposure", "deaths"], "--counts and --exposure go together"),
        ([*OF_SURGICAL, "--counts", "deaths", "--exposure", "operations"], "a file has one"),
        ([*OF_SURGICAL, "--se", "deaths"], "--se is of estimates"),
        ([*OF_SURGICAL, "--model", "poisson-gamma"], "--model is poisson-gamma: of --successes it"),
        ([*OF_SURGICAL, "--prior-tau", "uniform"], "--prior-tau is of normal effects: give"),
        ([*OF_SURGICAL, "--model", "binomial-normal", "--prior", "bda3"], "--prior is of a conj"),
        ([*OF_SURGICAL, "--prior", "nix"], "the named priors are bda3, betabinexch"),
        (["--successes", "operations", "--trials", "deaths"], "line 2, column 'operations'"),
        (["--y", "deaths", "--se", "operations", "--model", "beta-binomial"], "--model is of"),
        ([*OF_SURGICAL, "--weights", "deaths"], "--weights is of raw rows"),
    ],
)  # fmt: skip
def test_wrong_options(capsys, files, options, words):
    code, out, err = run(capsys, "fit", files["surgical"], *options)
    assert (code, out) == (2, "")
    assert words in err
