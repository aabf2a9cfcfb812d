"""A curator at work while visitors come: images are imported, captioned and filtered in the
background, and each verdict that the page shows as counted is in the database afterwards.
"""

import random
import re
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
from sqlalchemy import func, select

from blip2core.storage.database import open_database
from blip2core.storage.schema import DecisionEvent
from tests.app.serving.curator_page import CuratorPage, curator_page
from tests.resilience.visiting import OWNER, PASSWORD, PATIENCE, Counted

PAUSE = (2.0, 8.0)
LOOKED_AT = ("runs", "thresholds", "people")
DECIDED = re.compile(r"\b(\d+) decided, ")


class Curator(threading.Thread):
    """Loads the samples, then judges them and looks at other pages until `leave` is called."""

    def __init__(self, address: str, counted: Counted, seed: int) -> None:
        super().__init__(daemon=True)
        self._address, self._counted = address, counted
        self._draw = random.Random(f"curator {seed}")
        self._leaves = threading.Event()
        self.verdicts = 0
        """Verdicts that the page has counted."""

    def run(self) -> None:
        """Work, and note what went wrong."""
        try:
            with httpx.Client(base_url=self._address, timeout=PATIENCE, trust_env=False) as http:
                http.post("/login", data={"username": OWNER, "password": PASSWORD})
                with curator_page(http, "inbox") as inbox:
                    inbox.click(inbox.ids["Load the sample set"])
                self._work(http)
        except Exception as error:
            self._counted.broken.append(f"curator: {type(error).__name__}: {error}"[:300])

    def leave(self, data: Path) -> None:
        """Go home, and look whether the database has what the pages have counted."""
        self._leaves.set()
        self.join()
        with closing(open_database(data=data, owner=False)) as database, database.read() as session:
            kept = session.scalar(select(func.count()).select_from(DecisionEvent)) or 0
        if kept != self.verdicts:
            self._counted.broken.append(f"curator: {self.verdicts} verdicts, {kept} are kept")

    def _work(self, http: httpx.Client) -> None:
        while not self._leaves.wait(self._draw.uniform(*PAUSE)):
            began = time.monotonic()
            if self._draw.random() < 0.3:
                with curator_page(http, self._draw.choice(LOOKED_AT)):
                    pass
            else:
                with curator_page(http, "review") as page:
                    self._judge(page)
            self._counted.took("curator", time.monotonic() - began)

    def _judge(self, page: CuratorPage) -> None:
        """Accept a text, which decides its image; the next one is drawn, with the count."""
        if "Accept" not in page.ids:  # nothing is there yet to be judged
            return
        page.click(page.ids["Accept"])
        counted = max(map(int, DECIDED.findall(page.drawn)), default=-1)
        if counted == self.verdicts + 1:
            self.verdicts = counted
        elif counted != self.verdicts:  # a text that cannot be accepted yet is no verdict
            self._counted.broken.append(f"curator: {counted} decided after {self.verdicts}")
