"""Runs kept in a file: the same chain after any break, real kills, files that are none of ours."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.inference import chains, checkpoint


class DiedError(BaseException):
    """The process ends here: nothing may be tidied up."""


def schools(**more):
    d = ph.load_dataset("eight_schools")
    weak = {"prior_mu": stats.norm(0, 5), "prior_tau": stats.halfnorm(scale=5)}
    return ph.NormalNormal(d["y"], se=d["sigma"], labels=d["school"], **weak | more)


def by_python(alpha, beta):
    return -0.05 * alpha - 0.02 * beta


def rats():
    d = ph.load_dataset("rat_tumors").iloc[:10]
    return ph.BetaBinomial(d["tumors"], d["rats"], prior=by_python)


def slope(x):
    return -0.5 * x @ x - 0.1 * x[0] ** 4, -x - np.array([0.4 * x[0] ** 3, 0.0, 0.0])


OWN = {"start": [0.5, 0.1, 2.0], "lower": [None, None, 1.0]}
ENGINES = {
    "rwmetrop": lambda **k: ph.rwmetrop(schools(), 600, burn_in=50, **k),
    "rwmetrop, 3": lambda **k: ph.rwmetrop(schools(), 300, chains=3, **k),
    "rwmetrop, Python's": lambda **k: ph.rwmetrop(rats(), 60, chains=2, theta=False, **k),
    "gibbs, 2": lambda **k: ph.gibbs(schools(), 300, chains=2, **k),
    "indepmetrop": lambda **k: ph.indepmetrop(schools(), 600, **k),
    "indepmetrop, normal, 2": lambda **k: ph.indepmetrop(
        schools(), 300, df=np.inf, chains=2, **k),
    "nuts, 2": lambda **k: ph.nuts(schools(), 60, 120, 2, **k),
    "nuts, dense": lambda **k: ph.nuts(schools(), 60, 120, 1, metric="dense", keep=["mu"], **k),
    "nuts, identity": lambda **k: ph.nuts(schools(), 40, 0, 2, metric="identity", **k),
    "nuts, Python's": lambda **k: ph.nuts(rats(), 15, 25, 2, **k),
    "nuts of a density": lambda **k: ph.nuts(slope, 40, 60, 2, **OWN, **k),
}  # fmt: skip
RANDOM = {"int": lambda: 7, "Generator": lambda: np.random.default_rng(7),
          "Philox": lambda: np.random.Generator(np.random.Philox(7)),
          "R": lambda: ph.RStream(7)}  # fmt: skip


@pytest.fixture
def often(monkeypatch):
    """A dozen pieces, each of them written."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "OFTEN", 0.0)
    monkeypatch.setattr(checkpoint.os, "fsync", lambda file: None)
    monkeypatch.setattr(chains, "PIECE_SECONDS", 1e-12)
    plain = chains.Steps.run_piece

    def run_piece(self, report):
        self.piece = -(-self.iterations // 12)
        return plain(self, report)

    monkeypatch.setattr(chains.Steps, "run_piece", run_piece)


@pytest.fixture
def dying(monkeypatch, often):
    """The process dies in the n-th advance of a chain, the random numbers already drawn."""
    left = [np.inf]
    for kind in (chains.Chain, sys.modules["pyhier.inference.hamiltonian"].HamiltonianChain):
        plain = kind._advance

        def advance(self, iterations, plain=plain):
            plain(self, iterations)
            left[0] -= 1
            if left[0] < 0:
                raise DiedError

        monkeypatch.setattr(kind, "_advance", advance)
    monkeypatch.setattr(checkpoint.Keeper, "end", _unless_dead(left))
    return left


def _unless_dead(left):
    plain = checkpoint.Keeper.end

    def end(self):
        if left[0] >= 0:
            plain(self)

    return end


def everything(result):
    """All numbers of a result, by name."""
    found = {"phi": getattr(result, "phi", None), "draws": getattr(result, "draws", None)}
    for name in ("accept", "burn_in", "step_size", "metric", "theta_new", "sample_stats", "theta"):
        try:
            found[name] = getattr(result, name, None)
        except ValueError:  # not drawn
            found[name] = None
    stats_of = found.pop("sample_stats") or {}
    return {k: np.asarray(v) for k, v in (found | dict(stats_of)).items() if v is not None}


def assert_same(one, other):
    first, second = everything(one), everything(other)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize(
    ("engine", "random"),
    [(engine, random) for engine in ENGINES for random in ("int", "R")]
    + [("nuts, 2", "Generator"), ("gibbs, 2", "Philox"), ("rwmetrop", "Generator")],
)
def test_the_same_chain_after_any_break(engine, random, tmp_path, dying):
    run, path = ENGINES[engine], tmp_path / "run.npz"
    first, second = RANDOM[random](), RANDOM[random]()
    whole = run(rng=first)
    for pieces in (0, 3, 5):
        dying[0] = pieces
        with pytest.raises(DiedError):
            run(rng=RANDOM[random](), checkpoint=path)
    dying[0] = np.inf
    assert_same(run(rng=second, checkpoint=path), whole)
    if random != "int":  # and the generator is where it would be
        assert str(first.bit_generator.state) == str(second.bit_generator.state)
    again = run(rng=RANDOM[random](), checkpoint=path, resume=True)  # a run that has ended
    assert_same(again, whole)


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path):
    for run in (
        lambda n, **k: ph.rwmetrop(schools(), n, chains=2, rng=3, **k),
        lambda n, **k: ph.nuts(schools(), n, 100, 2, rng=3, **k),
    ):
        path = tmp_path / f"{time.monotonic_ns()}.npz"
        run(100, checkpoint=path)
        assert_same(run(250, checkpoint=path), run(250))
        with pytest.raises(ValueError, match="draws is too small for checkpoint"):
            run(100, checkpoint=path)


