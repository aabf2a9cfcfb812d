"""LLaVA's and ShareGPT's conversations: each answer is a text, its question is kept."""

from blip2core.formats.conversations import CONVERSATIONS
from tests.formats.reading import data, read


def test_several_turns() -> None:
    document = [
        {
            "id": "000000033471",
            "image": "coco/train2017/000000033471.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\nWhat are the colors of the bus?"},
                {"from": "gpt", "value": "The bus is white and red."},
                {"from": "human", "value": "What is on its back?"},
                {"from": "gpt", "value": "An advertisement."},
            ],
        },
        {"id": "text only", "conversations": [{"from": "gpt", "value": "Hello."}]},
    ]
    assert read(document, CONVERSATIONS) == [
        ("coco/train2017/000000033471.jpg", ["The bus is white and red.", "An advertisement."]),
        (None, ["Hello."]),
    ]
    question = "What are the colors of the bus?"
    assert data(document, CONVERSATIONS)[0] == {
        "id": "000000033471",
        "turn": 1,
        "question": question,
    }


def test_messages_with_roles() -> None:
    document = [
        {
            "images": ["1.jpg"],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "<image>What is it?"},
                {"role": "assistant", "content": "A dog."},
                {"role": "assistant", "content": [{"type": "text"}]},
            ],
        }
    ]
    assert read(document, CONVERSATIONS) == [("1.jpg", ["A dog."])]
    assert data(document, CONVERSATIONS) == [{"turn": 2, "question": "Be brief. What is it?"}]
