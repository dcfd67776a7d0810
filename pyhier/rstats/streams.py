"""R's random streams: the same seed gives the same numbers, bit for bit.

R's default generator, the Mersenne Twister, is the one NumPy ships; only its seeding differs. R
scrambles the seed with fifty steps of the linear congruential generator 69069 s + 1 (mod 2^32) and
takes the next 625 values, the first of which it replaces by the position 624 (R's help page
``RNGkind``).
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels.random import fill_r_normal
from pyhier.rstats.variates import Variates

_WORD = 0xFFFFFFFF
_KINDS = 10403  # the first number of .Random.seed under R's default kinds
_DEFAULTS = {
    "kind": "Mersenne-Twister",
    "normal_kind": "Inversion",
    "sample_kind": "Rejection",
}


class RStream(Variates):
    """One of R's random streams, of R's default kinds.

    The kinds are Mersenne-Twister, Inversion and Rejection, R's defaults since 3.6. A stream is
    used up as in R: each call goes on where the last one stopped.

    Parameters
    ----------
    seed : int or float, optional
        What R's ``set.seed`` takes: from -2147483647 to 2147483647; a fraction is cut off, as R
        cuts it. Without one the stream starts at random.

    Examples
    --------
    >>> stream = RStream(11)
    >>> stream.rnorm(3)  # set.seed(11); rnorm(3)
    array([-0.5910311 ,  0.02659437, -1.5165531 ])
    >>> stream.runif(2)
    array([0.08649589, 0.28997501])
    """

    def __init__(self, seed: int | float | None = None) -> None:
        self.bit_generator = np.random.MT19937()
        self.set_seed(seed)

    def set_seed(
        self,
        seed: int | float | None,
        kind: str | None = None,
        normal_kind: str | None = None,
        sample_kind: str | None = None,
    ) -> None:
        """Start the stream afresh: R's ``set.seed(seed)``; see `rstats.set_seed`."""
        asked = {"kind": kind, "normal_kind": normal_kind, "sample_kind": sample_kind}
        for name, value in asked.items():
            if value not in (None, "default", _DEFAULTS[name]):
                raise ValueError(
                    f"{name} is {value!r}: streams are of R's default kinds only, "
                    f"here {_DEFAULTS[name]!r}"
                )
        state = secrets.randbits(32) if seed is None else _seed_word(seed)
        for _ in range(50):
            state = (69069 * state + 1) & _WORD
        words = []
        for _ in range(625):
            state = (69069 * state + 1) & _WORD
            words.append(state)
        self._set_state(np.array(words[1:], dtype=np.uint32), 624)

    def _set_state(self, key: NDArray[np.uint32], pos: int) -> None:
        self.bit_generator.state = {
            "bit_generator": "MT19937",
            "state": {"key": key, "pos": pos},
        }

    @property
    def random_seed(self) -> NDArray[np.int32]:
        """R's ``.Random.seed``, shape (626,): kinds, position, then the 624 words as integers."""
        state: dict[str, Any] = self.bit_generator.state["state"]  # type: ignore[assignment]
        head = np.array([_KINDS, state["pos"]], dtype=np.int32)
        return np.concatenate([head, np.asarray(state["key"], dtype=np.uint32).view(np.int32)])

    def __getstate__(self) -> NDArray[np.int32]:
        return self.random_seed

    def __setstate__(self, random_seed: NDArray[np.int32]) -> None:
        self.bit_generator = np.random.MT19937()
        self._set_state(random_seed[2:].view(np.uint32), int(random_seed[1]))

    def __repr__(self) -> str:
        return f"RStream(at word {self.random_seed[1]} of 624)"

    def standard_normal(self, n: int) -> Floats:
        """``n`` standard normals: R's ``rnorm(n)``."""
        out = np.empty(n)
        with self.bit_generator.lock:
            fill_r_normal(self.bit_generator, out)
        return out


def _seed_word(seed: int | float) -> int:
    if not isinstance(seed, int | float | np.integer | np.floating):
        raise TypeError(f"seed is {seed!r}: it must be a number, as for R's set.seed")
    if not (-(2**31) < seed < 2**31 and int(seed) > -(2**31)):
        raise ValueError(f"seed is {seed!r}: R takes seeds from -2147483647 to 2147483647")
    return int(seed) & _WORD


_default: list[RStream] = []


def default_stream() -> RStream:
    """R's one global stream, behind the calls that are given no ``rng``; it starts at random."""
    if not _default:
        _default.append(RStream())
    return _default[0]
