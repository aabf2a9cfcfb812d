import pytest

from blip2core.formats.program_texts import MOST_SETTINGS, is_by_itself, prompt_of


@pytest.mark.parametrize(
    "text",
    [
        "OLYMPUS DIGITAL CAMERA",
        "OLYMPUS DIGITAL CAMERA         ",
        "KONICA MINOLTA DIGITAL CAMERA",
        "SONY DSC",
        "SAMSUNG CAMERA PICTURES",
        "<Digimax S600 / Kenox S600 / Digimax Cyber 630>",
        "Exif_JPEG_PICTURE",
        "DCF_PICTURE",
        "Created with GIMP",
        "Created with The GIMP",
        "Adobe Photoshop CS6 (Windows)",
        "File written by Adobe Photoshop 5.2",
        "Processed with VSCO with c1 preset",
        "Matplotlib version3.8.0, https://matplotlib.org/",
        "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n",
        "Screenshot",
        "Screenshot 2023-01-02 at 10.11.12",
        "AI generated image",
        "Lavc58.134.100",
        "IMG_1234",
        "DSC00012.JPG",
        "holidays-2019.jpeg",
        "20190203_112233",
        "2019:02:03 11:22:33",
        "untitled",
        "filter: 0; fileterIntensity: 0.0; filterMask: 0; module: photo;",
        '{"prompt": 3}',
        "{}",
        '[{"a": 1}]',
        "<?xml version='1.0'?><OME/>",
        "ImageJ=1.53\nimages=3",
    ],
)
def test_what_cameras_and_programs_write_is_known(text):
    assert is_by_itself(text)


@pytest.mark.parametrize(
    "text",
    [
        "a dog",
        "犬",
        "🐻",
        "Taken in Paris 2019",
        "12 dogs",
        "a screenshot of a game",
        "paint on a wall",
        "photoshop disaster on a poster",
        "made with love by my mother",
        "Sony camera on a table",
        "default settings of a stove",
        "[two] dogs",
        "{a dog}",
        "<b>a dog</b>",
        "Place: Rome; two dogs run",
    ],
)
def test_what_people_write_is_a_text(text):
    assert not is_by_itself(text)


@pytest.mark.parametrize(
    ("text", "prompt", "data"),
    [
        ("a fox\nSteps: 20, Seed: 1", "a fox", {"settings": "Steps: 20, Seed: 1"}),
        ("a fox\nNegative prompt: text", "a fox", {"negative prompt": "text"}),
        ("a fox\non snow\nSteps: 20", "a fox\non snow", {"settings": "Steps: 20"}),
        ("a fox. Steps: 20, Seed: 1", "a fox. Steps: 20, Seed: 1", {}),
        ("Steps: a stair", "Steps: a stair", {}),
    ],
)
def test_a_prompt_ends_where_its_settings_begin(text, prompt, data):
    assert prompt_of(text) == (prompt, data)


def test_endless_settings_are_not_kept():
    text = f"a fox\nNegative prompt: {'x' * (MOST_SETTINGS + 1)}\nSteps: 20"
    assert prompt_of(text) == ("a fox", {"settings": "Steps: 20"})
