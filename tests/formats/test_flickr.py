"""Flickr30k's token file: a caption in each line, lines of another form are told."""

from blip2core.formats.files import text_table_kind
from blip2core.formats.flickr import read_flickr


def test_lines() -> None:
    lines = ['1000.jpg#0\tTwo "men" , one dog .\n', "\n", "1000.jpg#1\tA dog\n", "odd line\n"]
    assert text_table_kind(lines[0].encode()) == "flickr"
    assert text_table_kind(lines[3].encode()) is None and text_table_kind(b"a.jpg,b\n") is None
    first, second, odd = read_flickr(lines)
    assert not isinstance(first, int) and not isinstance(second, int)
    assert (first.path, first.texts[0][0]) == ("1000.jpg", 'Two "men" , one dog .')
    assert second.texts[0][1].data == {"caption_number": 1} and odd == 4
