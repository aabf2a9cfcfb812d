"""Conversations that are drawn come back as they were; what only looks like one is refused."""

import io
import json
from dataclasses import replace
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

from hypothesis import example, given
from hypothesis import strategies as st

from app.chat.archive import JSON_NAME, pack, unpack
from app.chat.archive_schema import LONGEST_TEXT, MOST_TURNS
from app.chat.conversation import AnswerRating, ChatTurn, conversation_of
from app.chat.generation_settings import LONGEST_CUSTOM, GenerationSettings
from app.chat.image import image_from
from app.inference.decoding import SETTING_LIMITS
from blip2core.config import DecodeConfig
from blip2core.errors import Blip2Error, IntakeError
from tests.app.chat.conversations import photo
from tests.intake.hostile import DAMAGE, damaged, is_one_line

TEXTS = st.text(max_size=40) | st.sampled_from(["<b>|`", "../x", "\u202e", "\0", "\r\n"])
PHOTO = photo()


def between(name: str) -> st.SearchStrategy[float]:
    least, most = SETTING_LIMITS[name]
    return st.floats(least, most)


def whole(name: str) -> st.SearchStrategy[int]:
    least, most = SETTING_LIMITS[name]
    return st.integers(int(least), int(most))


DECODES = st.tuples(whole("min_new_tokens"), whole("max_new_tokens")).flatmap(
    lambda tokens: st.builds(
        DecodeConfig,
        mode=st.sampled_from(["greedy", "sample", "beam"]),
        min_new_tokens=st.just(min(tokens)),
        max_new_tokens=st.just(max(tokens)),
        temperature=between("temperature"),
        top_p=between("top_p"),
        beams=whole("beams"),
        length_penalty=between("length_penalty"),
        repetition_penalty=between("repetition_penalty"),
        seed=st.none() | st.integers(0, 2**63 - 1),
    )
)
SETTINGS = st.builds(
    GenerationSettings,
    decode=DECODES,
    style=st.sampled_from(["own", "plain", "answer", "short"]),
    custom=st.text(max_size=LONGEST_CUSTOM),
) | st.builds(
    lambda decode, custom: GenerationSettings(
        decode=decode, style="custom", custom=custom + "{question}"
    ),
    DECODES,
    st.text(max_size=100),
)
TURNS = st.lists(
    st.builds(
        ChatTurn,
        question=st.text(min_size=1, max_size=50),
        answer=TEXTS,
        state=st.sampled_from(["asked", "answering", "answered", "stopped", "failed"]),
        settings=SETTINGS,
        prompt=TEXTS,
        model=TEXTS,
        revision=TEXTS,
        note=TEXTS,
        seconds=st.none() | st.floats(0, 1e9),
        rating=st.none() | st.builds(AnswerRating, liked=st.booleans(), reason=TEXTS),
    ),
    max_size=6,
)


def with_dropped(turns: list[ChatTurn], kept: int) -> tuple[ChatTurn, ...]:
    """The turns, none of which read more than `kept` earlier ones."""
    read: list[ChatTurn] = []
    for turn in turns:
        earlier = conversation_of(read).turns
        read.append(replace(turn, dropped=earlier[: max(0, len(earlier) - kept)]))
    return tuple(read)


@given(TURNS, st.integers(0, 3), st.text(max_size=300), TEXTS)
def test_a_saved_conversation_comes_back_equal(
    turns: list[ChatTurn], kept: int, name: str, caption: str
) -> None:
    said = with_dropped(turns, kept)
    stored = unpack(pack(image_from(PHOTO, name, caption), said))
    # What is open is left out, and no part of the prompts of the others.
    assert stored.turns == tuple(turn for turn in said if not turn.is_open)
    assert (stored.image.data, stored.image.name) == (PHOTO, name[:255])
    assert stored.image.caption == caption


def template() -> dict[str, Any]:
    turn = ChatTurn(
        question="Who?",
        answer="a dog",
        state="answered",
        seconds=0.5,
        rating=AnswerRating(liked=True, reason="right"),
    )
    packed = pack(image_from(PHOTO, "a.jpg"), (turn, turn))
    with ZipFile(io.BytesIO(packed)) as archive:
        written: dict[str, Any] = json.loads(archive.read(JSON_NAME))
    return written


