"""The explorer alone on a bare page: what is drawn where, what keys and pointer do."""

import io
from dataclasses import replace

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.workbench.inside_tab.explorer import script
from blip2core.explain.stack import explorer_stack
from blip2core.explain.trace import Trace
from tests.browser.explorer_page import (
    Open,
    brightest_patch,
    part,
    query,
    settle,
    word,
)
from tests.stacks import (
    COLS,
    FLAT_QUERY,
    HOSTILE,
    LAYERS,
    QUERIES,
    ROWS,
    WORDS,
    make_stack,
    make_trace,
    peak,
    striped,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_explorer: Open) -> Page:
    return open_explorer(make_stack())


def twins() -> Trace:
    """Queries 3 and 4 look where 0 and 1 do."""
    trace = make_trace()
    cross = trace.together.cross.clone()
    cross[:, :, 3:5] = cross[:, :, 0:2]
    return replace(trace, together=replace(trace.together, cross=cross))


@pytest.mark.parametrize("size", [(300, 100), (60, 180)])
@pytest.mark.parametrize("raw", [False, True])
def test_peak_lands_where_it_is(open_explorer: Open, size: tuple[int, int], raw: bool) -> None:
    page = open_explorer(make_stack(striped(*size)))
    part(page, "raw").set_checked(raw)
    for number in (0, 1, 4):
        query(page, number).click()
        page.mouse.move(0, 0)
        assert brightest_patch(page) == peak(number)
    box = part(page, "image").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(size[0] / size[1], rel=0.02)


def test_on_a_phone_the_image_that_was_asked_for_is_seen(open_explorer: Open) -> None:
    phone = {"viewport": {"width": 390, "height": 160}}
    seen = open_explorer(make_stack(striped(300, 100)), **phone)
    expect(part(seen, "image")).to_be_in_viewport(ratio=0.99)
    assert seen.evaluate("scrollY") > 0
    example = open_explorer(make_stack(striped(300, 100)) | {"example": True}, **phone)
    assert example.evaluate("scrollY") == 0  # nobody asked for it


def test_map_between_patches_is_smooth_and_never_negative(page: Page) -> None:
    values = page.evaluate(
        """(script) => new Function(script + `
          const map = new Float32Array(16);
          map[5] = 1;
          return [...enlarge(map, 4, 4, 40, 40)];
        `)()""",
        script(),
    )
    assert min(values) == 0
    assert max(values) == pytest.approx(1, abs=0.05)
    assert values.index(max(values)) in {14 * 40 + 14, 14 * 40 + 15, 15 * 40 + 14, 15 * 40 + 15}


def test_starts_with_the_query_closest_to_the_text(page: Page) -> None:
    expect(part(page, "title")).to_have_text("Query 2 · mean of all layers, mean of all heads")
    expect(part(page, "match-description")).to_contain_text(
        "Query 2 is closest, with a cosine of 0.500"
    )
    expect(part(page, "match-description")).to_contain_text("query 3 is 0.100 behind")
    assert part(page, "bars").locator(".winner").get_attribute("data-query") == "2"
    assert part(page, "bars").locator(".second").get_attribute("data-query") == "3"


def test_query_layer_and_head_are_chosen_by_click(page: Page) -> None:
    query(page, 4).click()
    part(page, "matrix").locator('[data-layer="2"][data-head="1"]').click()
    expect(part(page, "title")).to_have_text("Query 4 · layer 4, head 1")
    part(page, "layer").select_option(label="2")
    part(page, "head").select_option(label="mean")
    expect(part(page, "title")).to_have_text("Query 4 · layer 2, mean of all heads")
    part(page, "bars").locator('[data-query="1"]').click()
    expect(part(page, "title")).to_have_text("Query 1 · layer 2, mean of all heads")
    part(page, "signal").get_by_role("button", name="Rollout").click()
    expect(part(page, "title")).to_have_text("Query 1 · rollout")
    expect(part(page, "depth")).to_be_hidden()


