"""Dialogues of two to four turns, whose later questions say "it" and "them"."""

import random
from collections import defaultdict

from blip2core.chat import prompt_for
from blip2core.evaluation.gallery import DECODE, Figures, Gallery, generate_texts, mean
from blip2core.evaluation.vqa import is_right
from blip2core.models import Generator
from blip2core.records import Conversation
from blip2core.stickers.questions import dialogue

_SHORTEST, _LONGEST = 2, 4
"""Turns."""


def measure_dialogue(generator: Generator, gallery: Gallery) -> Figures:
    """Return the accuracy of the first turn and of turns 2 to 4; those also by turn and kind of
    question.

    The prompt holds the model's own earlier answers, right or wrong.
    """
    dialogues = [
        dialogue(
            scene,
            random.Random(f"dialogue {scene.seed}"),
            _SHORTEST + index % (_LONGEST - _SHORTEST + 1),
        )
        for index, scene in enumerate(gallery.scenes)
    ]
    talks = [Conversation()] * len(dialogues)
    by_turn: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for turn in range(_LONGEST):
        going = [index for index, questions in enumerate(dialogues) if turn < len(questions)]
        prompts = [
            prompt_for(generator, talks[index], dialogues[index][turn].text, DECODE).text
            for index in going
        ]
        for index, said in zip(
            going, generate_texts(generator, gallery.features, going, prompts), strict=True
        ):
            question = dialogues[index][turn]
            talks[index] = talks[index].add(question.text, said)
            right = is_right(said, question, gallery.scenes[index])
            by_turn[str(turn + 1)].append(right)
            if turn:
                by_kind[question.kind].append(right)
    return {
        "turn_1": mean(by_turn["1"]),
        "turns_2_to_4": mean(right for rights in by_kind.values() for right in rights),
        "by_turn": {turn: mean(rights) for turn, rights in by_turn.items()},
        "later_by_kind": {kind: mean(rights) for kind, rights in sorted(by_kind.items())},
    }
