"""Questions at a terminal, with their answers checked: what `codamenu` asks by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyhier._validation import checked, flag, real, string
from pyhier.coda.files import read_coda
from pyhier.coda.objects import Mcmc, McmcList, mcmc_list
from pyhier.rstats.format import format_number


def _texts(name: str, value: Any) -> list[str]:
    """One string at least."""
    if isinstance(value, str) or not np.iterable(value) or not len(found := list(value)):
        raise TypeError(f"{name} is {value!r}: give a sequence of strings")
    return [string(name, item) for item in found]


def choose(choices: Sequence[str], title: str = "") -> int:
    """Show a menu and read a choice: its number, from 1, or 0 to leave; R's ``menu``."""
    if title:
        print(title, "\n")
    for i, choice in enumerate(choices, 1):
        print(f"{i}: {choice}")
    print()
    while True:
        answer = input("Selection: ").strip()
        if answer.isdecimal() and int(answer) <= len(choices):
            return int(answer)
        matches = [i for i, choice in enumerate(choices, 1) if answer and choice == answer]
        if matches:
            return matches[0]
        print("Enter an item from the menu, or 0 to exit")


@checked(choices=_texts, title=string, header=_texts, allow_zero=flag)
def multi_menu(
    choices: Sequence[str], title: str, header: Sequence[str], allow_zero: bool = True
) -> list[int]:
    """Show a menu and read one or more choices.

    Parameters
    ----------
    choices : sequence of str
    title : str
        What stands before the menu.
    header : sequence of two str
        Heads of the columns of numbers and choices.
    allow_zero : bool
        Whether 0, for none, is an answer.

    Returns
    -------
    list of int
        The numbers chosen, from 1, or ``[0]``. Ranges and commas are allowed: ``1,3:5, 6``.
    """
    if len(header) != 2:
        raise ValueError(f"header is {header!r}: give the heads of two columns")
    first = [header[0], *(str(i + 1) for i in range(len(choices)))]
    second = [header[1], *choices]
    left, right = max(map(len, first)), max(map(len, second))
    print(title, "\n")
    for number, name in zip(first, second, strict=True):
        print(f"{number.ljust(left)} {name.ljust(right)}")
    while True:
        print("\nEnter relevant number(s), separated by commas")
        print("Ranges such as 3:7 may be specified)")
        if allow_zero:
            print("(Enter 0 for none)")
        answer = input("1: ").strip()
        if not answer:
            continue
        try:
            chosen = _numbers(answer)
        except ValueError:
            print("Error: you have specified a non-numeric value!")
            continue
        if allow_zero and chosen == [0]:
            return chosen
        if all(1 <= number <= len(choices) for number in chosen):
            return chosen
        print("Error: you have specified variable number(s) out of range!")


def _numbers(text: str) -> list[int]:
    """Numbers and ranges between commas, as ``1,3:5``."""
    found: list[int] = []
    for item in text.split(","):
        ends = [int(end) for end in item.split(":")]
        if len(ends) > 2:
            raise ValueError(item)
        step = 1 if ends[-1] >= ends[0] else -1
        found += range(ends[0], ends[-1] + step, step)
    return found


def read_and_check(
    message: str = "",
    what: Any = float,
    lower: float | None = None,
    upper: float | None = None,
    answer_in: Sequence[Any] | None = None,
    default: Any = None,
) -> Any:
    """Ask until the answer satisfies the conditions.

    Parameters
    ----------
    message : str
        The question.
    what : type or object
        The type of the answer, ``float``, ``int``, ``bool`` or ``str``, or a value of it.
    lower, upper : float, optional
        Limits of a number.
    answer_in : sequence, optional
        The answers allowed.
    default : object, optional
        The answer that a blank line gives.

    Returns
    -------
    object
        The answer, of the type asked for.

    Raises
    ------
    ValueError
        If no answer can satisfy the conditions, or the default does not.
    """
    string("message", message)
    kind = what if isinstance(what, type) else type(what)
    if kind not in (float, int, bool, str):
        raise ValueError(f"what is {what!r}: it must be float, int, bool or str, or a value of it")
    allowed = _allowed(kind, lower, upper, answer_in, default)
    print(f"\n{message}")
    while True:
        if default is not None:
            print(f"(Default = {_said(default)})")
        answer = input("1:").strip()
        while not answer and default is None:
            answer = input("1:").strip()
        if not answer:
            return default
        value = _converted(answer, kind)
        complaint = _complaint(value, kind, lower, upper, allowed)
        if complaint is None:
            return value
        print(f"\n{complaint}")


