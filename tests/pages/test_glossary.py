"""Terms tell what they mean, and no text of a page becomes markup."""

import re

from pages.shared.glossary import GLOSSARY, with_terms
from tests.pages.test_pages import PAGES


def test_a_term_is_marked_where_it_is_first_used() -> None:
    found = with_terms("LPF is like LPF; a Hessian trace is no Hessian.")
    assert re.findall(r"<dfn[^>]*>([^<]*)</dfn>", found) == ["LPF", "Hessian trace", "Hessian"]


def test_a_part_of_a_word_is_no_term() -> None:
    assert "<dfn" not in with_terms("SAMPLES are inflated, IPs too")


def test_text_stays_text() -> None:
    found = with_terms("**flat** <script>alert(1)</script> & more")
    assert "<script>" not in found
    assert found.startswith("<strong><dfn")
    assert found.endswith("&amp; more")


def test_every_term_is_one_of_the_pages() -> None:
    """What no page says anywhere needs no explanation."""
    rooms = [PAGES, *(PAGES.parent / "flatdiff" / room for room in ("views", "reports"))]
    sources = [path for room in rooms for path in room.rglob("*.py")]
    words = " ".join(p.read_text("utf-8") for p in sources if p.name != "glossary.py")
    words = re.sub(r'"\s*f?"', "", words)
    assert [term for term in GLOSSARY if term not in words] == []
