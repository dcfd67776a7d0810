"""What may be sent to a terminal."""


def printable(text: str) -> str:
    r"""A text with its control characters escaped: a label must not move the cursor.

    Examples
    --------
    >>> print(printable("school\x1b[31m\n"))
    school\x1b[31m\n
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
