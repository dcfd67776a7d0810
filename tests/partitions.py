"""Partitions of a frame of Dask that make themselves: worker processes can import this module."""

import os
import time

import numpy as np
import pandas as pd

PARTITIONS, ROWS = 21, 400


def made(number, folder=None, fails=-1, bad=-1):
    """A partition that makes itself; where there is a folder its worker waits to be killed."""
    rng = np.random.default_rng(number)
    se = 10.0 ** rng.uniform(-1.0, 1.0, ROWS + number)
    frame = pd.DataFrame({"effect": rng.normal(2.0, np.hypot(se, 0.5)), "sd": se, "more": "x"})
    if number == fails:
        raise OSError("the disk has gone")
    if number == bad:
        frame.loc[17, "sd"] = 0.0
    if folder is not None and number == 11 and not os.path.exists(f"{folder}/pid"):
        with open(f"{folder}/writing", "w") as file:
            file.write(str(os.getpid()))
        os.rename(f"{folder}/writing", f"{folder}/pid")
        time.sleep(60.0)
    return frame
