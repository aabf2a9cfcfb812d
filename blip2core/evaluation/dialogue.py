"""Dialogues whose later questions say "it" and "them": short ones, and talks of thirty turns."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from blip2core.chat import prompt_for
from blip2core.evaluation.gallery import DECODE, Figures, Gallery, generate_texts, mean
from blip2core.evaluation.vqa import is_right
from blip2core.models import Generator
from blip2core.records import Conversation, HistoryPolicy
from blip2core.stickers.questions import Question, dialogue, long_dialogue

_SHORTEST, _LONGEST = 2, 4
"""Turns of a dialogue as the language models were trained on."""
TALK_TURNS = 30
TALKS = 300
"""Most scenes with a talk of TALK_TURNS: that many more questions as single ones."""


@dataclass(slots=True)
class _Rights:
    """Whether answers were right."""

    by_turn: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    """By the number of the turn, from 1."""
    later_by_kind: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    """By the kind of question; all turns but the first."""

    def from_turn(self, first: int) -> list[bool]:
        return [right for turn, rights in self.by_turn.items() if turn >= first for right in rights]


def measure_dialogue(
    generator: Generator, gallery: Gallery, history: HistoryPolicy | None = None
) -> Figures:
    """Return the accuracy of the first turn and of turns 2 to 4 of short dialogues, those also by
    turn and kind of question; and of turns 2 to 30 of long talks, all, the worst turn, and each.

    The prompt holds the model's own earlier answers, right or wrong; how many of them says
    `history`, without it the model's own policy.
    """
    short = _ask(
        generator,
        gallery,
        [
            dialogue(
                scene,
                random.Random(f"dialogue {scene.seed}"),
                _SHORTEST + index % (_LONGEST - _SHORTEST + 1),
            )
            for index, scene in enumerate(gallery.scenes)
        ],
        history,
    )
    talks = _ask(
        generator,
        gallery,
        [
            long_dialogue(scene, random.Random(f"talk {scene.seed}"), TALK_TURNS)
            for scene in gallery.scenes[:TALKS]
        ],
        history,
    )
    each = {str(turn): mean(rights) for turn, rights in talks.by_turn.items()}
    return {
        "turn_1": mean(short.by_turn[1]),
        "turns_2_to_4": mean(short.from_turn(2)),
        "by_turn": {str(turn): mean(rights) for turn, rights in short.by_turn.items()},
        "later_by_kind": {
            kind: mean(rights) for kind, rights in sorted(short.later_by_kind.items())
        },
        "long": {
            "turns_2_to_30": mean(talks.from_turn(2)),
            "worst_turn": min(right for turn, right in each.items() if turn != "1"),
            "by_turn": each,
        },
    }


def _ask(
    generator: Generator,
    gallery: Gallery,
    dialogues: Sequence[Sequence[Question]],
    history: HistoryPolicy | None,
) -> _Rights:
    """Ask the questions about the first images of the gallery, turn by turn, all images at once."""
    talks, rights = [Conversation()] * len(dialogues), _Rights()
    for turn in range(max(map(len, dialogues))):
        going = [index for index, questions in enumerate(dialogues) if turn < len(questions)]
        prompts = [
            prompt_for(
                generator, talks[index], dialogues[index][turn].text, DECODE, history=history
            ).text
            for index in going
        ]
        answers = generate_texts(generator, gallery.features, going, prompts)
        for index, said in zip(going, answers, strict=True):
            question = dialogues[index][turn]
            talks[index] = talks[index].add(question.text, said)
            right = is_right(said, question, gallery.scenes[index])
            rights.by_turn[turn + 1].append(right)
            if turn:
                rights.later_by_kind[question.kind].append(right)
    return rights
