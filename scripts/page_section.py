#!/usr/bin/env python3
"""Puts a measurement's tables into a page, between the two markers of its name; every benchmark's `--write` ends here.

echo "| a | b |" | scripts/page_section.py docs/BENCHMARKS.md bench_ray
"""

import sys
from pathlib import Path


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between the markers and nothing else; without a text, only see that they are there.

    Raises ValueError where they are not.
    """
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, begin, rest = page.read_text().partition(first)
    found, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{page} has no {first} … {last}; put the two lines where the tables shall stand")
    page.write_text(f"{before}{begin}\n\n{text.strip() or found.strip()}\n\n{end}{after}")


if __name__ == "__main__":
    write_section(Path(sys.argv[1]), sys.argv[2], sys.stdin.read())
