"""What the app needs of Streamlit beyond its documented interface is still there."""

import inspect
import subprocess
import sys

import pytest
import streamlit
from streamlit import config
from streamlit.testing.v1 import AppTest

from app.request_info import ID_HEADER
from app.serving.streamlit_app import LARGEST_UPLOAD, OPTIONS, SCRIPT, request_of_script


@pytest.mark.parametrize("name", [*OPTIONS, LARGEST_UPLOAD])
def test_option_is_known(name: str) -> None:
    assert name in config.get_config_options(), f"Streamlit no longer has the option {name}."


def test_pages_give_no_details_away_and_link_nowhere() -> None:
    assert OPTIONS["client.showErrorDetails"] == "none"
    assert OPTIONS["client.showErrorLinks"] is False  # to search engines, with the error in them
    assert OPTIONS["browser.gatherUsageStats"] is False


def test_app_is_asgi_with_a_lifespan() -> None:
    assert hasattr(streamlit, "App"), "streamlit.App is gone."
    assert "lifespan" in vars(streamlit.App), "streamlit.App has no lifespan() to be mounted with."
    assert "script_path" in inspect.signature(streamlit.App).parameters
    assert SCRIPT.is_file()


def test_options_are_set_for_the_process() -> None:
    """In a process of its own: they hold for all that runs in it."""
    code = (
        "from app.serving.streamlit_app import OPTIONS, set_options\n"
        "from streamlit import config\n"
        "set_options(7)\n"
        "assert config.get_option('server.maxUploadSize') == 7\n"
        "assert all(config.get_option(name) == value for name, value in OPTIONS.items())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"Options of Streamlit can no longer be set: {done.stderr}"


def test_its_loggers_hand_on_what_they_log() -> None:
    """In a process of its own, for they are set up once for all."""
    code = (
        "import io, logging\n"
        "from streamlit.logger import get_logger\n"
        "early = get_logger('streamlit.early')\n"
        "from app.serving.streamlit_app import log_as_others\n"
        "written = io.StringIO()\n"
        "logging.basicConfig(stream=written, format='%(name)s %(message)s')\n"
        "log_as_others()\n"
        "for one in (early, get_logger('streamlit.late')):\n"
        "    one.warning('told')\n"
        "    one.info('not told')\n"
        "told = 'streamlit.early told\\nstreamlit.late told\\n'\n"
        "assert written.getvalue() == told, written.getvalue()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_script_works_for_the_request_of_its_websocket() -> None:
    """Streamlit runs scripts, and callbacks before them, in threads without a context."""

    def script() -> None:
        import streamlit

        from app.serving.streamlit_app import request_of_script

        def told() -> None:
            found = request_of_script()
            streamlit.session_state["told"] = found and found.id

        streamlit.button("Tell", on_click=told)
        streamlit.text(str(request_of_script()))

    page = AppTest.from_function(script)
    page.run()
    assert page.text[0].value == "None", "a page that is served by no front has no id"
    with pytest.MonkeyPatch.context() as changed:
        headers = {ID_HEADER: "of-the-websocket"}
        changed.setattr(type(streamlit.context), "headers", property(lambda self: headers))
        page.button[0].click().run()
        assert page.session_state["told"] == "of-the-websocket"
        headers[ID_HEADER] = "harm\nful"
        page.run()
        assert page.text[0].value == "None"
    assert request_of_script() is None