def test_without_a_seed_the_run_in_the_file_is_gone_on_with(tmp_path, dying):
    path = tmp_path / "run.npz"
    dying[0] = 5
    with pytest.raises(DiedError):
        ph.rwmetrop(schools(), 200, chains=2, checkpoint=path)
    begun = checkpoint.read(path).arrays["draws_0"]
    dying[0] = np.inf
    found = ph.rwmetrop(schools(), 200, chains=2, checkpoint=path)
    np.testing.assert_array_equal(found.phi[0, : len(begun)], begun)
    assert_same(found, ph.rwmetrop(schools(), 200, chains=2, checkpoint=path))
    other = ph.rwmetrop(schools(), 200, chains=2, checkpoint=path, resume=False)
    assert not np.array_equal(found.phi, other.phi)


@pytest.mark.parametrize("engine", ["rwmetrop", "rwmetrop, 3", "nuts, 2"])
def test_ctrl_c_keeps_the_draws_and_the_run(engine, tmp_path, often, interrupt_after):
    run, path = ENGINES[engine], tmp_path / "run.npz"
    whole = run(rng=1)
    interrupt_after(9)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        part = run(rng=1, checkpoint=path)
    assert part.interrupted
    # Chains in threads were told to stop and ended their pieces: the file has all that is returned.
    filled = checkpoint.read(path).about["filled"]
    assert max(filled) >= part.phi.shape[1] > 0
    assert_same(run(rng=1, checkpoint=path), whole)


def test_ctrl_c_within_a_callable_leaves_a_whole_file(tmp_path):
    calls = []

    def prior(tau):
        calls.append(tau)
        if len(calls) == 400:
            raise KeyboardInterrupt
        return -0.1 * tau

    def run(**k):
        return ph.gibbs(schools(prior_tau=prior), 400, [5.0, 1.0], [5.0, 1.0], rng=1, **k)

    calls.extend([0.0] * 1_000)
    whole = run(theta=False)
    calls.clear()
    with pytest.warns(RuntimeWarning, match="interrupted"):
        part = run(theta=False, checkpoint=tmp_path / "run.npz")
    assert part.interrupted
    calls.extend([0.0] * 1_000)
    fresh = checkpoint.read(tmp_path / "run.npz")
    assert fresh.about["filled"][0] <= part.phi.shape[1] < 400
    with pytest.raises(ValueError, match="prior_tau differs"):  # it is made of the list, too
        run(theta=False, checkpoint=tmp_path / "run.npz")
    assert np.array_equal(part.phi[0], whole.phi[0, : part.phi.shape[1]])


