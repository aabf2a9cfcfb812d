"""A first projection in closed form."""

from types import SimpleNamespace

import torch
from torch import nn

from blip2core.stickers.language import vocabulary_texts
from blip2core.training.images import Data
from blip2core.training.language_model import WordFuser, fuse
from blip2core.training.stage2_initialisation import DescribedImages, fit_projection
from blip2core.training.sticker_pairs import StickerPairs
from blip2core.training.tokenizers import train_causal_tokenizer
from tests import tiny


def test_queries_that_hold_their_cells_are_put_into_words() -> None:
    torch.manual_seed(0)
    tokenizer = train_causal_tokenizer(vocabulary_texts(300), vocabulary=700)
    embeddings, source = nn.Embedding(len(tokenizer), 12), StickerPairs(220)
    word_ids = WordFuser(tokenizer).word_ids([source.scene(index) for index in range(220)])
    words = fuse(embeddings, word_ids).detach()
    queries = words @ torch.randn(12, 20) + torch.randn(20)  # what the words are, told otherwise
    model = SimpleNamespace(
        read=lambda vision: vision,
        language_model=SimpleNamespace(get_input_embeddings=lambda: embeddings),
        language_projection=nn.Linear(20, 12),
    )
    training = slice(0, 200)
    data = Data(StickerPairs(200), tiny.InMemory(queries[training]))
    fit_projection(model, DescribedImages(model, data, tokenizer), 200)
    error = model.language_projection(queries[200:]) - words[200:]
    assert error.std() < 0.1 * words.std()
