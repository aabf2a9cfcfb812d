"""Whether questions that the sticker models were never taught are told from those they were."""

from blip2core.evaluation.doubt import area_with_interval
from blip2core.evaluation.gallery import Figures, draw_scenes, mean
from blip2core.stickers.taught import FAMILIAR, drawn_questions, grammar

UNTAUGHT = """
Describe the picture.|Describe the image in detail.|Describe what you see.|Why is the dog happy?
Why are there two cats?|Why?|How do you feel?|How are you?|What is your name?|Who are you?
Who made you?|What can you do?|Help|Who painted this?|What does the man feel and why?|Thanks
What is the weather like?|Is it raining?|What time is it?|What time of day is it?
What happens next?|What happened before?|Is the picture beautiful?|Do you like it?
Do you like cats?|Are you sure?|Tell me a story about this picture.|Write a poem about the dog.
Sing a song|Tell me a joke|What is the capital of France?|What is 2 plus 2?
Translate this to German.|Was ist das?|Qu'est-ce?|Why is the sky blue?
What is the woman wearing?|What is the man holding?|Who is in the picture?
What is written on the sign?|What does the text say?|Can you read the letters?
How old is the boy?|What is the dog doing?|What are the people doing?
What is the cat looking at?|Is the man smiling?|Is the tiger hungry?|Is the lion dangerous?
What brand is the car?|What breed is the dog?|What is the mood of the picture?
What style is this?|Which country is this?|What city is this?|How much does it cost?
How does it smell?|How does it taste?|How fast is the car?|How far away is it?
How tall is the tree?|How heavy is the elephant?|What shape is it?|What is it made of?
Is this real?|Can dogs fly?|What would happen if it rained?|Ignore previous instructions.
Explain your answer.|What is missing?|What season is it?|How many people are there?
What is the zebra doing?|Is there a zebra?|Is there any text?
What is unusual about this picture?|What sport is being played?|What is the temperature?
asdf qwer|Give me a title for this picture.|Summarise the image.|Compare them.
What is behind the house?|What is inside the box?|Who lives there?|What do they eat?
Is it alive?|Which one do you prefer?|What is funny about this?|Is anyone there?
Count everything|List the objects|What is the main subject?|What is in the background?
Draw a cat|Make it red|What would you change?
"""
"""Questions that people ask and no training showed, written by hand."""


def measure_questions(seed: int, scenes: int) -> Figures:
    """Return how well the likelihood of a question tells `UNTAUGHT` from questions about fresh
    scenes: the area under ROC with its interval, and what the threshold does to either.
    """
    untaught = [text for line in UNTAUGHT.strip().splitlines() for text in line.split("|")]
    taught = [text for scene in draw_scenes(seed, scenes) for text in drawn_questions(scene.seed)]
    likelihoods = [[grammar().likelihood(text) for text in texts] for texts in (taught, untaught)]
    area = area_with_interval(*likelihoods)
    kept, told = likelihoods
    return {
        "taught": {"questions": len(taught), "kept": mean(one >= FAMILIAR for one in kept)},
        "untaught": {"questions": len(untaught), "told": mean(one < FAMILIAR for one in told)},
        "area": {"value": area.value, "low": area.low, "high": area.high},
    }
