"""The explorer alone on a bare page: what is drawn where, what keys and pointer do."""

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from app.workbench.inside_tab.explorer import script, style, template
from blip2core.explain.stack import explorer_stack
from blip2core.explain.trace import Trace
from tests.browser.journey import PATIENCE
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
START = """([script, stack]) => {
  window.sent = [];
  const element = document.querySelector("#explorer");
  const made = script + "; return createExplorer(element, trigger)";
  const start = new Function("element", "trigger", made);
  window.explorer = start(element, (name, data) => window.sent.push([name, data]));
  window.explorer.show(stack);
}"""
BRIGHTEST = """(canvas) => {
  const { width, height } = canvas;
  const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const yellow = (pixel) => data[pixel * 4] - data[pixel * 4 + 2];
  const pixels = [...Array(width * height).keys()];
  const most = pixels.reduce((best, pixel) => Math.max(best, yellow(pixel)), -999);
  const found = pixels.filter((pixel) => yellow(pixel) >= most - 1);
  const mean = (of) => found.reduce((sum, pixel) => sum + of(pixel), 0) / found.length;
  return [
    mean((pixel) => (pixel % width) + 0.5) / width,
    mean((pixel) => Math.floor(pixel / width) + 0.5) / height,
  ];
}"""
"""The middle of what is most yellow on a canvas over a grey image, as shares of its sides."""

Open = Callable[..., Page]


@pytest.fixture
def open_explorer(browser: Browser) -> Iterator[Open]:
    """Shows a stack on a page that has nothing else."""
    contexts = []

    def open_page(stack: dict[str, Any], **context: Any) -> Page:
        expect.set_options(timeout=PATIENCE)
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_content(
            f"<!doctype html><style>#explorer {{ {style()} }}</style>"
            f'<div id="explorer">{template()}</div>'
        )
        page.evaluate(START, [script(), stack])
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_explorer: Open) -> Page:
    return open_explorer(make_stack())


def part(page: Page, name: str) -> Locator:
    return page.locator(f'[data-part="{name}"]')


def settle(page: Page) -> None:
    """Until what was asked for is drawn, the image included."""
    page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(done), 50))")


def query(page: Page, number: int) -> Locator:
    return part(page, "maps").locator(f'[data-query="{number}"]')


def word(page: Page, position: int) -> Locator:
    return part(page, "texts").locator(f'[data-text="0"][data-token="{position}"]')


def brightest_patch(page: Page) -> int:
    settle(page)
    across, down = part(page, "image").evaluate(BRIGHTEST)
    return int(down * ROWS) * COLS + int(across * COLS)


def sent(page: Page) -> list[Any]:
    return page.evaluate("window.sent")


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


def test_starts_with_the_query_that_found_the_text(page: Page) -> None:
    expect(part(page, "title")).to_have_text("Query 2 · mean of all layers, mean of all heads")
    expect(part(page, "match-description")).to_contain_text("Query 2 wins with a cosine of 0.500")
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


def test_map_is_kept_and_compared_with_another(page: Page) -> None:
    expect(part(page, "compare")).to_be_hidden()
    query(page, 0).click()
    part(page, "keep").click()
    expect(part(page, "compare-description")).to_contain_text("The two are the same.")
    expect(part(page, "difference-figure")).to_be_hidden()
    query(page, 3).click()  # its peak is patch 0, in the corner; that of query 0 is beside it
    expect(part(page, "kept-name")).to_contain_text("Query 0 · mean of all layers")
    expect(part(page, "shown-name")).to_contain_text("Query 3 · mean of all layers")
    # A peak holds 0.20 on average, the other patches 0.01 each, sent in steps of 0.30 / 255.
    peak, other = 170, 8
    moved = round(100 * (peak - other) / (peak + 15 * other))
    expect(part(page, "compare-description")).to_contain_text(f"{moved}% of the map lies elsewhere")
    expect(part(page, "difference-ticks")).to_have_text(f"−{moved}%0+{moved}%")
    expect(part(page, "kept-ticks")).to_have_text(
        part(page, "shown-ticks").inner_text().replace("\n", "")
    )
    assert colour_at(page, "difference", 1) == "blue"
    assert colour_at(page, "difference", 0) == "orange"
    assert colour_at(page, "difference", 10) == "grey"
    part(page, "forget").click()
    expect(part(page, "compare")).to_be_hidden()
    expect(part(page, "keep")).to_be_focused()


