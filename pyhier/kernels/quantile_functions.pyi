from pyhier.kernels.density import Floats

def fill_quantiles(
    family: str,
    p: Floats,
    par: Floats,
    support: Floats,
    lower_tail: bool,
    log_p: bool,
    out: Floats,
) -> None: ...
