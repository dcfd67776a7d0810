from pyhier.kernels.density import Floats

def fill_probabilities(
    family: str, x: Floats, par: Floats, lower_tail: bool, log_p: bool, out: Floats
) -> None: ...
def fill_quantiles(
    family: str,
    p: Floats,
    par: Floats,
    support: Floats,
    lower_tail: bool,
    log_p: bool,
    out: Floats,
) -> None: ...
