"""Data sets against those of the installed R packages: values, types, order of rows and columns."""

import numpy as np
import pandas as pd
import pytest

import pyhier as ph

OWN = {
    "baseball", "bcg", "berkey", "eight_schools", "free_throws", "konstantopoulos", "line", "pumps",
    "radon", "rat_tumors", "rats", "sleepstudy", "surgical", "teacher_expectancy",
}  # fmt: skip


@pytest.fixture(scope="module")
def names(r):
    return list(r("data(package = 'LearnBayes')$results[, 'Item']"))


def test_all_are_there(names):
    folder = ph.datasets.dataset_path("eight_schools").parent
    assert {file.stem for file in folder.glob("*.csv")} - OWN == set(names)
    assert len(names) == 25


def test_equal_to_r(r, names):
    for name in names:
        ours = ph.load_dataset(name)
        assert list(ours.columns) == list(np.atleast_1d(r(f"names({name})")))
        classes = np.atleast_1d(r(f"unname(sapply({name}, class))"))
        for column, kind in zip(ours.columns, classes, strict=True):
            found, where = ours[column], f"{name}$`{column}`"
            missing = r(f"is.na({where})")
            np.testing.assert_array_equal(found.isna(), missing)
            if kind == "factor":
                assert list(found.cat.categories) == list(r(f"levels({where})"))
                theirs = r(f"as.character({where})")
            else:
                expected = {"integer": ("int64", "Int64"), "numeric": ("float64",)}[kind]
                assert str(found.dtype) in expected, (name, column)
                theirs = r(f"as.numeric({where})")
            assert len(found) == len(theirs)
            np.testing.assert_array_equal(found[~missing].to_numpy(), theirs[~missing])


ROWS = {"sleepstudy": "lme4", "radon": "rstanarm"}


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_those_of_r(r, name):
    if not r(f"requireNamespace('{ROWS[name]}', quietly = TRUE)"):
        pytest.skip(f"R has no package {ROWS[name]}")
    r(f"data('{name}', package = '{ROWS[name]}', envir = globalenv())")
    ours = ph.load_dataset(name)
    assert list(ours.columns) == list(r(f"names({name})"))
    for column in ours.columns:
        where = f"{name}$`{column}`"
        if isinstance(ours[column].dtype, pd.CategoricalDtype):
            assert list(ours[column].cat.categories) == list(r(f"levels({where})"))
            assert list(ours[column]) == list(r(f"as.character({where})"))
        else:
            np.testing.assert_array_equal(ours[column], r(f"as.numeric({where})"))


def test_names_with_underscores():
    pd.testing.assert_frame_equal(
        ph.load_dataset("election_2008"), ph.load_dataset("election.2008")
    )


def test_unknown():
    with pytest.raises(ValueError, match=r"no data set 'cancer'.*cancermortality"):
        ph.load_dataset("cancer")
