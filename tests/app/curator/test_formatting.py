"""Sizes as people say them."""

from app.curator.formatting import size_of


def test_small_files_have_a_size() -> None:
    assert [size_of(size) for size in (1, 2_600, 999_999, 12_500_000)] == [
        "1 kB",
        "3 kB",
        "1000 kB",
        "12.5 MB",
    ]
