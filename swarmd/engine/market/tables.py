"""Tables: one file in or out through Arrow, whatever it holds.

`formats` calls it, having seen that the file is there. Feather is read in both its versions (the second is the Arrow
IPC file format). What the columns mean is told in `columns`.
"""

import codecs
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
from numpy.typing import NDArray

from swarmd.engine.market.csv_text import dialect_of
from swarmd.engine.market.faults import DataAway, DataError, is_passing
from swarmd.engine.market.klines import VALUE_COLUMNS

if TYPE_CHECKING:
    from swarmd.engine.market.bars import Bars

# Enough lines to tell a dialect from; a header alone never is as long.
_HEAD_BYTES = 65_536
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# 76 years of 1-minute bars. A megabyte of Parquet can claim, and unpack to, billions of rows.
MOST_ROWS = 40_000_000


def read_table(path: Path, text: bytes | None) -> Any:
    """The Arrow table of a file, or of the CSV text that was packed in it."""
    kind = "csv" if text is not None else path.suffix.lower()[1:]
    try:
        match kind:
            case "parquet":
                table = _read_parquet(path)
            case "feather":
                table = pyarrow.feather.read_table(path)
            case _:
                table = _read_csv(path, text)
        # Decoded only when asked for: better here, where the file is known.
        _ = table.column_names
    except UnicodeDecodeError as problem:
        raise DataError(f"{path}: its column names are not UTF-8 text ({problem}); save the file as UTF-8") from None
    except (pa.ArrowException, OSError) as problem:
        reason = " ".join(str(problem).split())
        if is_passing(problem):
            raise DataAway(f"{path}: cannot be read now ({reason}); look to the disk") from None
        raise DataError(f"{path}: cannot be read as {kind} ({reason}); is it damaged or misnamed?") from None
    return table


def release_unused() -> None:
    """Gives back what Arrow keeps for its next table: 28 MB after two years of 5-minute bars, and a lane reads one."""
    pa.default_memory_pool().release_unused()


def write_table(path: Path, bars: "Bars") -> None:
    """Writes the real bars by the suffix of `path`."""
    real = ~bars.synthetic
    table = pa.table(
        {
            "timestamp": _column(bars.open_time[real], pa.timestamp("ms", tz="UTC")),
            **{name: _column(getattr(bars, name)[real], pa.float64()) for name in VALUE_COLUMNS},
        }
    )
    match path.suffix.lower():
        case ".parquet":
            # With checksums a byte that flips on the disk is noticed, and not taken for a price.
            pyarrow.parquet.write_table(table, path, compression="zstd", write_page_checksum=True)
        case ".feather":
            pyarrow.feather.write_feather(table, str(path), compression="zstd")
        case _:
            pyarrow.csv.write_csv(table, path)


def _column(values: NDArray[Any], kind: Any) -> Any:
    """An Arrow column of an array's own memory. Not by `pa.array`, which imports pandas where there is one."""
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(values)])


def _read_parquet(path: Path) -> Any:
    # Not read_table: it loads the dataset machinery, a second on a cold start. Not memory-mapped either: a file cut
    # short while it is mapped ends the process.
    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise DataError(
                f"{path}: it claims {file.metadata.num_rows:,} rows, more than {MOST_ROWS:,} (76 years of 1-minute"
                " bars); check where it comes from, or cut it into stretches"
            )
        return file.read()


def _read_csv(path: Path, text: bytes | None) -> Any:
    if text is None:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    else:
        head = text[:_HEAD_BYTES]
    if head.startswith(_UTF_16):
        raise DataError(f"{path}: its text is UTF-16, not UTF-8; save the file as UTF-8")
    dialect = dialect_of(path, head)
    names = None if dialect.names is None else list(dialect.names)

    def parsed(*, threads: bool) -> Any:
        return pyarrow.csv.read_csv(
            str(path) if text is None else pa.BufferReader(text),
            read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=threads),
            parse_options=pyarrow.csv.ParseOptions(delimiter=dialect.separator),
            convert_options=pyarrow.csv.ConvertOptions(decimal_point=dialect.decimal_point),
        )

    try:
        return parsed(threads=True)
    except pa.ArrowException:
        # Only one thread counts the lines: it is slower, and its message names the row.
        return parsed(threads=False)
