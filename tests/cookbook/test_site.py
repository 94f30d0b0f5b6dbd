"""The site: all chapters run once, without a network and without a warning, and no page asks a server."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Site

COOKBOOK = Path(__file__).resolve().parents[2] / "cookbook"
CHAPTERS = sorted(path.stem for path in COOKBOOK.glob("[0-9]*.md"))
# Tags that make a browser fetch something by itself, and the attributes that say what.
FETCHING = {
    **dict.fromkeys(("script", "img", "iframe", "source", "video", "audio"), ("src", "srcset")),
    "link": ("href",),
    "object": ("data",),
}
# Relations of <link> that are followed only by a click, or by nobody.
NOT_FETCHED = {"canonical", "next", "prev", "search", "index", "author"}
REMOTE = re.compile(r"^(?:https?:)?//", re.IGNORECASE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Fetches(HTMLParser):
    """What a browser fetches for a page, and the alternative text of each image."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.alternatives: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.alternatives.append((values.get("src") or "", values.get("alt")))
        if tag == "link" and set((values.get("rel") or "").split()) <= NOT_FETCHED:
            return
        self.addresses += [value for name in FETCHING.get(tag, ()) if (value := values.get(name))]


def parsed(site: Site) -> Iterator[tuple[str, Fetches]]:
    for path in sorted(site.folder.rglob("*.html")):
        page = Fetches()
        page.feed(path.read_text(encoding="utf-8"))
        yield path.relative_to(site.folder).as_posix(), page


def test_the_parser_sees_what_a_browser_fetches() -> None:
    page = Fetches()
    page.feed('<a href="https://a"><img src="//b/c.png"><link rel="stylesheet" href="https://d">')
    page.feed('<link rel="next" href="e">')
    assert page.addresses == ["//b/c.png", "https://d"]
    assert page.alternatives == [("//b/c.png", None)]


def test_the_site_is_built_without_a_warning_and_without_a_network(site: Site) -> None:
    assert site.code == 0, site.output


def test_every_chapter_was_executed(site: Site) -> None:
    """How long each took is printed (``-s``), not judged: it is the machine's as much as ours."""
    index = (site.folder / "index.html").read_text(encoding="utf-8")
    row = r'href="(\d\d_\w+)\.html"[^>]*>.*?<p>force</p>.*?<p>([\d.]+)</p>.*?<p>(.)</p>'
    rows = re.findall(row, index, re.DOTALL)
    for name, seconds, _ in rows:
        print(f"{name}: {seconds} s")
    print(f"processor time of the whole build: {site.cpu_s:.0f} s")
    assert [name for name, _, _ in rows] == CHAPTERS
    assert {mark for _, _, mark in rows} == {"✅"}


def test_no_page_fetches_anything_from_elsewhere(site: Site) -> None:
    remote = {f"{name}: {at}" for name, page in parsed(site) for at in page.addresses if REMOTE.match(at)}
    for path in site.folder.rglob("*.css"):
        text = path.read_text(encoding="utf-8", errors="replace")
        asked = re.findall(r"(?:@import|url\()\s*(?:url\()?['\"]?((?:https?:)?//[^'\")]+)", text)
        remote |= {f"{path.name}: {at}" for at in asked}
    assert remote == set()


def test_every_picture_says_in_words_what_it_shows(site: Site) -> None:
    short = [
        f"{name}: {source}"
        for name, page in parsed(site)
        for source, text in page.alternatives
        if text is None or len(text) < 30
    ]
    assert short == []


def test_every_link_within_the_site_leads_somewhere(site: Site) -> None:
    missing = [
        f"{path.name}: {target}"
        for path in site.folder.rglob("*.html")
        for target in re.findall(r'<a [^>]*href="([^"#?:]+)(?:#[^"]*)?"', path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert missing == []
