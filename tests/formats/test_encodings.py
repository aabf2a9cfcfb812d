"""Text files in the encodings that people save them in."""

import io

import pytest

from blip2core.errors import IntakeError
from blip2core.formats.encodings import Encoding, decode, find_encoding
from blip2core.formats.lines import MAX_LINE, Lines

WESTERN = "ein Bär, l’été à la plage – “Çok güzel”, £5, naïve señor"
ENGLISH = "a plain line in ASCII\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_a_text_in_any_of_them_is_read_as_it_was(encoding: str) -> None:
    text, found = decode((ENGLISH + WESTERN).encode(encoding))
    assert text == ENGLISH + WESTERN
    assert found.guessed == (encoding in {"utf-16-le", "utf-16-be", "cp1252"})
    assert (found.note is not None) == found.guessed


def test_latin_1_is_part_of_windows_1252() -> None:
    text, found = decode("Grüße aus Łódź".replace("Ł", "L").replace("ź", "z").encode("latin-1"))
    assert (text, found.label) == ("Grüße aus Lódz", "Windows-1252")


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "gbk", "big5", "shift-jis", "euc-kr"])
def test_other_encodings_are_refused_and_never_read_as_western(encoding: str) -> None:
    text = {
        "cp1251": "Собака бежит по пляжу, за ней кот",
        "koi8-r": "Собака бежит по пляжу, за ней кот",
        "gbk": "一只狗在海滩上奔跑",
        "big5": "一隻狗在海灘上奔跑",
        "shift-jis": "犬が浜辺を走っている、猫もいる。",
        "euc-kr": "개가 해변을 달린다",
    }[encoding]
    with pytest.raises(IntakeError, match="not UTF-8; save it as UTF-8"):
        decode(f"image,text\n1.png,{text}\n2.png,{text}\n".encode(encoding))


SCRIPTS = {
    "Cyrillic": "Привет мир собака бежит по пляжу",
    "capitals": "СОБАКА БЕЖИТ",
    "one word": "собака",
    "Greek": "αβγδ εζη",
    "Arabic": "كلب يركض على الشاطئ",
    "Hindi": "समुद्र तट पर दौड़ता हुआ कुत्ता",
    "Thai": "สุนัขวิ่งบนชายหาด",
    "Japanese": "日本語の犬",
    "kana": "これはいぬです",
    "Chinese": "一只狗，在海滩上奔跑。",
    "Chinese, a line": "一只狗在海滩上奔跑\n",
    "Korean": "개가 해변을 달린다",
    "emoji": "ein Bär 🐻",
    "a table": "image,text\n1.jpg,Привет мир\n2.jpg,日本語の犬\n",
    "a long table": "image,text\n" + "1.jpg,一只狗在海滩上奔跑\n" * 50_000,
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_in_any_script(script: str, encoding: str) -> None:
    text, found = decode(SCRIPTS[script].encode(encoding))
    assert text == SCRIPTS[script]
    assert (found.name, found.guessed, found.label) == (encoding, True, "UTF-16")


@pytest.mark.parametrize(
    "text",
    [
        "a dog\0",
        "dog\0",
        "a\0dog",
        "two\0\0dogs",
        "page one\fpage two",
        "\n\n\n\n",
        "\0\0\0\0",
        "image,text\n1.jpg,a dog\0\n",
        "日本語\0の犬",
    ],
)
def test_controls_in_utf_8_make_no_utf_16_of_it(text: str) -> None:
    assert decode(text.encode()) == (text, Encoding(name="utf-8"))


@pytest.mark.parametrize("text", ["été", "un chien à la plage 0", "café \0 au lait", "él 0 nüsse"])
def test_western_texts_are_no_chinese(text: str) -> None:
    assert decode(text.encode("cp1252"))[0] == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("犬が浜辺を走っている", "shift-jis"), ("一只狗在海滩上奔跑", "gbk")],
)
def test_texts_in_pairs_of_bytes_are_no_utf_16(text: str, encoding: str) -> None:
    with pytest.raises(IntakeError, match="not UTF-8; save it as UTF-8"):
        decode(text.encode(encoding))


def test_one_damaged_line_does_not_change_how_the_others_are_read() -> None:
    data = "ein Bär\nzwei Bären\n".encode() + "drei Bären\n".encode("latin-1")
    with Lines(io.BytesIO(data)) as lines:
        assert list(lines) == ["ein Bär\n", "zwei Bären\n", "drei B\udce4ren\n"]
        assert not lines.encoding.guessed


def test_what_decides_may_stand_far_behind() -> None:
    data = (ENGLISH * 200_000 + WESTERN).encode("cp1252")
    assert find_encoding(io.BytesIO(data)).name == "cp1252"
    cut = (ENGLISH[:-2] * 100_000).encode() + "Bär".encode() * 500_000
    assert find_encoding(io.BytesIO(cut)).name == "utf-8"  # a block may end within a letter


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\xff", b"a\xff\xd9", b"\x81\x8d", b"\xff\xfe\0"])
def test_bytes_that_are_no_text(data: bytes) -> None:
    with pytest.raises(IntakeError, match="save it as UTF-8"):
        decode(data)


def test_half_a_pair_in_utf_16_breaks_its_line_and_no_other() -> None:
    data = "one\n".encode("utf-16") + b"\x00\xd8\n\0" + "two\n".encode("utf-16-le")
    with Lines(io.BytesIO(data)) as lines:
        assert list(lines) == ["one\n", "\udcff\n", "two\n"]


def test_lines_keep_their_numbers_beside_one_that_is_too_long() -> None:
    data = b"one\n" + b"x" * (MAX_LINE + 5) + b"\nthree\n"
    with Lines(io.BytesIO(data)) as lines:
        assert list(lines.numbered()) == [(1, "one\n"), (2, None), (3, "three\n")]
        assert lines.skipped == 1
