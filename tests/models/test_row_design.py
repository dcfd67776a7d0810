"""Formulas over raw rows: columns by hand, groups, missing values, new rows, what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest

from pyhier.models.row_design import row_design

ROWS = pd.DataFrame(
    {
        "y": [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0, 3.5],
        "x": [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 4.0],
        "w": [1.0, 2.0, 1.0, 2.0, 3.0, 1.0, 1.0, 2.0],
        "f": list("uvwuvwuv"),
        "g": ["b", "b", "b", "a", "a", "a", "c", "c"],
        "id": [2, 2, 2, 1, 1, 1, 3, 3],
        "d": list("ppppqqqq"),
        "s": [1, 1, 2, 2, 1, 1, 2, 2],
        "h": list("mnmnmnmn"),
        "my col": np.arange(8.0),
    }
)
ONE, X = np.ones(8), ROWS["x"].to_numpy()


@pytest.mark.parametrize(
    ("varying", "names", "correlated"),
    [
        ("(1 | g)", ("Intercept",), True),
        ("(x | g)", ("Intercept", "x"), True),
        ("(1 + x | g)", ("Intercept", "x"), True),
        ("(0 + x | g)", ("x",), True),
        ("(x - 1 | g)", ("x",), True),
        ("(x || g)", ("Intercept", "x"), False),
        ("(0 + x || g)", ("x",), True),
        ("(1 | g) + (0 + x | g)", ("Intercept", "x"), False),
        ("(0 + x | g) + (1|g)", ("x", "Intercept"), False),
        ("(x + w | g)", ("Intercept", "x", "w"), True),
        ("(x + w || g)", ("Intercept", "x", "w"), False),
        ("(0 + f | g)", ("f[u]", "f[v]", "f[w]"), True),
        ("(f | g)", ("Intercept", "f[v]", "f[w]"), True),
        ("(x + I(x^2) | g)", ("Intercept", "x", "I(x ** 2)"), True),
        ("(log(w) | g)", ("Intercept", "log(w)"), True),
        ("(x:w || factor(g))", ("Intercept", "x:w"), False),
    ],
)
def test_varying_terms_in_lme4s_language(varying, names, correlated):
    design = row_design(f"y ~ x + {varying}", ROWS)
    assert (design.z_names, design.correlated) == (names, correlated)
    columns = {
        "Intercept": ONE, "x": X, "w": ROWS["w"], "I(x ** 2)": X**2, "log(w)": np.log(ROWS["w"]),
        "x:w": X * ROWS["w"], **{f"f[{k}]": ROWS["f"] == k for k in "uvw"},
    }  # fmt: skip
    np.testing.assert_array_equal(design.z, np.column_stack([columns[name] for name in names]))
    np.testing.assert_array_equal(design.x, np.column_stack([ONE, X]))
    assert design.levels == ("g",)
    assert design.labels == (("b", "a", "c"),)
    np.testing.assert_array_equal(design.codes[0], [0, 0, 0, 1, 1, 1, 2, 2])
    assert design.groups[0].tolist() == ROWS["g"].tolist()


@pytest.mark.parametrize(
    ("common", "names"),
    [
        ("1", ("Intercept",)),
        ("", ("Intercept",)),
        ("0 + x", ("x",)),
        ("x - 1", ("x",)),
        ("0", ()),
        ("x * f", ("Intercept", "x", "f[v]", "f[w]", "x:f[v]", "x:f[w]")),
        ("x + offset(w) + `my col`", ("Intercept", "x", "my col")),
        ("poly(x, 2) + np.log(w)", ("Intercept", "poly(x, 2)[0]", "poly(x, 2)[1]", "np.log(w)")),
        ("factor(s)", ("Intercept", "C(s)[2]")),
    ],
)
def test_the_common_part(common, names):
    plus = " + " if common else ""
    for formula in (f"y ~ {common}{plus}(1 | g)", f"y ~ (1 | g){plus}{common}"):
        design = row_design(formula, ROWS)
        assert design.x_names == names
        assert design.x.shape == (8, len(names))
        wanted = ROWS["w"] if "offset" in common else np.zeros(8)
        np.testing.assert_array_equal(design.offset, wanted)


def test_the_response_may_be_a_function():
    design = row_design("log(y) ~ x + (1 | g)", ROWS)
    np.testing.assert_array_equal(design.y, np.log(ROWS["y"]))
    assert design.response == "log(y)"


@pytest.mark.parametrize(
    "varying",
    ["(1 | d/s)", "(1 | d) + (1 | d:s)", "(1 | s:d) + (1 | d)", "(1 || d/s)"],
)
def test_nested_levels(varying):
    design = row_design(f"y ~ {varying}", ROWS)
    assert design.levels == ("d", "s")
    assert design.labels == (("p", "q"), ("p/1", "p/2", "q/1", "q/2"))
    np.testing.assert_array_equal(design.codes[1], [0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(design.z, ONE[:, np.newaxis])
    new = {"d": ["q", "q", "r"], "s": [1, 9, 1]}
    outer, inner = design.groups_of(new)
    assert (outer.tolist(), inner.tolist()) == (["q", "q", "r"], ["q/1", "q/9", "r/1"])


def test_names_that_are_unique_need_no_others_in_front():
    design = row_design("y ~ (1 | d/g)", ROWS.assign(g=list("aabbccdd")))
    assert design.labels[1] == ("a", "b", "c", "d")
    assert design.groups_of({"d": ["p", "q"], "g": ["a", "a"]})[1].tolist() == ["a", "q/a"]


def test_groups_of_several_columns_and_their_names():
    design = row_design("y ~ (1 | d:s)", ROWS)
    assert (design.levels, design.labels[0]) == (("d:s",), ("p:1", "p:2", "q:1", "q:2"))
    assert row_design("y ~ (1 | id)", ROWS.assign(id=ROWS["id"] * 1.0)).labels == (("2", "1", "3"),)
    large = ROWS.assign(id=[2**60 + k // 4 for k in range(8)])
    assert len(row_design("y ~ (1 | id)", large).labels[0]) == 2
    order = pd.Categorical(ROWS["g"], categories=["c", "none", "a", "b"])
    assert row_design("y ~ (1 | g)", ROWS.assign(g=order)).labels == (("c", "a", "b"),)


def test_categories_keep_their_order_and_lose_those_unused():
    order = pd.Categorical(ROWS["f"], categories=["w", "none", "u", "v"])
    design = row_design("y ~ f + (1 | g)", ROWS.assign(f=order))
    assert design.x_names == ("Intercept", "f[u]", "f[v]")
    np.testing.assert_array_equal(design.rows({"f": ["w", "v"]})[0], [[1, 0, 0], [1, 0, 1]])


def test_missing_rows_are_refused_with_their_numbers_or_dropped():
    rows = ROWS.copy()
    rows.loc[1, "x"] = np.nan
    rows.loc[3, "g"] = None
    rows.loc[4, "h"] = None  # which the formula does not name
    weights = [1.0, 1.0, 1.0, 1.0, 1.0, np.nan, 1.0, 1.0]
    with pytest.raises(ValueError, match="rows 1, 3, 5; .*missing='drop'"):
        row_design("y ~ x + (1 | g)", rows, weights=weights)
    design = row_design("y ~ x + (1 | g)", rows, weights=weights, missing="drop")
    assert design.dropped == 3
    assert design.kept.tolist() == [0, 2, 4, 6, 7]
    assert design.weights.tolist() == [1.0] * 5
    many = pd.concat([ROWS.assign(y=np.nan)] * 4, ignore_index=True)
    with pytest.raises(ValueError, match=r"rows 0, 1, 2, 3, 4, \.\.\. \(32 rows\)"):
        row_design("y ~ x + (1 | g)", many)
    with pytest.raises(ValueError, match="data has no row"):
        row_design("y ~ x + (1 | g)", many, missing="drop")
    integers = ROWS.assign(s=pd.array([1, 1, 2, None, 1, 1, 2, 2], dtype="Int64"))
    assert row_design("y ~ s + (1 | g)", integers, missing="drop").dropped == 1


def test_weights_and_offset_by_name_or_value():
    by_name = row_design("y ~ x + offset(x) + (1 | g)", ROWS, weights="w", offset="my col")
    np.testing.assert_array_equal(by_name.weights, ROWS["w"])
    np.testing.assert_array_equal(by_name.offset, X + np.arange(8))
    new = {"x": [1.0, 2.0], "my col": [10.0, 20.0]}
    np.testing.assert_array_equal(by_name.rows(new)[2], [11.0, 22.0])
    by_value = row_design("y ~ x + (1 | g)", ROWS, offset=np.arange(8))
    np.testing.assert_array_equal(by_value.offset, np.arange(8))
    with pytest.raises(ValueError, match="offset was given as values"):
        by_value.rows(new)


def test_new_rows_are_coded_as_the_data_was():
    design = row_design("y ~ scale(x) * f + offset(w) + (1 + x | g)", ROWS)
    for take in ([0], [6, 1, 1]):
        x, z, offset = design.rows(ROWS.iloc[take].drop(columns=["y", "g"]))
        np.testing.assert_allclose(x, design.x[take], atol=1e-15)
        np.testing.assert_array_equal(z, design.z[take])
        np.testing.assert_array_equal(offset, design.offset[take])
    only = row_design("y ~ (1 | g)", ROWS).rows({"anything": [1, 2, 3]})
    assert [part.shape for part in only] == [(3, 1), (3, 1), (3,)]
    none = row_design("y ~ 0 + (1 | g)", ROWS).rows({"anything": [1, 2, 3]})
    assert none[0].shape == (3, 0)
    assert design.groups_of({"g": ["a", "new"]})[0].tolist() == ["a", "new"]
    with pytest.raises(ValueError, match="no column 'f'"):
        design.rows({"x": [1.0], "w": [1.0]})
    with pytest.raises(ValueError, match="new data lacks a value .* row 1"):
        design.rows({"x": [1.0, np.nan], "w": [1.0, 1.0], "f": ["u", "u"]})
    with pytest.raises(ValueError, match="new data cannot be coded .*levels .z."):
        design.rows({"x": [1.0], "w": [1.0], "f": ["z"]})
    with pytest.raises(ValueError, match="no column 'g'"):
        design.groups_of({"x": [1.0]})


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y", "write it as"),
        ("~ x + (1 | g)", "write it as"),
        ("y ~ x", "no varying term"),
        ("y ~ x + 1 | g", "in parentheses of its own"),
        ("y ~ x * (1 | g)", "in parentheses of its own"),
        ("y ~ x - (1 | g)", "in parentheses of its own"),
        ("y ~ (1 | g | h)", r"\(1 \| g \| h\) cannot be read"),
        ("y ~ (| g)", "cannot be read"),
        ("y ~ x + (1 | nix)", "no column 'nix'; it has y, x"),
        ("y ~ nix + (1 | g)", "no column 'nix'"),
        ("y ~ x + + (1 | g", "cannot be read|in parentheses"),
        ("f ~ x + (1 | g)", "response 'f' must be one column of numbers"),
        ("y ~ (1 | g) + (1 | h)", "g and h are crossed.*lme4's"),
        ("y ~ (1 | d) + (1 | d2)", r"each d2 lies within one d: write \(1 \| d/d2\)"),
        ("y ~ (1 | d2) + (1 | d)", r"each d2 lies within one d: write \(1 \| d/d2\)"),
        ("y ~ (1 | d/s/h)", "3 grouping factors, d, d:s, d:s:h: at most two"),
        ("y ~ (x | d/s)", "intercepts alone vary"),
        ("y ~ (1 | d) + (0 + x | d:s)", "intercepts alone vary"),
        ("y ~ (1 | g) + (x | g)", "1 vary twice by g"),
        ("y ~ (x + w + s | g)", "4 varying coefficients, Intercept, x, w, s: at most 3"),
        ("y ~ (x | g) + (0 + w | g)", "some varying coefficients correlated"),
        ("y ~ (f || g)", "does not part the columns of a factor"),
        ("y ~ (x + offset(w) | g)", "an offset does not vary"),
        ("y ~ (0 | g)", "has no column"),
        ("log(x) ~ w + (1 | g)", r"the response 'log\(x\)' is -inf in row 0"),
        ("y ~ log(x) + (1 | g)", r"the column 'log\(x\)' is -inf in row 0"),
        ("y ~ offset(log(x)) + (1 | g)", "the 'offset' is -inf in row 0"),
        ("y ~ (0 + log(x) | g)", r"the column 'log\(x\)' is -inf in row 0"),
    ],
)
def test_what_is_refused(formula, message):
    with pytest.raises(ValueError, match=message):
        row_design(formula, ROWS.assign(d2=list("aabbccdd")))


def test_wrong_arguments():
    with pytest.raises(TypeError, match="formula is 3"):
        row_design(3, ROWS)
    with pytest.raises(TypeError, match="data is a list"):
        row_design("y ~ (1 | g)", [1, 2])
    with pytest.raises(ValueError, match="missing is 'omit'"):
        row_design("y ~ (1 | g)", ROWS, missing="omit")
    with pytest.raises(ValueError, match=r"weights\[0\] is 0"):
        row_design("y ~ (1 | g)", ROWS, weights="x")
    with pytest.raises(ValueError, match="weights has 3 entries and data 8 rows"):
        row_design("y ~ (1 | g)", ROWS, weights=[1, 2, 3])
    with pytest.raises(ValueError, match="different pandas indexes"):
        row_design("y ~ (1 | g)", ROWS, weights=ROWS["w"].rename(lambda k: 7 - k))
    with pytest.raises(ValueError, match="weights is 'nix'"):
        row_design("y ~ (1 | g)", ROWS, weights="nix")
    twice = pd.concat([ROWS, ROWS[["x"]]], axis=1)
    with pytest.raises(ValueError, match="more than one column 'x'"):
        row_design("y ~ x + (1 | g)", twice)


def test_a_design_is_frozen_and_can_be_pickled():
    design = row_design("y ~ x + (x | g)", ROWS, weights="w")
    for array in (design.y, design.x, design.z, design.offset, design.weights, *design.codes):
        assert not array.flags.writeable
    again = pickle.loads(pickle.dumps(design))
    assert not again.x.flags.writeable
    np.testing.assert_array_equal(again.rows({"x": [5.0]})[0], [[1.0, 5.0]])