def test_keys(page: Page) -> None:
    query(page, 2).click()
    page.keyboard.press("ArrowRight")
    expect(query(page, 3)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(part(page, "title")).to_have_text("Query 3 · layer 0, mean of all heads")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(part(page, "title")).to_have_text("Query 3 · layer 4, mean of all heads")
    page.keyboard.press("h")
    expect(part(page, "title")).to_have_text("Query 3 · layer 4, head 0")
    page.keyboard.press("p")
    expect(part(page, "raw")).to_be_checked()
    part(page, "clip").click()
    page.keyboard.press("p")  # a box that was ticked is no place to type
    expect(part(page, "raw")).not_to_be_checked()
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "query-3-layer-4-head-0.png"
    saved = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert saved.width > 900 and saved.getpixel((2, 2))[:3] == (255, 255, 255)


def test_keys_do_nothing_while_a_slider_moves(page: Page) -> None:
    title = part(page, "title").inner_text()
    part(page, "opacity").focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    expect(part(page, "title")).to_have_text(title)


def test_every_group_is_one_stop_of_the_tab_key(page: Page) -> None:
    for group in ("maps", "bars", "matrix", "signal"):
        buttons = part(page, group).get_by_role("button")
        assert [b.get_attribute("tabindex") for b in buttons.all()].count("0") == 1
    query(page, 2).focus()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("text", "The text · all words"),
        ("gradcam", "Grad-CAM · the whole text"),
        ("winner", "Closest query · query 2"),
    ],
)
def test_starts_with_the_map_that_the_stack_names(
    open_explorer: Open, kind: str, title: str
) -> None:
    stack = make_stack()
    kinds = [one["kind"] for one in stack["maps"]]
    page = open_explorer(stack | {"default_map": kinds.index(kind)})
    expect(part(page, "title")).to_have_text(title)
    query(page, 4).click()
    expect(part(page, "title")).to_have_text("Query 4 · mean of all layers, mean of all heads")


def test_words_agree_with_those_of_the_server(page: Page) -> None:
    stack = make_stack()
    for layer, real in enumerate(LAYERS):
        part(page, "layer").select_option(label=str(real))
        for number in range(QUERIES):
            query(page, number).click()
            expect(part(page, "title")).to_have_text(
                f"Query {number} · layer {real}, mean of all heads"
            )
            said = stack["alts"][layer][number].partition(": ")[2]
            words = part(page, "description").inner_text().lower()
            place = said.partition(",")[0]
            assert ("flat map" in words) if "flat" in said else words.startswith(place)


def test_answer_is_read_word_by_word(page: Page) -> None:
    part(page, "texts").get_by_role("button", name="octopus").click()
    expect(part(page, "title")).to_have_text("What the model wrote · “octopus”, word 2")
    expect(part(page, "description")).to_contain_text(
        "60% of what the model attended to was the image"
    )
    assert brightest_patch(page) == ROWS * COLS - 1


def test_stack_without_a_text_has_no_words_and_no_match(open_explorer: Open) -> None:
    bare = replace(
        make_trace(), text=None, tokens=(), words=(), together=None, cosines=None, itm=None
    )
    page = open_explorer(explorer_stack(bare, striped()))
    expect(part(page, "title")).to_contain_text("Query 0")
    expect(part(page, "match")).to_be_hidden()
    expect(part(page, "texts").get_by_role("button")).to_have_count(0)


def test_words_count_by_position(page: Page) -> None:
    expect(word(page, 0)).to_have_text("a")
    expect(word(page, 3)).to_have_text("a")
    found = []
    for position in (0, 3):
        word(page, position).click()
        expect(part(page, "title")).to_have_text(f"The text · “a”, word {position + 1}")
        expect(part(page, "description")).to_contain_text(
            f"The queries that attend to it most: {position} ("
        )
        found.append(brightest_patch(page))
    assert found == [peak(0), peak(3)]
    page.keyboard.press("ArrowRight")
    expect(word(page, 4)).to_be_focused()


def test_pointing_at_a_query_shows_its_share_in_each_word(page: Page) -> None:
    query(page, 1).hover()
    settle(page)
    share = "(button) => Number(getComputedStyle(button).getPropertyValue('--share'))"
    shares = [word(page, position).evaluate(share) for position in range(len(WORDS))]
    assert shares.index(1) == 1 and max(shares[:1] + shares[2:]) < 0.1


