"""Sums of tables that come in batches: pyarrow, polars, DuckDB, pandas."""

import sys
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import pyhier as ph
from pyhier._arrow import BLOCK, tables

RNG = np.random.default_rng(4)
GROUPS = 1000
SE = 10.0 ** RNG.uniform(-1.0, 1.0, GROUPS)
Y = RNG.normal(3.0, np.hypot(SE, 0.5))
COLUMNS = {"label": [f"g{j}" for j in range(GROUPS)], "y": Y, "se": SE}
TABLE = pa.table(COLUMNS)


class Streamed:
    """An object that has the C stream and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def relation():
    """A relation of DuckDB."""
    connection = duckdb.connect()
    connection.register("given", TABLE)
    return connection.sql("select * from given")


SOURCES = {
    "pyarrow": lambda: TABLE,
    "many chunks": lambda: pa.concat_tables([TABLE.slice(k, 7) for k in range(0, GROUPS, 7)]),
    "reader": lambda: pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches(13)),
    "batch": lambda: TABLE.to_batches()[0],
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "lazy polars": lambda: iter([pl.DataFrame(COLUMNS)[:40], pl.DataFrame(COLUMNS)[40:]]),
    "list of batches": lambda: TABLE.to_batches(13),
    "duckdb": relation,
    "C stream": lambda: Streamed(TABLE),
    "dataset": lambda: ds.dataset(TABLE).to_batches(batch_size=11),
}


def summed(*columns, make=ph.NormalSums):
    sums = make()
    sums.update(*columns)
    return sums


@pytest.mark.parametrize("source", SOURCES)
def test_every_table_has_the_bits_of_its_columns(source):
    sums = ph.NormalSums()
    sums.update_from(SOURCES[source](), y="y", se="se")
    np.testing.assert_array_equal(sums._kept.table, summed(Y, SE)._kept.table)
    assert sums.groups == GROUPS


@pytest.mark.parametrize("make", [pa.array, pl.Series, pd.Series, list, np.asarray])
def test_columns_of_any_library(make):
    found = summed(make(Y), make(SE))
    np.testing.assert_array_equal(found._kept.table, summed(Y, SE)._kept.table)


def test_blocks_are_the_same_however_batches_are_cut():
    size, cuts = 10, np.random.default_rng(1).integers(0, 25, 40)
    whole = pa.table({"x": np.arange(float(cuts.sum()))})
    ends = np.cumsum(cuts)
    parts = [whole.slice(end - rows, rows) for rows, end in zip(cuts, ends, strict=True)]
    batches = [batch for part in parts for batch in part.to_batches()]
    found = [table.column("x").to_numpy() for table in tables(iter(batches), size)]
    assert [part.size for part in found[:-1]] == [size] * (len(found) - 1)
    np.testing.assert_array_equal(np.concatenate(found), np.arange(float(cuts.sum())))
    assert list(tables(iter([]), size)) == []
    assert BLOCK % 2**16 == 0  # whole spans: no thread's share is cut short


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2, 4], pa.int16()),
        pa.array([1, 2, 4], pa.uint64()),
        pa.array([1, 2, 4], pa.float32()),
        pa.array([Decimal("1.00"), Decimal("2.00"), Decimal("4.00")]),
    ],
    ids=lambda column: str(column.type),
)
def test_numbers_of_any_type(column):
    sums = ph.NormalSums()
    sums.update_from(pa.table({"a": column, "b": column}), y="a", var="b")
    right = ph.NormalSums()
    right.update([1.0, 2.0, 4.0], var=[1.0, 2.0, 4.0])
    np.testing.assert_array_equal(sums._kept.table, right._kept.table)


def test_counts():
    table = pl.DataFrame({"k": [1, 0, 3], "n": [4, 5, 6]})
    clicks, events = ph.BinomialSums(), ph.PoissonSums()
    clicks.update_from(table, successes="k", trials="n")
    events.update_from(table, counts="k", exposure="n", threads=1)
    right = summed([1, 0, 3], [4, 5, 6], make=ph.BinomialSums)
    np.testing.assert_array_equal(clicks._kept.times, right._kept.times)
    right = summed([1, 0, 3], [4, 5, 6], make=ph.PoissonSums)
    np.testing.assert_array_equal(events._kept.bins.table, right._kept.bins.table)
    with pytest.raises(ValueError, match="successes in row 4 is 7.0: there are fewer trials"):
        clicks.update_from(pl.DataFrame({"k": [1, 7], "n": [4, 5]}), successes="k", trials="n")
    assert clicks.groups == 3


def broken(at):
    """Batches that end with an error of their own."""
    yield from TABLE.to_batches(100)[:at]
    raise OSError("the disk has gone")


@pytest.mark.parametrize(
    ("data", "options", "kind", "message"),
    [
        (pa.table({"y": [1.0, None], "se": [1.0, 1.0]}), {}, ValueError, "y in row 1004 is nan"),
        (pa.table({"y": [1.0, 2.0], "se": [1.0, 0.0]}), {}, ValueError, "se in row 1004 is 0.0"),
        (pa.table({"y": ["1", "2"], "se": [1.0, 1.0]}), {}, TypeError, "'y': in data it holds str"),
        (pa.table({"y": [True], "se": [1.0]}), {}, TypeError, "y is 'y': in data it holds bool"),
        (pa.table({"y": [1.0], "sd": [1.0]}), {}, ValueError, "'se': data has no such .* y, sd"),
        (pa.table([[1.0]] * 3, names=["y", "se", "y"]), {}, ValueError, "data has more than one"),
        (TABLE, {"se": None}, ValueError, "neither was given"),
        (TABLE, {"var": "se"}, ValueError, "both were given"),
        (TABLE, {"y": 3}, TypeError, "y is 3: it must be a string"),
        ({"y": [1.0]}, {}, TypeError, "data is dict: give a table of pyarrow"),
        (iter([3]), {}, TypeError, "data is int"),
        (["y", "se"], {}, TypeError, "data is str"),
        (broken(4), {}, OSError, "the disk has gone"),
    ],
)
def test_nothing_is_added_of_what_cannot_be_used(data, options, kind, message):
    sums = summed([1.0, 2.0, 3.0], 1.0)
    if isinstance(data, pa.Table) and message.endswith(("nan", "0.0")):
        data = pa.concat_tables([TABLE.select(["y", "se"]), data]).to_reader(max_chunksize=9)
    with pytest.raises(kind, match=message):
        sums.update_from(data, **({"y": "y", "se": "se"} | options))
    assert sums.groups == 3


def test_a_bad_row_after_a_whole_block():
    rows = BLOCK + 5
    y = np.ones(rows)
    y[-2] = np.inf
    sums = ph.NormalSums()
    with pytest.raises(ValueError, match=f"y in row {rows - 2} is inf"):
        sums.update_from(pa.table({"y": y, "se": np.ones(rows)}), y="y", se="se")
    assert sums.groups == 0


def test_raw_rows_by_duckdb(tmp_path):
    """Groups of rows are grouped where the rows are; their means and standard errors are summed."""
    rng = np.random.default_rng(8)
    groups = rng.integers(0, 50, 5000)
    values = rng.normal(groups / 25.0, 1.0)
    pq.write_table(pa.table({"g": groups, "x": values}), tmp_path / "rows.parquet")
    grouped = duckdb.sql(
        "select avg(x) as y, stddev_samp(x) / sqrt(count(*)) as se "
        f"from '{tmp_path}/rows.parquet' group by g order by g"
    )
    sums = ph.NormalSums()
    sums.update_from(grouped, y="y", se="se")
    frame = pd.DataFrame({"g": groups, "x": values}).groupby("g")["x"].agg(["mean", "sem"])
    right = ph.exact(ph.NormalNormal(frame["mean"], se=frame["sem"]))
    assert ph.exact(sums.model())["tau"].mean() == pytest.approx(right["tau"].mean(), rel=1e-9)


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pyhier\[arrow\]'"):
        ph.NormalSums().update_from(pd.DataFrame(COLUMNS), y="y", se="se")


@pytest.mark.parametrize("kind", ["nullable", "arrow"])
def test_formulas_over_frames_of_other_types(kind):
    """Their columns are as NumPy's: a missing value is named, not lost."""
    frame = pd.DataFrame(
        {"y": Y[:8], "se": SE[:8], "x": range(8), "a": list("pqpqpqqp"), "b": [True, False] * 4}
    )
    given = frame.convert_dtypes()
    if kind == "arrow":
        given = pa.table(frame).to_pandas(types_mapper=pd.ArrowDtype)
    for formula in ("y ~ x + C(a)", "y ~ a + b"):
        found = ph.NormalNormal.from_formula(formula, given, se="se")
        right = ph.NormalNormal.from_formula(formula, frame, se="se")
        assert found.covariates.names == right.covariates.names
        np.testing.assert_array_equal(found.covariates.x, right.covariates.x)
    given.loc[3, "x"] = None
    with pytest.raises(ValueError, match="row 3 lacks a value"):
        ph.NormalNormal.from_formula("y ~ x", given, se="se")
