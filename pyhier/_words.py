"""Messages in the words of the front that was used: they are written in Python's.

An argument and a prior read otherwise in the shell and in R:
``prior_tau=scipy.stats.halfcauchy(scale=0.7)`` is ``--prior-tau "halfcauchy(0.7)"`` and
``prior_tau = "halfcauchy(0.7)"``.
"""

import re

_FROZEN = re.compile(r"(?:scipy\.)?stats\.(\w+)\(([^()]*)\)")
_INDEX = re.compile(r"\b([a-z_]+)\[(\d+)\](?= \(group)")
_MAPPING = re.compile(r"\{('\w+': \"[^\"]*\"(?:, '\w+': \"[^\"]*\")*)\}")
_ENTRY = re.compile(r"'(\w+)': ")
_ARGUMENT = re.compile(r"\b(prior(?:_\w+)?|method|se|var|labels)=(?=[\"'l])")
_ENGINE = re.compile(
    r"\b(exact|rwmetrop|gibbs|indepmetrop|importance|sir|rejection|grid|empirical_bayes)\(model\)"
)
_SAMPLER = re.compile(r"\b(?:nuts|rwmetrop)\(model(?:, draws)?\)")
_BARE = re.compile(r"\b(\w+)=(?=[,;)])")
_OPTION = re.compile(r"\b(prior_(?:tau|mu|sigma|rho|beta))=")
_SAID = re.compile(r"\b(prior_(?:tau|mu|sigma|rho|beta))(?=(?: is| names|\[.*\] is)\b)")
_MISSING = re.compile(r"\bmissing='drop'")
_PLACES = re.compile(r"\b(weights|offset|y)\[(\d+)\](?= is)")
_ROWS = re.compile(r"\b(rows?) (\d+(?:, \d+)*)")


def _as_strings(message: str) -> str:
    """Frozen distributions as strings: a name and numbers."""
    return _FROZEN.sub(lambda found: f'"{found[1]}({re.sub(r"[a-z]+=", "", found[2])})"', message)


def counted_from_1(message: str) -> str:
    """A message about rows, which are counted from 0, as one who counts from 1 reads it.

    Examples
    --------
    >>> counted_from_1("data lacks a value that 'y ~ x' needs: rows 0, 4; fill it in")
    "data lacks a value that 'y ~ x' needs: rows 1, 5; fill it in"
    >>> counted_from_1("weights[3] is 0.0: they must be positive; leave the row out")
    'weights[4] is 0.0: they must be positive; leave the row out'
    """
    message = _PLACES.sub(lambda found: f"{found[1]}[{int(found[2]) + 1}]", message)
    return _ROWS.sub(
        lambda found: f"{found[1]} {', '.join(str(int(row) + 1) for row in found[2].split(', '))}",
        message,
    )


def in_shell_words(message: str) -> str:
    """A message as a user of the command line reads it.

    Examples
    --------
    >>> in_shell_words("give a proper prior, such as prior_tau=scipy.stats.halfcauchy(scale=7)")
    'give a proper prior, such as --prior-tau "halfcauchy(7)"'
    """
    message = _OPTION.sub(lambda found: f"--{found[1].replace('_', '-')} ", _as_strings(message))
    message = _SAID.sub(lambda found: f"--{found[1].replace('_', '-')}", message)
    message = _MISSING.sub("--missing drop", message)
    message = _SAMPLER.sub("--method rwmetrop", message)
    return message.replace("exact(model)", "--method exact")


def in_r_words(message: str) -> str:
    """A message as an R user reads it: counted from 1, priors as strings, lists.

    Examples
    --------
    >>> in_r_words("se[3] (group D) is -2.0: standard errors must be positive")
    'se[4] (group D) is -2.0: standard errors must be positive'
    >>> in_r_words("give a proper prior, such as prior_tau=scipy.stats.halfcauchy(scale=7)")
    'give a proper prior, such as prior_tau = "halfcauchy(7)"'
    >>> in_r_words("such as prior={'eta': scipy.stats.beta(1, 1), 'K': scipy.stats.lognorm(1)}")
    'such as prior = list(eta = "beta(1, 1)", K = "lognorm(1)")'
    >>> in_r_words("run longer (draws=, burn_in=), or take exact(model)")
    'run longer (m, burn_in), or take hier_exact(model)'
    """
    message = _SAMPLER.sub("hier_rwmetrop(model, m)", message)
    message = _ENGINE.sub(r"hier_\1(model)", message)
    message = _BARE.sub(lambda found: "m" if found[1] == "draws" else found[1], message)
    message = _INDEX.sub(lambda found: f"{found[1]}[{int(found[2]) + 1}]", message)
    message = _PLACES.sub(lambda found: f"{found[1]}[{int(found[2]) + 1}]", message)
    message = _MAPPING.sub(
        lambda found: f"list({_ENTRY.sub(lambda entry: f'{entry[1]} = ', found[1])})",
        _as_strings(message),
    )
    return _ARGUMENT.sub(lambda found: f"{found[1]} = ", message)
