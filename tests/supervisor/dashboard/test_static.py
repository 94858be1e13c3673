"""The files of the page: vendored ones are what they were published as, and the page needs nothing but itself."""

import hashlib
import re
from html.parser import HTMLParser

from swarmd.supervisor.dashboard.app import STATIC, static_files

OWN = [path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts]


def test_every_vendored_file_has_the_digest_that_the_page_names_and_a_licence_beside_it() -> None:
    told = (STATIC / "vendor" / "VENDOR.md").read_text()
    rows = re.findall(
        r"^\| `([^`]+)` \|[^|]+\| ([\d.]+) \|[^|]+\(`([^`]+)`\) \| `([0-9a-f]{64})` \|$", told, re.MULTILINE
    )
    assert {name for name, *_ in rows} == {path.name for path in (STATIC / "vendor").glob("*.[jc]s*")}
    for name, version, licence, digest in rows:
        assert version in name
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
        assert (STATIC / "vendor" / licence).is_file(), licence


def test_the_page_has_no_inline_script_or_style() -> None:
    found: list[str] = []

    class Seeker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = dict(attrs)
            if tag == "style" or (tag == "script" and "src" not in names):
                found.append(tag)
            found.extend(name for name in names if name == "style" or name.startswith("on"))

    Seeker().feed((STATIC / "index.html").read_text())
    assert found == []


def test_nothing_is_made_into_markup_or_code() -> None:
    """A name from a campaign file or a message of a lane is only ever text."""
    dangerous = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path.name for path in OWN if path.suffix == ".js" and dangerous.search(path.read_text())] == []


def test_every_file_that_is_named_is_there_and_nothing_is_loaded_from_elsewhere() -> None:
    there = static_files()
    for path in OWN:
        if path.suffix not in (".js", ".html", ".css"):
            continue
        text = path.read_text()
        for name in re.findall(r"""["'](/static/[^"']+)["']""", text):
            assert name in there, f"{path.name} names {name}"
        for name in re.findall(r"""from "(\.[^"]+)"|import\("(\.[^"]+)"\)""", text):
            assert (path.parent / (name[0] or name[1])).is_file(), f"{path.name} imports {name}"
        outside = [url for url in re.findall(r"""(?:https?:)?//[\w.-]+\.\w+""", text) if "w3.org" not in url]
        assert set(outside) <= {"https://www.tradingview.com"}, path.name


def test_a_file_of_its_kind_is_told_as_such() -> None:
    kinds = {name.rpartition(".")[2]: file.kind for name, file in static_files().items()}
    assert kinds["html"].startswith("text/html")
    assert kinds["css"].startswith("text/css")
    assert kinds["js"].startswith("text/javascript")
    assert kinds["svg"] == "image/svg+xml"
