"""Plain is a text that came from elsewhere and is shown as it is, whatever stands in it."""

import re

from flatdiff.system.foreign_json import as_text


def plain(text: str) -> str:
    r"""A name or a reason that is not ours, so that Markdown shows it as it is.

    A backslash takes the meaning from any ASCII punctuation (CommonMark 0.31, Sec. 2.4).

    >>> print(plain("<b> $y$ *z*"))
    \<b\> \$y\$ \*z\*
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(as_text(text).split()))