SAVED = template()
PLACES = [
    ((), [*SAVED, "image", "more"]),
    (("picture",), [*SAVED["picture"], "more"]),
    (("turns", 0), [*SAVED["turns"][0], "more"]),
    (("turns", 1, "decode"), [*SAVED["turns"][1]["decode"], "more"]),
    (("turns", 1, "feedback"), [*SAVED["turns"][1]["feedback"], "more"]),
]
CHANGES = st.sampled_from(PLACES).flatmap(
    lambda place: st.tuples(st.just(place[0]), st.sampled_from(place[1]))
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-3, 300),
        st.floats(),
        st.text(max_size=20),
        st.sampled_from(["../../etc/passwd", "image.jpg", "custom", "{question}", "x" * 30_000]),
        st.sampled_from([10**400, -1, 2**63, 1e308, "9" * 5_000, "2026-01-01T00:00:00"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KINDS = {
    "question": str,
    "answer": str,
    "prompt": str,
    "note": str,
    "custom": str,
    "model": str,
    "revision": str,
}


@given(st.lists(st.tuples(CHANGES, VALUES), min_size=1, max_size=3), st.booleans())
@example([((("turns", 1, "decode"), "seed"), 10**400)], False)
@example([((("picture",), "file"), "../../etc/passwd")], False)
@example([((("turns", 0), "question"), "\ud800")], False)
def test_what_was_changed_is_a_conversation_within_the_limits_or_refused(
    changes: list[tuple[tuple[tuple[Any, ...], str], Any]], removes: bool
) -> None:
    written = json.loads(json.dumps(SAVED))
    for (place, name), value in changes:
        part = written
        for step in place:
            is_list = isinstance(part, list) and isinstance(step, int) and step < len(part)
            part = part[step] if is_list else part.get(step) if isinstance(part, dict) else None
        if isinstance(part, dict):
            part.pop(name, None) if removes else part.__setitem__(name, value)
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr(JSON_NAME, json.dumps(written))
        archive.writestr("image.jpg", PHOTO)
    loaded = loads(packed.getvalue())
    if loaded is not None:
        again = unpack(pack(loaded.image, loaded.turns))
        assert (again.turns, again.image.name) == (loaded.turns, loaded.image.name)


def loads(data: bytes) -> Any:
    """A conversation within the limits; None where it is refused, in one line."""
    try:
        stored = unpack(data)
    except Blip2Error as error:
        assert isinstance(error, IntakeError)  # noqa: PT017 - most are no errors
        assert is_one_line(str(error))  # noqa: PT017
        return None
    assert len(stored.turns) <= MOST_TURNS
    for turn in stored.turns:
        assert not turn.is_open and turn.question
        assert all(isinstance(getattr(turn, name), str) for name in KINDS if name != "custom")
        assert max(map(len, (turn.question, turn.answer, turn.prompt))) <= LONGEST_TEXT
        for name, (least, most) in SETTING_LIMITS.items():
            assert least <= getattr(turn.settings.decode, name) <= most
    return stored


@given(
    st.sampled_from([ZIP_DEFLATED, ZIP_LZMA]),
    st.sampled_from([JSON_NAME, "image.jpg", "Conversation.json", "../conversation.json"]),
    st.binary(max_size=40) | st.just(PHOTO) | st.just(json.dumps(SAVED).encode()),
    st.lists(DAMAGE, max_size=3),
)
def test_any_archive(method: int, name: str, data: bytes, damages: list[Any]) -> None:
    members = {JSON_NAME: json.dumps(SAVED).encode(), "image.jpg": PHOTO} | {name: data}
    packed = io.BytesIO()
    with ZipFile(packed, "w", method) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    loads(damaged(packed.getvalue(), damages))


# What was found, each by an example of its own.


def test_a_conversation_longer_than_a_file_takes_is_saved_from_its_end() -> None:
    said = [
        ChatTurn(question=f"{number}?", answer="yes", state="answered")
        for number in range(2 * MOST_TURNS)
    ]
    turns = with_dropped(said, 2)
    stored = unpack(pack(image_from(PHOTO, "a.jpg"), turns))
    assert [turn.question for turn in stored.turns] == [turn.question for turn in said[MOST_TURNS:]]
    # What the last one had no room for, as far as it stands in the file.
    assert stored.turns[-1].dropped == turns[-1].dropped[MOST_TURNS:]