# --- Real kills -----------------------------------------------------------------------------------

RUNS = """
import sys, time
import numpy as np
import pyhier as ph

def slow_tau(tau):
    time.sleep(1e-4)
    return -0.1 * tau

def slow(x):  # so that a run lasts seconds
    time.sleep(1e-4)
    return -0.5 * x @ x, -x

def rwmetrop(**more):
    model = ph.NormalNormal([28, 8, -3, 7, -1], se=[15, 10, 16, 11, 9], prior_tau=slow_tau)
    walk = {"proposal": [[9, 0], [0, 1]], "start": [5.0, 1.0], "rng": np.random.default_rng(3)}
    return ph.rwmetrop(model, 5_000, **walk, chains=2, theta=False, **more)

def nuts(**more):
    return ph.nuts(slow, 400, 200, 2, start=[0.1] * 20, rng=ph.RStream(2), **more)
"""
SCRIPT = """
from pyhier.inference import chains, checkpoint

checkpoint.EVERY, checkpoint.OFTEN, chains.PIECE_SECONDS = 0.2, 0.05, 0.01
plain = chains.Steps.run_piece
def run_piece(self, report):
    more = plain(self, report)
    print(time.time(), id(self), self.counts[0], flush=True)
    return more
chains.Steps.run_piece = run_piece
globals()[sys.argv[1]](checkpoint=sys.argv[2])
"""
LATE = 0.2 + 0.05 + 1.0  # the interval, a look at the chain; the writing itself on a busy machine


