"""help() of R's functions is short: a signature of a few lines, not ArrayLike written out."""

import inspect
import pydoc

import pytest

from pyhier import coda, learnbayes, rstats

PUBLIC = [
    pytest.param(getattr(module, name), id=f"{module.__name__.split('.')[-1]}.{name}")
    for module in (rstats, learnbayes, coda)
    for name in module.__all__
    if callable(getattr(module, name))
]


@pytest.mark.parametrize("function", PUBLIC)
def test_signatures_are_short(function):
    assert len(str(inspect.signature(function))) <= 420


def test_help_of_rgamma():
    text = pydoc.plain(pydoc.render_doc(rstats.rgamma))
    assert len(text) < 500  # it was 1,090 characters
    assert "shape: 'ArrayLike'" in text
