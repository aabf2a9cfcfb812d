"""A page of the curator as a browser has it open: what is drawn, and its widgets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.sync.client import ClientConnection, connect

PATIENCE = 60.0
WIDGETS = ("button", "checkbox", "text_input")


class CuratorPage:
    """Draws a page again with each act, as the browser asks for it."""

    def __init__(self, websocket: ClientConnection, name: str, query: str) -> None:
        self._websocket, self._name, self._query = websocket, name, query
        self._states: dict[str, WidgetState] = {}
        self.ids: dict[str, str] = {}
        """Label of a widget -> its id."""
        self.drawn = ""
        """All that was drawn last."""
        self.draw()

    def set(self, label: str, value: bool | str) -> None:
        """Set a checkbox or a text."""
        name = self.ids[label]
        kind: dict[str, Any] = {"bool_value" if isinstance(value, bool) else "string_value": value}
        self._states[name] = WidgetState(id=name, **kind)
        self.draw()

    def click(self, name: str) -> None:
        """Press the button of an id."""
        self.draw(WidgetState(id=name, trigger_value=True))

    def draw(self, *pressed: WidgetState) -> None:
        state = ClientState(
            query_string=self._query,
            page_name=self._name,
            widget_states=WidgetStates(widgets=[*self._states.values(), *pressed]),
        )
        self._websocket.send(BackMsg(rerun_script=state).SerializeToString())
        self.drawn = ""
        while True:
            message = ForwardMsg.FromString(self._websocket.recv(timeout=PATIENCE))
            if message.WhichOneof("type") == "delta":
                self.drawn += str(message.delta)
                element = message.delta.new_element
                if (kind := element.WhichOneof("type")) in WIDGETS:
                    self.ids[getattr(element, kind).label] = getattr(element, kind).id
            ended = message.WhichOneof("type") == "script_finished"
            if ended and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return


@contextmanager
def curator_page(http: httpx.Client, name: str, query: str = "") -> Iterator[CuratorPage]:
    """Open a page with the cookies and headers of a browser. Raises InvalidStatus where refused."""
    stream = str(http.base_url).replace("http", "ws", 1).rstrip("/") + "/curator/_stcore/stream"
    cookies = "; ".join(f"{one}={value}" for one, value in http.cookies.items())
    own = {key: value for key, value in http.headers.items() if key.startswith("x-")}
    headers = own | {"cookie": cookies}
    with connect(stream, additional_headers=headers, subprotocols=["streamlit"]) as websocket:
        yield CuratorPage(websocket, name, query)
