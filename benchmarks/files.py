"""Very many groups from Parquet files, and from partitions of Dask that make themselves.

By hand: ``python benchmarks/files.py 1e6 1e7 1e8`` writes as many groups into a folder and runs
``pyhier fit`` on them; ``python benchmarks/files.py --dask 1e9`` sums partitions on two worker
processes. It prints a table. CPU seconds are those of all threads: on a machine that does other
work they tell more.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK, FILES = 2**20, 8


def made(number: int) -> pd.DataFrame:
    """A block of groups."""
    rng = np.random.default_rng(number)
    se = 10.0 ** rng.uniform(-1.0, 1.0, BLOCK)
    return pd.DataFrame({"y": rng.normal(1.0, np.hypot(se, 0.5)), "se": se})


def write(folder: Path, groups: int) -> None:
    each = -(-groups // FILES)
    for k in range(FILES):
        with pq.ParquetWriter(
            folder / f"{k}.parquet", pa.schema({"y": pa.float64(), "se": pa.float64()}),
            use_dictionary=False, compression="none",
        ) as file:  # fmt: skip
            for block, start in enumerate(range(0, each, BLOCK)):
                rows = made(1000 * k + block)[: min(BLOCK, each - start)]
                file.write_table(pa.Table.from_pandas(rows, preserve_index=False))


def measured(*command: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds and megabytes of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    seconds = time.perf_counter() - begun
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


def show(groups: int, what: str, seconds: float, cpu: float, memory: float) -> None:
    each = 1e9 * cpu / groups
    print(f"| {groups:,} | {what} | {seconds:.1f} | {cpu:.1f} | {each:.0f} | {memory:.0f} |")


def of_files(groups: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        folder.mkdir()
        write(folder, groups)
        fit = (f"{sys.prefix}/bin/pyhier", "fit", str(folder), "--y", "y", "--se", "se")
        for name, more in {"mu and tau": (), "and all effects": ("--out", f"{place}/out")}.items():
            seconds, cpu, memory = measured(*fit, *more)
            each = 1e9 * cpu / groups
            print(
                f"| {groups:,} | {name} | {seconds:.1f} | {cpu:.1f} | {each:.0f} | {memory:.0f} |"
            )


def of_partitions(groups: int) -> None:
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    from pyhier.distributed import fit

    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        begun = time.perf_counter()
        frame = dd.from_map(made, range(-(-groups // BLOCK)), meta=made(0)[:0])
        found = fit(frame, y="y", se="se")
        seconds = time.perf_counter() - begun
        cpu = sum(client.run(time.process_time).values())
        memory = max(client.run(_most_memory).values())
    show(found.sums.groups, "Dask, makes its groups", seconds, cpu, memory)
    print(found.posterior.summary())


def _most_memory() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    print("| groups | what | seconds | CPU seconds | CPU ns a group | MB |")
    print("|---:|---|---:|---:|---:|---:|")
    run = of_partitions if "--dask" in sys.argv else of_files
    for text in sys.argv[1:]:
        if text != "--dask":
            run(int(float(text)))
