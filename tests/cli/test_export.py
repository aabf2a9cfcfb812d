"""blip2 export: what its options ask for is what is written."""

import json
import zipfile
from pathlib import Path

import pytest

from blip2core import cli
from blip2core.formats.image_metadata import image_metadata

OLD = Path(__file__).parents[1] / "v0_1/studio.zip"
"""A data folder with a snapshot, web@v1."""


def test_texts_go_into_the_images_only_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(tmp_path / "data")
    call = ["export", "web@v1", "--format", "sidecars"]
    call += ["--database", str(tmp_path / "data/studio.db")]
    files = 0
    for options in ([], ["--embed-texts"]):
        out = tmp_path / f"out{len(options)}"
        assert cli.main([*call, "--out", str(out), *options]) == 0, capsys.readouterr().err
        manifest = json.loads((out / "manifest.json").read_text("utf-8"))
        assert manifest["options"]["embed_texts"] is bool(options)
        for side in out.rglob("*.txt"):
            (image,) = (file for file in side.parent.glob(f"{side.stem}.*") if file != side)
            inside = {text for text, _ in image_metadata(image.read_bytes()).texts}
            assert inside == (set(side.read_text("utf-8").splitlines()) if options else set())
            files += 1
    assert files == 6
