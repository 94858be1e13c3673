"""Dumps: the zip files in which exchanges publish a month or a day of klines, one CSV file in each.

`formats` calls it. It says which files of a folder are one series, by their names, and takes the CSV out of a zip
without trusting the zip: nothing is written to disk, and no more is unpacked than a month of bars can hold. What the
CSV says is read elsewhere.
"""

import hashlib
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from swarmd.engine.market.faults import DataAway, DataError, is_passing

# A month of 1-minute klines is 7 MB; a year in one file would be 80. Whatever unpacks to more is no dump of bars.
MOST_BYTES = 256 * 2**20

# As Binance names them: BTCUSDT-5m-2024-01.zip, ETHUSDT_240329-1h-2024-01-31.zip; the CSV inside has the same stem.
_NAME = re.compile(r"(?P<symbol>[A-Z0-9_]+)-(?P<interval>\d+(?:s|m|h|d|w|mo))-\d{4}-\d{2}(?:-\d{2})?")
_ENCRYPTED = 0x1


class DumpName(NamedTuple):
    """What a file's name says; a name in another manner is all symbol."""

    symbol: str
    interval: str | None

    def __str__(self) -> str:
        return self.symbol if self.interval is None else f"{self.symbol} {self.interval}"


def dump_name(path: Path) -> DumpName:
    """Symbol and interval of a dump, told from its name."""
    found = _NAME.fullmatch(path.stem)
    return DumpName(found["symbol"], found["interval"]) if found else DumpName(path.stem, None)


def series_in(folder: Path) -> dict[DumpName, list[Path]]:
    """The zip dumps directly in a folder, by the series they belong to, in order of name."""
    series: dict[DumpName, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() == ".zip" and file.is_file():
            series.setdefault(dump_name(file), []).append(file)
    return series


def dumps_in(folder: Path, *, symbol: str | None, interval: str | None) -> list[Path]:
    """The dumps of the one series in a folder; of several, the one that `symbol` and `interval` name."""
    series = series_in(folder)
    if not series:
        raise DataError(f"{folder}: no .zip dump in this folder; give one bars file, or a folder of exchange dumps")
    if len(series) == 1:
        return next(iter(series.values()))
    chosen = [
        files
        for name, files in series.items()
        if (symbol is None or name.symbol == symbol) and (interval is None or name.interval in (None, interval))
    ]
    if len(chosen) == 1:
        return chosen[0]
    there = ", ".join(f"{name} ({len(files)})" for name, files in sorted(series.items(), key=lambda item: str(item[0])))
    raise DataError(
        f"{folder}: dumps of {len(series)} series: {there}; name one by its symbol and interval,"
        " or keep each in a folder of its own"
    )


def csv_of_dump(path: Path) -> bytes:
    """The CSV in a zip dump, checked against the checksum beside it where there is one."""
    try:
        _check_published_digest(path)
        with zipfile.ZipFile(path) as dump:
            return _only_member(path, dump)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, UnicodeDecodeError, RuntimeError) as problem:
        reason = " ".join(str(problem).split())
        if is_passing(problem):
            raise DataAway(f"{path}: cannot be read now ({reason}); look to the disk") from None
        raise DataError(f"{path}: cannot be read as zip ({reason}); damaged or misnamed: fetch it again") from None


def _only_member(path: Path, dump: zipfile.ZipFile) -> bytes:
    members = [member for member in dump.infolist() if not member.is_dir()]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:3]) + (", …" if len(members) > 3 else "")
        raise DataError(
            f"{path}: {len(members)} files in it{f' ({names})' if names else ''}; a dump holds exactly one CSV:"
            " unpack it and give the files one by one"
        )
    (member,) = members
    if member.flag_bits & _ENCRYPTED:
        raise DataError(f"{path}: {member.filename} in it is encrypted; unpack it with its password, and give the CSV")
    if not member.filename.lower().endswith(".csv"):
        raise DataError(f"{path}: {member.filename} in it is no .csv; a dump holds exactly one CSV of klines")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{path}: {member.filename} in it is packed in a way that is not read here; unpack it yourself")
    content = b""
    if member.file_size <= MOST_BYTES:
        with dump.open(member) as packed:
            # What the zip claims about the size is not believed either.
            content = packed.read(MOST_BYTES + 1)
    if max(member.file_size, len(content)) > MOST_BYTES:
        raise DataError(
            f"{path}: {member.filename} in it unpacks to more than {MOST_BYTES // 2**20} MiB,"
            f" out of {member.compress_size / 2**20:.1f}; that is no month of bars: check where it comes from"
        )
    if not content:
        raise DataError(f"{path}: {member.filename} in it is empty; fetch the dump again")
    return content


def _check_published_digest(path: Path) -> None:
    """Binance publishes `X.zip.CHECKSUM` beside `X.zip`; a zip that differs from it was cut off or tampered with."""
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if not beside.is_file():
        return
    published = beside.read_text(encoding="utf-8", errors="replace").split()[:1]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if published and published[0].lower() != digest:
        raise DataError(
            f"{path}: its digest {digest[:12]} is not {published[0][:12]} of {beside.name}; fetch both again"
        )
