import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def rotate(rows: Floats, group: NDArray[np.int64], r: Floats, f: Floats) -> None: ...
def group_sums(
    factor: Floats, r: Floats, f: Floats, start: NDArray[np.int64], count: Floats
) -> Floats: ...
def triangles(sums: Floats) -> Floats: ...
def effects(factor: Floats, r: Floats, q: int) -> tuple[Floats, Floats]: ...
def moments(
    gain: Floats,
    root: Floats,
    f: Floats,
    x: Floats,
    z: Floats,
    about: Floats,
    rows: Floats,
    sigma: Floats,
) -> tuple[Floats, Floats]: ...
