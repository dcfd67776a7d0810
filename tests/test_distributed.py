"""Very many groups on Dask: on one machine's schedulers and on a real cluster of processes."""

import os
import pickle
import signal
import threading
import time

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from partitions import PARTITIONS, made
from scipy import stats

import pyhier as ph
from pyhier.distributed import fit


def frame_of(**options):
    return dd.from_map(made, range(PARTITIONS), meta=made(0)[:0], **options)


@pytest.fixture(scope="module")
def client():
    """Two worker processes; a test that kills one has another in its place."""
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.admin.log-format": "%(message)s"}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            silence_logs=60,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def alone():
    with dask.config.set(scheduler="sync"):
        return fit(frame_of(), y="effect", se="sd", prior_tau=stats.halfnorm(scale=2.0))


def test_the_posterior_is_that_of_all_rows(alone):
    whole = pd.concat([made(k) for k in range(PARTITIONS)], ignore_index=True)
    model = ph.NormalNormal(whole["effect"], se=whole["sd"], prior_tau=stats.halfnorm(scale=2.0))
    right = ph.exact(model)
    assert alone.sums.groups == len(whole)
    assert "Fit of SummedNormal: sums of" in repr(alone)
    for name in ("mu", "tau"):
        assert alone.posterior[name].mean() == pytest.approx(right[name].mean(), rel=1e-10)
        assert alone.posterior[name].std() == pytest.approx(right[name].std(), rel=1e-9)


def test_effects_are_lazy_and_those_of_the_rows():
    with dask.config.set(scheduler="sync"):
        found = fit(frame_of(), y="effect", var="sd", probs=[0.025, 0.5])
        assert isinstance(found.effects, dd.DataFrame)
        assert list(found.effects.columns) == ["mean", "sd", "shrinkage", "2.5%", "50%"]
        got = found.effects.partitions[3].compute()
        empty = frame_of().partitions[[0]]
        none = fit(dd.concat([frame_of(), empty[empty["sd"] < 0.0]]), y="effect", var="sd")
        assert len(none.effects.partitions[PARTITIONS].compute()) == 0
    rows = made(3)
    wanted = found.posterior.effects(rows["effect"], var=rows["sd"], probs=[0.025, 0.5])
    pd.testing.assert_frame_equal(got, wanted[got.columns], check_exact=True)
    assert none.posterior["tau"].mean() == found.posterior["tau"].mean()


@pytest.mark.parametrize("scheduler", ["threads", "processes of a cluster"])
def test_the_same_bits_for_any_number_of_workers(scheduler, alone, request):
    if scheduler == "threads":
        with dask.config.set(scheduler="threads", num_workers=3):
            sums = fit(frame_of(), y="effect", se="sd").sums
    else:
        request.getfixturevalue("client")
        sums = fit(frame_of(), y="effect", se="sd").sums
    np.testing.assert_array_equal(sums._kept.table, alone.sums._kept.table)
    np.testing.assert_array_equal(sums._kept.centre, alone.sums._kept.centre)


def test_a_worker_killed_in_the_middle(client, alone, tmp_path):
    """By SIGKILL, while it makes a partition: the answer has the same bits."""
    killed = []

    def kill():
        until = time.monotonic() + 60.0
        while not (tmp_path / "pid").exists() and time.monotonic() < until:
            time.sleep(0.01)
        killed.append(int((tmp_path / "pid").read_text()))
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    prior = {"prior_tau": stats.halfnorm(scale=2.0)}
    found = fit(frame_of(folder=str(tmp_path)), y="effect", se="sd", **prior)
    thread.join()
    assert killed
    assert killed[0] != os.getpid()
    np.testing.assert_array_equal(found.sums._kept.table, alone.sums._kept.table)
    assert found.posterior["tau"].mean() == alone.posterior["tau"].mean()
    effects = found.effects.partitions[2].compute()
    wanted = found.posterior.effects(made(2)["effect"], made(2)["sd"])
    np.testing.assert_array_equal(effects["mean"], wanted["mean"])


def test_a_partition_that_fails_is_named(client):
    with pytest.raises(RuntimeError, match="partition 7 failed on its worker: the disk has gone"):
        fit(frame_of(fails=7), y="effect", se="sd")
    with pytest.raises(ValueError, match=r"partition 9: se in row 17 is 0\.0: standard errors"):
        fit(frame_of(bad=9), y="effect", se="sd")


@pytest.mark.parametrize(
    ("frame", "options", "kind", "message"),
    [
        (made(0), {}, TypeError, "frame is DataFrame: give a frame of dask"),
        (frame_of(), {"y": "y"}, ValueError, "y is 'y': the frame has no such .*effect, sd, more"),
        (frame_of(), {"se": None}, ValueError, "neither was given"),
        (frame_of(), {"y": 3}, TypeError, "y is 3: it must be a string"),
        (frame_of(), {"y": "more"}, ValueError, r"partition \d+: y must be numbers: it holds"),
        (frame_of(), {"probs": [2.0]}, ValueError, "probs is"),
        (frame_of(), {"prior_tau": "i2"}, ValueError, "prior_tau is 'i2'"),
    ],
)
def test_what_is_refused(frame, options, kind, message):
    with dask.config.set(scheduler="sync"), pytest.raises(kind, match=message):
        fit(frame, **({"y": "effect", "se": "sd"} | options))


def test_it_can_be_pickled(alone):
    again = pickle.loads(pickle.dumps(alone))
    assert again.posterior["mu"].mean() == alone.posterior["mu"].mean()
