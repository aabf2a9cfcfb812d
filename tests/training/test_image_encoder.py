"""Truth of a scene as targets, and heads that can learn them."""

import torch

from blip2core.stickers.scene import Box, Group, Scene
from blip2core.stickers.words import COLOURS, NOUNS, PLACES
from blip2core.training.image_encoder import (
    PATCHES,
    POSITION_CHANNELS,
    ReadingHeads,
    build_image_encoder,
    cell_means,
    reading_accuracy,
    reading_loss,
    truth_of,
)

SCENE = Scene(
    seed=0,
    place="snow",
    groups=(
        Group(noun="car", colour="blue", size="small", boxes=(Box(42, 14, 24),)),
        Group(noun="dog", colour=None, size="big", boxes=(Box(84, 84, 40),)),
    ),
)


def test_truth_names_the_cell_of_each_centre() -> None:
    truth = truth_of([SCENE])
    nouns = list(NOUNS)
    assert truth.cells[0, 1].tolist() == [
        nouns.index("car") + 1,
        list(COLOURS).index("blue") + 1,
        1,
    ]
    assert truth.cells[0, 15].tolist() == [nouns.index("dog") + 1, 0, 2]
    assert int((truth.cells[0, :, 0] > 0).sum()) == 2
    assert truth.places.tolist() == [list(PLACES).index("snow")]


def test_truth_covers_the_patches_under_a_sticker() -> None:
    patches = truth_of([SCENE]).patches[0, :, 0].view(8, 8)
    dog = list(NOUNS).index("dog") + 1
    rows, columns = torch.nonzero(patches == dog, as_tuple=True)
    # the big sticker spans pixels 64 to 104: patches 5 and 6, and most of patch 7's left part
    assert set(rows.tolist()) == set(columns.tolist()) == {5, 6}


def test_cell_means_average_two_by_two_patches() -> None:
    patches = torch.arange(64.0).view(1, 64, 1)
    means = cell_means(patches).view(16)
    assert means[0] == (0 + 1 + 8 + 9) / 4
    assert means[5] == (18 + 19 + 26 + 27) / 4


def test_heads_can_read_features_that_hold_the_truth() -> None:
    torch.manual_seed(0)
    truth = truth_of([SCENE])
    heads = ReadingHeads(32)
    features = torch.randn(1, 65, 32, requires_grad=True)
    optimizer = torch.optim.Adam([features, *heads.parameters()], lr=0.05)
    first = reading_loss(heads, features, truth).item()
    for _ in range(150):
        optimizer.zero_grad()
        loss = reading_loss(heads, features, truth)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 20
    assert reading_accuracy(heads, features, truth)["noun"] == 1.0


def test_position_channels_hold_row_and_column_whatever_the_image_shows() -> None:
    torch.manual_seed(0)
    model = build_image_encoder(64, 2, heads=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(3):
        model(pixel_values=torch.randn(2, 3, 112, 112)).last_hidden_state.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    model.post_layernorm = torch.nn.Identity()
    pixels = 5 * torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        features = model(pixel_values=pixels).last_hidden_state[:, 1:]
    told = features[..., -POSITION_CHANNELS:]
    torch.testing.assert_close(told[0], told[1])
    rows, columns = told[0].view(PATCHES, PATCHES, 2, PATCHES).unbind(2)
    assert rows.argmax(-1).tolist() == [[row] * PATCHES for row in range(PATCHES)]
    assert columns.argmax(-1).tolist() == [list(range(PATCHES))] * PATCHES
    assert not torch.allclose(features[0, :, 0], features[1, :, 0])
