"""The words of the sticker world: its nouns, colours, places and categories, in one table each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """One kind of sticker."""

    singular: str
    plural: str
    glyph: str
    """The emoji that draws it."""
    category: str
    """"animal", "food", "plant", "vehicle" or "thing"."""
    natural_colour: str | None
    """The colour it always has; None where the noun comes in the seven colours."""

    @property
    def coloured(self) -> bool:
        """True where each sticker of this noun is tinted in one of `COLOURS`."""
        return self.natural_colour is None


_IRREGULAR_PLURALS = {
    "cactus": "cacti",
    "fish": "fish",
    "mouse": "mice",
    "octopus": "octopuses",
    "fox": "foxes",
    "sheep": "sheep",
    "strawberry": "strawberries",
    "ladybug": "ladybugs",
    "grapes": "grapes",
    "dress": "dresses",
    "butterfly": "butterflies",
}

_ANIMALS = """
dog 🐕 brown|cat 🐈 orange|horse 🐎 brown|cow 🐄 white|pig 🐖 pink|sheep 🐑 white|rabbit 🐇 white
elephant 🐘 gray|lion 🦁 brown|tiger 🐅 orange|monkey 🐒 brown|bear 🐻 brown|panda 🐼 white
penguin 🐧 black|owl 🦉 brown|duck 🦆 brown|chicken 🐔 white|frog 🐸 green|turtle 🐢 green
snake 🐍 green|whale 🐳 blue|dolphin 🐬 blue|octopus 🐙 pink|crab 🦀 red|snail 🐌 brown
bee 🐝 yellow|ladybug 🐞 red|spider 🕷 gray|camel 🐫 brown|giraffe 🦒 yellow|parrot 🦜 green
flamingo 🦩 pink|fox 🦊 orange|mouse 🐁 gray|squirrel 🐿 brown|hedgehog 🦔 brown
crocodile 🐊 green|bird 🐦|fish 🐟
"""
_FOOD = """
apple 🍎 red|banana 🍌 yellow|strawberry 🍓 red|pineapple 🍍 yellow|lemon 🍋 yellow
watermelon 🍉 red|carrot 🥕 orange|mushroom 🍄 red|pizza 🍕 yellow|burger 🍔 brown|cake 🎂 white
donut 🍩 brown
"""
_PLANTS = "tree 🌲 green|palm 🌴 green|cactus 🌵 green|sunflower 🌻 yellow|tulip 🌷"
_VEHICLES = """
train 🚂 black|plane ✈ blue|rocket 🚀 gray|boat ⛵ orange|tractor 🚜 green|helicopter 🚁 yellow
truck 🚚 orange|car 🚗
"""
_THINGS = """
house 🏠 white|tent ⛺ orange|guitar 🎸 red|drum 🥁 red|trumpet 🎺 yellow|bell 🔔 yellow|balloon 🎈
umbrella ☂|book 📕|cap 🧢|star ⭐|shoe 👟|gift 🎁|dress 👗|heart ❤|backpack 🎒|key 🔑
"""


def _nouns() -> dict[str, Noun]:
    tables = {
        "animal": _ANIMALS,
        "food": _FOOD,
        "plant": _PLANTS,
        "vehicle": _VEHICLES,
        "thing": _THINGS,
    }
    nouns = {}
    for category, table in tables.items():
        for entry in table.strip().replace("\n", "|").split("|"):
            word, glyph, *colour = entry.split()
            nouns[word] = Noun(
                singular=word,
                plural=_IRREGULAR_PLURALS.get(word, word + "s"),
                glyph=glyph,
                category=category,
                natural_colour=colour[0] if colour else None,
            )
    return nouns


NOUNS: dict[str, Noun] = _nouns()

COLOURS: dict[str, int] = {
    "red": 0,
    "orange": 26,
    "yellow": 50,
    "green": 118,
    "blue": 218,
    "purple": 275,
    "pink": 325,
}
"""Colour word -> hue in degrees."""

PLACES: dict[str, str] = {
    "beach": "on the beach",
    "forest": "in the forest",
    "sea": "on the sea",
    "snow": "in the snow",
    "desert": "in the desert",
    "city": "in the city",
    "night": "at night",
    "meadow": "in the meadow",
}
"""Place word -> the phrase that a caption uses."""

NUMBERS: tuple[str, ...] = ("zero", "one", "two", "three", "four")
SIZES: tuple[str, ...] = ("small", "big")
CATEGORIES: tuple[str, ...] = ("animal", "food", "plant", "vehicle", "thing")
