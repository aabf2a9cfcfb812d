"""One visitor fills half of the queue, and others find room in it."""

import io
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.app.serving.served import served

SIZE = 4


@pytest.mark.parametrize("way", ["mounted", "launched"])
def test_a_visitor_fills_half_of_the_queue(way: str, tmp_path: Path) -> None:
    settings = {"BLIP2_OPEN": "1", "BLIP2_QUEUE_SIZE": str(SIZE)}
    with (
        served(f"{way} slow", tmp_path, **settings) as address,
        httpx.Client(base_url=address, timeout=20, trust_env=False) as http,
    ):
        image = upload(http)

        def ask(visitor: str) -> httpx.Response:
            data = [image, "Who is it and where?", [], "greedy", None, None]
            sent_by = {"x-forwarded-for": visitor}
            return http.post("/gradio_api/call/ask", json={"data": data}, headers=sent_by)

        answers = [ask("10.0.0.1") for _ in range(2 * SIZE)]
        accepted = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(accepted) in (SIZE // 2, SIZE // 2 + 1), "one may be under way already"
        assert len(accepted) + len(refused) == len(answers)
        assert all("wait already" in answer.json()["detail"] for answer in refused)
        assert ask("10.0.0.2").status_code == 200


def upload(http: httpx.Client) -> dict[str, object]:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PNG")
    sent = http.post("/gradio_api/upload", files={"files": ("a.png", file.getvalue())})
    return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