def killed(engine, path):
    """Run it in another process, kill that, and return what each chain had made long before."""
    command = [sys.executable, "-c", RUNS + SCRIPT, engine, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()  # the first piece: the file is there
        time.sleep(0.8)
        process.send_signal(signal.SIGKILL)
        now = time.time()
        text = line + process.stdout.read()
    assert process.wait() == -signal.SIGKILL, "it was over before it was killed"
    made = {}
    for row in text.decode().split("\n")[:-1]:  # the last one may be half
        at, which, count = row.split()
        made[which] = max(made.get(which, 0), int(count) if float(at) < now - LATE else 0)
    return made


@pytest.mark.parametrize(("engine", "kills"), [("rwmetrop", 2), ("nuts", 1)])
def test_kill_9_loses_at_most_the_last_interval(engine, kills, tmp_path):
    path, filled = tmp_path / "run.npz", [0]
    for _ in range(kills):
        made = killed(engine, path)
        stored = checkpoint.read(path)
        filled.append(sum(int(stored.arrays[f"state_{k}_counts"][0]) for k in range(2)))
        assert filled[-1] >= sum(made.values())
        assert filled[-1] > filled[-2]
    runs = {}
    exec(RUNS, runs)
    assert_same(runs[engine](checkpoint=path, resume=True), runs[engine]())


# --- Another run ----------------------------------------------------------------------------------

Y = schools().y


@pytest.mark.parametrize(
    ("differs", "other"),
    [
        ("y differs", lambda k: ph.rwmetrop(_with(y=Y + 1e-12 * (Y == 7)), 20, **k)),
        ("prior_tau differs: halfnorm(scale=5) there, halfnorm(scale=4) here",
         lambda k: ph.rwmetrop(schools(prior_tau=stats.halfnorm(scale=4)), 20, **k)),
        ("prior_mu differs", lambda k: ph.rwmetrop(schools(prior_mu=None), 20, **k)),
        ("labels differs", lambda k: ph.rwmetrop(_with(labels=list("abcdefgh")), 20, **k)),
        ("model differs: NormalNormal there, NormalT here",
         lambda k: ph.rwmetrop(ph.NormalT(Y, se=schools().se, prior_tau="uniform"), 20, **k)),
        ("engine differs: 'rwmetrop' there, 'gibbs' here", lambda k: ph.gibbs(schools(), 20, **k)),
        ("engine differs: 'rwmetrop' there, 'nuts' here", lambda k: ph.nuts(schools(), 20, **k)),
        ("scale differs: ", lambda k: ph.rwmetrop(schools(), 20, scale=1.0, **k)),
        ("proposal differs", lambda k: ph.rwmetrop(schools(), 20, np.eye(2), **k)),
        ("start differs: None there", lambda k: ph.rwmetrop(schools(), 20, start=[1, 1], **k)),
        ("burn_in differs: 0 there, 5 here", lambda k: ph.rwmetrop(schools(), 20, burn_in=5, **k)),
        ("chains differs: 1 there, 2 here", lambda k: ph.rwmetrop(schools(), 20, chains=2, **k)),
        ("rng differs: 1 there, 2 here", lambda k: ph.rwmetrop(schools(), 20, **k | {"rng": 2})),
        ("rng differs: 1 there, None", lambda k: ph.rwmetrop(schools(), 20, **k | {"rng": None})),
        ("rng differs", lambda k: ph.rwmetrop(schools(), 20, **k | {"rng": ph.RStream(1)})),
    ],
)  # fmt: skip
def test_another_run_is_refused_by_what_differs(differs, other, tmp_path):
    path = tmp_path / "run.npz"
    ph.rwmetrop(schools(), 20, rng=1, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is looked at)
        other({"rng": 1, "checkpoint": path})
    assert f"it holds another run, {differs}" in str(caught.value)
    assert path.read_bytes() == before
    begun = other({"rng": 1, "checkpoint": path, "resume": False})
    assert begun.phi.size
    assert path.read_bytes() != before


def _with(**more):
    d = ph.load_dataset("eight_schools")
    given = {"y": d["y"], "labels": d["school"], "prior_mu": stats.norm(0, 5)} | more
    return ph.NormalNormal(
        given.pop("y"), se=d["sigma"], prior_tau=stats.halfnorm(scale=5), **given
    )


def test_another_version_is_refused(tmp_path, monkeypatch):
    ph.rwmetrop(schools(), 20, rng=1, checkpoint=tmp_path / "run.npz")
    monkeypatch.setattr("pyhier.inference.identity.version", lambda name: "99.0")
    with pytest.raises(ValueError, match="version differs: '.*' there, '99.0' here"):
        ph.rwmetrop(schools(), 20, rng=1, checkpoint=tmp_path / "run.npz")


def test_a_density_that_looks_the_same_and_is_not_is_refused(tmp_path):
    """What a callable object does is not in its fingerprint: the value at the last point is."""

    class Own:
        __slots__ = ("at",)
        __reduce_ex__ = None

        def __init__(self, at):
            self.at = at

        def __call__(self, x):
            return -0.5 * (x - self.at) @ (x - self.at), self.at - x

    run = {"draws": 20, "tune": 20, "start": [0.0], "rng": 1, "checkpoint": tmp_path / "run.npz"}
    ph.nuts(Own(0.0), **run)
    ph.nuts(Own(0.0), **run)
    with pytest.raises(ValueError, match="another run: the log density at its last point is"):
        ph.nuts(Own(1e-3), **run)


# --- Files ----------------------------------------------------------------------------------------


def begun(path):
    return ph.rwmetrop(schools(), 50, rng=1, checkpoint=path)


@pytest.mark.parametrize("text", [b"", b"y,se\n1,2\n", b"PK\x03\x04nonsense", os.urandom(5_000)])
@pytest.mark.parametrize("resume", [None, True, False])
def test_a_foreign_file_is_refused_and_left_alone(text, resume, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"checkpoint is .*data.csv': it is no checkpoint of this"):
        ph.rwmetrop(schools(), 50, rng=1, checkpoint=path, resume=resume)
    assert path.read_bytes() == text


def test_another_array_file_is_refused(tmp_path):
    for name, write in (("x.npy", np.save), ("x.npz", np.savez)):
        write(tmp_path / name, np.arange(3.0))
        with pytest.raises(ValueError, match="no checkpoint of this package"):
            begun(tmp_path / name)


def test_a_damaged_file_is_refused_or_its_numbers_are_whole(tmp_path):
    """A byte changed, or the end cut off, anywhere: never a chain that is another one."""
    path, broken = tmp_path / "run.npz", tmp_path / "broken.npz"
    begun(path)
    whole, data, refused = checkpoint.read(path), path.read_bytes(), 0
    for place in np.linspace(0, len(data) - 1, 150).astype(int):
        for bad in (data[:place], data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]):
            broken.write_bytes(bad)
            try:
                found = checkpoint.read(broken)
            except ValueError:
                refused += 1
            else:  # a date, or the like
                assert found.about == whole.about
                for name, array in whole.arrays.items():
                    np.testing.assert_array_equal(found.arrays[name], array)
    assert refused > 220