def _allowed(
    kind: type,
    lower: float | None,
    upper: float | None,
    answer_in: Sequence[Any] | None,
    default: Any,
) -> list[Any] | None:
    """The answers allowed, if listed; checks that the conditions can be met."""
    limits = {"lower": lower, "upper": upper, "default": default if kind in (int, float) else None}
    for name, value in limits.items():
        if value is not None:
            real(name, value)
    if answer_in is not None and (isinstance(answer_in, str) or not np.iterable(answer_in)):
        raise TypeError(f"answer_in is {answer_in!r}: give a sequence of answers")
    if kind in (str, bool) and (lower is not None or upper is not None):
        raise ValueError("Can't have upper or lower limits with non numeric input")
    if lower is not None and upper is not None and lower > upper:
        raise ValueError(f"lower limit greater than upper limit: they are {lower} and {upper}")
    if default is not None and lower is not None and default < lower:
        raise ValueError(f"default value below lower limit: they are {default} and {lower}")
    if default is not None and upper is not None and default > upper:
        raise ValueError(f"default value above upper limit: they are {default} and {upper}")
    if answer_in is None:
        return None
    allowed = [
        item
        for item in answer_in
        if (lower is None or item >= lower) and (upper is None or item <= upper)
    ]
    if not allowed:
        raise ValueError("no possible response matches conditions: answer_in is outside the limits")
    if default is not None and default not in allowed:
        raise ValueError(
            f"default value does not satisfy conditions: {default!r} is not in answer_in"
        )
    return allowed


def _converted(answer: str, kind: type) -> Any:
    """The answer as what is asked for, None if it is something else."""
    if kind is str:
        return answer.strip("\"'")
    if kind is bool:
        return {"TRUE": True, "T": True, "FALSE": False, "F": False}.get(answer.upper())
    try:
        return kind(answer)
    except ValueError:
        return None


def _complaint(
    value: Any, kind: type, lower: float | None, upper: float | None, allowed: list[Any] | None
) -> str | None:
    if value is None:
        names = {bool: "TRUE or FALSE", int: "a whole number"}
        return f"You must enter {names.get(kind, 'a number')}"
    if allowed is not None:
        if value in allowed:
            return None
        return f"You must enter one of the following: {','.join(map(_said, allowed))}"
    if lower is not None and upper is not None and not lower <= value <= upper:
        return f"You must enter a number between {_said(lower)} and {_said(upper)}"
    if lower is not None and value < lower:
        return f"You must enter a number >= {_said(lower)}"
    if upper is not None and value > upper:
        return f"You must enter a number <= {_said(upper)}"
    return None


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return format_number(value) if isinstance(value, int | float) else str(value)


def read_coda_interactive() -> McmcList | None:
    """Ask for the names of CODA files and read them.

    Returns
    -------
    McmcList or None
        None if a blank line is given for the index file.
    """
    while True:
        print("Enter CODA index file name\n(or a blank line to exit)")
        index = input("1: ").strip()
        if not index:
            return None
        print("Enter CODA output file names, separated by return key")
        print("(leave a blank line when you have finished)")
        outputs: list[str] = []
        while name := input(f"{len(outputs) + 1}: ").strip():
            outputs.append(name)
        found = {name: _file(name, (".ind", ".txt")) for name in (index,)}
        found |= {name: _file(name, (".out", ".txt")) for name in outputs}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            print("The following files were not found:")
            print("\n".join(missing), "\n")
        elif outputs:
            chains: list[Mcmc] = [
                read_coda(path, found[index] or index)
                for path in (found[name] for name in outputs)
                if path is not None
            ]
            return mcmc_list(chains, names=[Path(name).stem for name in outputs])


def _file(name: str, endings: Sequence[str]) -> Path | None:
    """A file of that name, or with an ending that may be left out."""
    for candidate in (name, *(name + ending for ending in endings)):
        if Path(candidate).is_file():
            return Path(candidate)
    return None