def test_hostile_words_stay_text(open_explorer: Open) -> None:
    page = open_explorer(make_stack(note=HOSTILE))
    expect(word(page, WORDS.index(HOSTILE))).to_have_text(HOSTILE)
    expect(part(page, "note")).to_have_text(HOSTILE)
    word(page, WORDS.index(HOSTILE)).click()
    settle(page)
    assert page.locator("#explorer img").count() == 0
    assert page.evaluate("window.broken") is None


def test_flat_map_is_said_and_grey(page: Page) -> None:
    query(page, FLAT_QUERY).click()
    expect(part(page, "description")).to_contain_text("A flat map")
    expect(query(page, FLAT_QUERY)).to_contain_text("flat")
    assert "grayscale" in query(page, FLAT_QUERY).locator("canvas").evaluate(
        "(canvas) => getComputedStyle(canvas).filter"
    )


def test_scale_is_shared_or_said_to_be_its_own(page: Page) -> None:
    query(page, FLAT_QUERY).click()
    expect(part(page, "ticks")).to_have_text("0%10%20%")
    expect(part(page, "legend")).to_contain_text("can be compared")
    part(page, "scale").select_option("own")
    expect(part(page, "ticks")).to_have_text("0%3.0%6.0%")
    expect(part(page, "unit")).to_contain_text("not comparable")
    expect(part(page, "legend")).to_contain_text("cannot be compared")


def test_order_of_the_queries(page: Page) -> None:
    part(page, "sort").select_option("cosine")
    expect(part(page, "maps").locator(".query").first).to_have_attribute("data-query", "2")
    order = [b.get_attribute("data-query") for b in part(page, "maps").locator(".query").all()]
    assert order == ["2", "3", "1", "0", "5", "4"]
    query(page, 2).click()
    page.keyboard.press("ArrowRight")
    expect(query(page, 3)).to_be_focused()


def test_alike_queries_stand_side_by_side(open_explorer: Open) -> None:
    page = open_explorer(make_stack(trace=twins()))
    part(page, "sort").select_option("similarity")
    settle(page)
    order = (
        part(page, "maps")
        .locator("button")
        .evaluate_all("(buttons) => buttons.map((button) => Number(button.dataset.query))")
    )
    assert sorted(order) == list(range(QUERIES))
    for one, other in ((0, 3), (1, 4)):
        assert abs(order.index(one) - order.index(other)) == 1
    query(page, order[-1]).click()
    row = part(page, "self-attention-row").evaluate("(row) => row.style.getPropertyValue('--row')")
    assert float(row) == pytest.approx((QUERIES - 1) / QUERIES)  # rows are in the same order
    box = part(page, "self-attention").bounding_box()
    part(page, "self-attention").hover(position={"x": 2, "y": box["height"] - 2})
    said = f"Query {order[-1]} gives"
    expect(part(page, "self-attention-value")).to_contain_text(said)
    expect(part(page, "self-attention-value")).to_contain_text(f"to query {order[0]}.")


def test_faint_map_is_said_and_can_be_seen_by_itself(page: Page) -> None:
    query(page, 0).click()
    part(page, "layer").select_option(label="0")
    part(page, "scale").select_option("stack")
    expect(part(page, "description")).to_contain_text("Faint here: its peak is 33% of the highest")
    part(page, "scale").select_option("own")
    expect(part(page, "description")).not_to_contain_text("Faint here")


def test_one_bright_patch_can_be_clipped(page: Page) -> None:
    query(page, 0).click()
    part(page, "scale").select_option("own")
    ticks = part(page, "ticks").locator("span")
    expect(ticks.last).to_have_text("20%")
    part(page, "clip").check()
    expect(ticks.last).to_have_text("≥ 0.9%")  # 0.01, sent in steps of 0.30 / 255
    part(page, "scale").select_option("stack")
    expect(ticks.last).to_have_text("30%")  # more than one in a hundred of all reach it