def test_kept_map_outlives_its_text_and_its_image(page: Page) -> None:
    query(page, 4).click()
    page.keyboard.press("c")
    expect(part(page, "compare")).to_be_visible()
    page.evaluate("() => explorer.show(null)")
    page.evaluate("(stack) => explorer.show(stack)", make_stack(striped(160, 40), text=HOSTILE))
    expect(part(page, "kept-name")).to_contain_text("for “a car and a")
    expect(part(page, "shown-name")).to_contain_text(HOSTILE)
    expect(part(page, "compare-description")).to_contain_text("The two are the same")
    query(page, 3).click()
    expect(part(page, "compare-description")).to_contain_text("The images differ")
    assert page.evaluate("window.broken") is None
    shapes = [part(page, name).bounding_box() for name in ("kept", "shown")]
    sides = [box["width"] / box["height"] for box in shapes]
    assert sides == pytest.approx([1, 4], rel=0.03)
    assert sent(page) == []


def test_what_was_chosen_a_moment_ago_is_kept(page: Page) -> None:
    query(page, 0).click()
    settle(page)
    page.evaluate("""() => {
      document.querySelector('[data-part="maps"] [data-query="3"]').click();
      document.querySelector('[data-part="keep"]').click();
    }""")  # before the next frame is drawn
    expect(part(page, "kept-name")).to_contain_text("Query 3")
    expect(part(page, "compare-description")).to_contain_text("The two are the same")


def test_other_grids_are_shown_without_a_difference(page: Page) -> None:
    part(page, "keep").click()
    stack = make_stack()
    for one in stack["maps"]:
        one["values"] = base64.b64encode(base64.b64decode(one["values"])[:8]).decode()
    stack |= {"rows": 2, "cols": 4, "answer": None}
    page.evaluate("(stack) => explorer.show(stack)", stack)
    expect(part(page, "compare-description")).to_contain_text(
        "The grids differ (4 × 4 and 2 × 4 patches)"
    )
    expect(part(page, "difference")).to_be_hidden()


def colour_at(page: Page, canvas: str, patch: int) -> str:
    """What colour the middle of a patch has, on an image that is grey."""
    settle(page)
    red, blue = part(page, canvas).evaluate(
        """(canvas, [row, col, rows, cols]) => {
          const at = (place, count, size) => Math.floor(((place + 0.5) / count) * size);
          const [x, y] = [at(col, cols, canvas.width), at(row, rows, canvas.height)];
          const { data } = canvas.getContext("2d").getImageData(x, y, 1, 1);
          return [data[0], data[2]];
        }""",
        [patch // COLS, patch % COLS, ROWS, COLS],
    )
    if abs(red - blue) < 20:
        return "grey"
    return "orange" if red > blue else "blue"


def twins() -> Trace:
    """Queries 3 and 4 look where 0 and 1 do."""
    trace = make_trace()
    cross = trace.together.cross.clone()
    cross[:, :, 3:5] = cross[:, :, 0:2]
    return replace(trace, together=replace(trace.together, cross=cross))


def test_pointing_at_a_patch_names_the_queries_that_look_there(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 900})
    canvas = part(page, "image")
    box = canvas.bounding_box()
    row, col = divmod(peak(1), COLS)
    middle = ((col + 0.5) / COLS * box["width"], (row + 0.5) / ROWS * box["height"])
    canvas.hover(position={"x": middle[0], "y": middle[1]})
    expect(part(page, "patch")).to_contain_text(f"Row {row + 1}, column {col + 1}: queries 1 (20%)")
    page.mouse.move(0, 0)
    expect(part(page, "patch")).to_contain_text("Point at the image")


def test_patches_are_painted_and_sent_once(page: Page) -> None:
    part(page, "masking").click()
    expect(part(page, "ask-again")).to_be_disabled()
    canvas = part(page, "image")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    y = box["y"] + box["height"] / ROWS / 2
    page.mouse.move(box["x"] + 5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=12)
    page.mouse.up()
    expect(part(page, "mask-description")).to_contain_text("3 patches hidden")
    assert sent(page) == []
    part(page, "ask-again").click()
    assert sent(page) == [["mask", {"patches": [0, 1, 2]}]]


