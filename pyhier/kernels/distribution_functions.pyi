from pyhier.kernels.density import Floats

def fill_probabilities(
    family: str, x: Floats, par: Floats, lower_tail: bool, log_p: bool, out: Floats
) -> None: ...
