"""Folders that `datasets` saved, or keeps in its cache, read with the splits in the names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from blip2core.intake import NamedFile, read
from blip2core.records import Unused, WebImage
from tests.exports.reading import left_open, load
from tests.intake.making import images, png, reasons, texts, zipped

SPLITS = ("train", "test")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An imagefolder: the images of both splits have the same names."""
    top = tmp_path_factory.mktemp("source")
    for place, split in enumerate(SPLITS):
        (top / split).mkdir()
        rows = [f"{shade}.png,{split} {shade}\n" for shade in range(3)]
        (top / split / "metadata.csv").write_text("file_name,text\n" + "".join(rows))
        for shade in range(3):
            (top / split / f"{shade}.png").write_bytes(png(10 * place + shade))
    return top


def using(source: Path, cache: Path, use: Callable[[Any], object] = len) -> None:
    """Load the imagefolder and do something with it; `datasets` leaves files open meanwhile."""
    with left_open():
        use(load("imagefolder", cache, data_dir=str(source)))


def expected(*splits: str) -> dict[str, tuple[str, ...]]:
    return {f"{split}/{n}.png": (f"{split} {n}",) for split in splits for n in range(3)}


def test_a_saved_dataset_dict(source: Path, tmp_path: Path) -> None:
    using(source, tmp_path / "cache", lambda both: both.save_to_disk(tmp_path / "saved"))
    assert texts(read(tmp_path / "saved")) == expected(*SPLITS)
    found = {one.name: one.data for one in images(read(tmp_path / "saved"))}
    assert found["test/2.png"] == png(12)


def test_a_saved_dataset_has_its_split_in_its_state(source: Path, tmp_path: Path) -> None:
    using(
        source,
        tmp_path / "cache",
        lambda both: both["train"].save_to_disk(tmp_path / "one", num_shards=2),
    )
    assert texts(read(tmp_path / "one")) == expected("train")
    members = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert len([name for name in members if name.endswith(".arrow")]) == 2
    assert texts(read(NamedFile("one.zip", zipped(members)))) == expected("train")
    for state in (b"{}", b"[1]", b"nonsense", b'{"_split": "../.."}', b'{"_split": null}', b""):
        (tmp_path / "one" / "state.json").write_bytes(state)
        assert set(texts(read(tmp_path / "one"))) == {"0.png", "1.png", "2.png"}


def test_a_saved_dataset_without_names(tmp_path: Path) -> None:
    import datasets

    rows = {"image": [png(1), png(2)], "text": ["one", "two"]}
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    datasets.disable_progress_bars()
    with left_open():
        made = datasets.Dataset.from_dict(rows, features, split="validation")
        made.save_to_disk(tmp_path / "bare")
        del made
    assert texts(read(tmp_path / "bare")) == {
        "validation/data-00000-of-00001.arrow, row 1": ("one",),
        "validation/data-00000-of-00001.arrow, row 2": ("two",),
    }


def embed(both: Any, folder: Path) -> None:
    """Write each split as Parquet with its images within, as the Hub keeps them."""
    import datasets

    for split, table in both.items():
        images = table.with_format("arrow")[:].cast(table.features.arrow_schema)
        embedded = datasets.table.embed_table_storage(images)
        parquet.write_table(embedded, folder / f"{split}.parquet")


def test_the_cache_with_its_images(source: Path, tmp_path: Path) -> None:
    using(source, tmp_path / "first", lambda both: embed(both, tmp_path))
    files = {split: str(tmp_path / f"{split}.parquet") for split in SPLITS}
    with left_open():
        again = load("parquet", tmp_path / "cache", data_files=files)
        again["train"].map(lambda row: {"length": len(row["text"])})
        del again
    found = list(read(tmp_path / "cache"))
    names = {one.name.split("/", 4)[-1]: one.texts for one in found if isinstance(one, WebImage)}
    assert names == expected(*SPLITS)
    assert not reasons(found), "locks are passed by"
    [made] = [one for one in found if isinstance(one, Unused)]  # by `map`
    assert "cache-" in made.name and "computed it from the tables beside it" in made.advice


def test_a_cache_without_its_images_says_what_to_do(source: Path, tmp_path: Path) -> None:
    using(source, tmp_path / "cache")
    found = list(read(tmp_path / "cache"))
    assert not [one for one in found if isinstance(one, WebImage)]
    notes = [reason for name, reason in reasons(found).items() if name.endswith(".arrow")]
    told = (
        "3 images are named by paths on the machine that wrote the table. Those not found here by "
        "name: import their folder too, or write the table with save_to_disk of `datasets`, which "
        "puts them in."
    )
    assert notes == [told] * 2
    assert len(reasons(found)) == 8  # and each image


def test_other_folders_keep_their_names(source: Path, tmp_path: Path) -> None:
    using(source, tmp_path / "cache", lambda both: both["train"].save_to_disk(tmp_path / "one"))
    (tmp_path / "one" / "dataset_info.json").unlink()
    assert set(texts(read(tmp_path / "one"))) == {"0.png", "1.png", "2.png"}
    assert json.loads((tmp_path / "one" / "state.json").read_text())["_split"] == "train"