def test_places_that_cannot_be_written_are_said_at_the_start(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr("pyhier.inference.metropolis.laplace", lambda model: called.append(1))
    with pytest.raises(FileNotFoundError, match="checkpoint is .*: there is no folder"):
        begun(tmp_path / "nowhere" / "run.npz")
    with pytest.raises(IsADirectoryError, match="checkpoint is .*: that is a folder"):
        begun(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file, so there is no run to go on with"):
        ph.rwmetrop(schools(), 50, rng=1, checkpoint=tmp_path / "run.npz", resume=True)
    with pytest.raises(TypeError, match="resume is for a run in a file"):
        ph.nuts(schools(), resume=True)
    (tmp_path / "kept.npz").write_bytes(b"")
    (tmp_path / "kept.npz").chmod(0o444)
    with pytest.raises(PermissionError, match="the file may not be written to"):
        begun(tmp_path / "kept.npz")
    assert called == []


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path, monkeypatch):
    def refuse(path, mode="r", *rest):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(checkpoint.__dict__, "open", refuse)
    with pytest.raises(PermissionError, match="files cannot be written in its folder"):
        begun(tmp_path / "run.npz")


def test_a_disk_that_fills_up_does_not_end_the_run(tmp_path, often, monkeypatch):
    plain, calls = os.replace, []

    def replace(*args):
        calls.append(args)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        plain(*args)

    monkeypatch.setattr(checkpoint.os, "replace", replace)
    with pytest.warns(RuntimeWarning, match="was not written .*the run goes on") as caught:
        found = begun(tmp_path / "run.npz")
    assert len(caught) == 1
    assert len(calls) > 5
    monkeypatch.undo()
    assert_same(found, begun(tmp_path / "other.npz"))
    assert_same(found, begun(tmp_path / "run.npz"))  # from what was written before
    assert not list(tmp_path.glob("*.tmp"))


def test_long_runs_write_each_draw_once_or_twice(tmp_path, dying, monkeypatch):
    monkeypatch.setattr(checkpoint, "SEALED", 600)
    path, run = tmp_path / "run.npz", ENGINES["nuts, 2"]
    whole = run(rng=1)
    for pieces in (19, *(2,) * 20):  # on a busy machine little may be written between two deaths
        dying[0] = pieces
        with suppress(DiedError):
            run(rng=1, checkpoint=path)
        if path.exists() and len(checkpoint.read(path).parts) > 1:
            break
    dying[0] = np.inf
    assert len(checkpoint.read(path).parts) > 1
    saved = tmp_path / "saved"
    shutil.copytree(tmp_path, saved)
    assert_same(run(rng=1, checkpoint=path), whole)
    (saved / "run.npz.2").rename(saved / "run.npz.old")
    with pytest.raises(ValueError, match=r"run.npz.2 beside it are missing"):
        run(rng=1, checkpoint=saved / "run.npz")
    shutil.copy(saved / "run.npz.1", saved / "run.npz.2")
    with pytest.raises(ValueError, match=r"run.npz.2 is not the part that its name says"):
        run(rng=1, checkpoint=saved / "run.npz")
    run(rng=1, checkpoint=path, resume=False)
    run(rng=2, checkpoint=saved / "other.npz")
    shutil.copy(saved / "other.npz.1", tmp_path / "run.npz.1")
    with pytest.raises(ValueError, match=r"run.npz.1 is of another run"):
        run(rng=1, checkpoint=path)


def test_what_a_dead_process_was_writing_goes_away(tmp_path):
    old, new = tmp_path / "run.npz.0a1b2c3d.tmp", tmp_path / "run.npz.4d5e6f70.tmp"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, 0))
    begun(tmp_path / "run.npz")
    assert not old.exists()
    assert new.exists()  # perhaps another process is at it