def test_patches_are_hidden_by_keyboard(page: Page) -> None:
    part(page, "masking").click()
    part(page, "image").focus()
    for key in ("Shift+ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
        settle(page)
    part(page, "ask-again").click()
    assert sent(page) == [["mask", {"patches": [COLS]}]]


def test_answer_has_no_score_to_be_tested_by(page: Page) -> None:
    part(page, "texts").get_by_role("button", name="octopus").click()
    expect(part(page, "test")).to_be_disabled()
    query(page, 1).click()
    expect(part(page, "test")).to_be_enabled()


def tell(page: Page, finding: dict[str, Any] | None) -> None:
    page.evaluate("(finding) => explorer.showFinding(finding)", finding)


def test_progress_can_be_stopped(page: Page) -> None:
    tell(page, {"kind": "test", "state": "running", "done": 3, "total": 9, "what": "Hiding"})
    finding = part(page, "test-finding")
    expect(finding).to_contain_text("Hiding · 3 of 9")
    stop = finding.get_by_role("button", name="Stop").element_handle()
    tell(page, {"kind": "test", "state": "running", "done": 4, "total": 9, "what": "Hiding"})
    expect(finding.get_by_role("progressbar")).to_have_attribute("value", "4")
    stop.click()  # the same button: one that is replaced while it is pressed does nothing
    assert [name for name, _ in sent(page)] == ["halt"]
    tell(page, None)
    expect(finding).to_be_hidden()


def test_curves_are_drawn_against_chance(page: Page) -> None:
    result = {
        "map": 'word "car"',
        "shown": [1, 0.5, 0],
        "deletion": [1, 0.2, 0],
        "insertion": [1, 0.9, 0],
        "random": [1, 0.5, 0],
        "verdict": "Better than chance.",
        "good": True,
        "sanity": "It depends on the weights.",
    }
    tell(page, {"kind": "test", "state": "done", "result": result})
    finding = part(page, "test-finding")
    expect(finding).to_contain_text("Better than chance.")
    expect(finding).to_contain_text("It depends on the weights.")
    expect(finding.get_by_role("img")).to_have_count(2)
    points = finding.locator("polyline.measured").first.get_attribute("points") or ""
    start, middle, end = [tuple(map(float, point.split(","))) for point in points.split()]
    assert start[0] < middle[0] < end[0] and start[1] < middle[1] < end[1]


def test_answers_stand_side_by_side(page: Page) -> None:
    result = {
        "question": HOSTILE,
        "text": HOSTILE,
        "hidden": 3,
        "patches": 16,
        "before": {"answer": HOSTILE, "itm": 0.9, "itc": 0.5},
        "after": {"answer": "a bus", "itm": 0.4, "itc": 0.45},
    }
    tell(page, {"kind": "mask", "state": "done", "result": result})
    finding = part(page, "mask-finding")
    expect(finding).to_contain_text("3 of 16 patches hidden")
    expect(finding).to_contain_text("Match (ITM) 0.40 (−0.50)")
    expect(finding).to_contain_text("The answer changed.")
    expect(finding.locator(".answer").first).to_have_text(HOSTILE)
    assert page.evaluate("window.broken") is None


def test_trouble_is_said_where_the_button_is(page: Page) -> None:
    tell(page, {"kind": "mask", "state": "failed", "message": "Not asked: <b>why</b>"})
    expect(page.get_by_role("alert")).to_have_text("Not asked: <b>why</b>")


def test_example_is_no_subject_for_further_questions(open_explorer: Open) -> None:
    page = open_explorer(make_stack(example=True, note="A finished example."))
    part(page, "masking").click()
    part(page, "mask-peak").click()
    expect(part(page, "mask-description")).to_contain_text("press “Look inside” first")
    expect(part(page, "ask-again")).to_be_disabled()
    expect(part(page, "test")).to_be_disabled()


def test_map_on_screen_is_named_for_the_test(page: Page) -> None:
    part(page, "test").click()
    word(page, 3).click()
    part(page, "test").click()
    seen = {"signal": "attention", "layer": -1, "head": -1, "query": 2}
    assert sent(page) == [["test", seen], ["test", seen | {"text": "text", "token": 3}]]


def test_choice_survives_another_image_of_the_same_shape(page: Page) -> None:
    query(page, 4).click()
    part(page, "layer").select_option(label="2")
    settle(page)
    page.evaluate("(stack) => explorer.show(stack)", make_stack(striped(120, 40)))
    expect(part(page, "title")).to_have_text("Query 4 · layer 2, mean of all heads")
    page.evaluate("() => explorer.show(null)")
    expect(part(page, "empty")).to_be_visible()
    expect(part(page, "body")).to_be_hidden()


def test_what_is_shown_is_said_aloud(page: Page) -> None:
    expect(part(page, "description")).to_have_attribute("aria-live", "polite")
    label = part(page, "image").get_attribute("aria-label") or ""
    assert label.startswith("Query 2 ·") and "Strongest" in label


@pytest.mark.parametrize("width", [390, 3840])
def test_fits_phones_and_large_screens(open_explorer: Open, width: int) -> None:
    page = open_explorer(make_stack(), viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_is_fetched(open_explorer: Open, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for key in ("ArrowRight", "ArrowDown", "h", "p"):
        query(page, 3).focus()
        page.keyboard.press(key)
    settle(page)
    assert asked == []
