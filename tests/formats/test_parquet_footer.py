import io
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from blip2core.errors import IntakeError
from blip2core.formats.parquet_footer import column_sizes


def written(rows: int = 5, **options: object) -> bytes:
    """Return a table with an image, texts, numbers and lists in it."""
    table = pa.table(
        {
            "image": [{"bytes": b"\xff\xd8\xff", "path": "a.jpg"}] * rows,
            "text": ["a dog"] * rows,
            "n": [1.5] * rows,
            "l": [["a b", "c d"]] * rows,
        }
    )
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"row_group_size": 7},
        {"write_page_index": True, "write_page_checksum": True},
        {"version": "1.0", "use_dictionary": False, "write_statistics": False},
        {"store_schema": False, "sorting_columns": [parquet.SortingColumn(1)]},
    ],
)
def test_the_sizes_are_those_that_pyarrow_tells(options: dict[str, object]) -> None:
    data = written(40, **options)
    metadata = parquet.ParquetFile(io.BytesIO(data)).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [[group.column(index) for index in range(group.num_columns)] for group in groups]
    assert column_sizes(io.BytesIO(data)) == [
        [(one.path_in_schema.split(".")[0], one.total_uncompressed_size) for one in group]
        for group in columns
    ]


def test_a_damaged_footer_is_one_sentence() -> None:
    data = written()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    refused = 0
    for place in range(start, len(data) - 4):
        for value in (0, 0xFF):
            spoiled = data[:place] + bytes([value]) + data[place + 1 :]
            with suppress(IntakeError):  # any other error fails here
                column_sizes(io.BytesIO(spoiled))
                continue
            refused += 1
    assert refused > 100
    for beginning in (b"", b"PAR1", data[: start + 9], b"\x19" * 90_000 + data[-8:]):
        with pytest.raises(IntakeError, match="write it again"):
            column_sizes(io.BytesIO(beginning))


READ_ALL = """
import sys
from contextlib import suppress
from pathlib import Path
from blip2core.formats.files import NamedFile
from blip2core.intake import preview, read
data = Path(sys.argv[1]).read_bytes()
start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
for place in range(start, len(data) - 8):
    for value in (data[place] ^ 2, data[place] ^ 16):
        file = NamedFile("t.parquet", data[:place] + bytes([value]) + data[place + 1 :])
        list(read([file]))
        preview([file])
print("all read")
"""


def test_no_damage_of_the_footer_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(written())
    call = [sys.executable, "-W", "error", "-c", READ_ALL, str(tmp_path / "t.parquet")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.stdout == "all read\n", done.stderr[-2_000:]
