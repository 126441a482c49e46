"""Ask extraction-api for faces and facens, as facenapi does."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ffplay.lab.http_client import Connection

_BOUNDARY = "ffplay-6b1f1f0e"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to find a face on, and the id that it is for."""

    id: Any
    image: bytes


@dataclass(frozen=True, slots=True)
class Extracted:
    """A face that was found; `box` is left, top, right, bottom in pixels; `facen` is empty where none was asked for."""

    box: tuple[int, int, int, int]
    normalized: bytes
    facen: bytes


class Extractor:
    """A connection to extraction-api. `timeout` is seconds. Not for several threads at once."""

    def __init__(self, url: str, timeout: float) -> None:
        self._connection = Connection.to(url, timeout)

    def probe(self) -> None:
        """Raise OSError where the service does not answer, or not yet."""
        self._post(json.dumps({"requests": []}).encode(), "application/json")

    def extract(self, images: Sequence[Wanted], detector: str, *, need_facen: bool) -> list[Extracted | None]:
        """Return the best face of each image, None where there is none. Raise OSError where the service fails."""
        requests = [
            {"image": f"multipart:i{n}", "detector": detector, "need_facen": need_facen, "need_normalized": True}
            for n in range(len(images))
        ]
        parts = [_part("request", json.dumps({"requests": requests}).encode())]
        parts += [_part(f"i{n}", wanted.image) for n, wanted in enumerate(images)]
        body = b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()])
        responses = self._post(body, f"multipart/form-data; boundary={_BOUNDARY}")["responses"]
        return [_best(response.get("faces", [])) for response in responses]

    def _post(self, body: bytes, kind: str) -> Any:
        status, answer = self._connection.request("POST", "/", body, {"Content-Type": kind})
        if status != 200:
            text = answer.decode(errors="replace")
            raise OSError(f"extraction-api answered {status}: {text}")
        return json.loads(answer)


def _part(name: str, data: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n"


def _best(faces: list[dict[str, Any]]) -> Extracted | None:
    if not faces:
        return None
    face = max(faces, key=lambda one: one["detection_score"])
    box = face["bbox"]
    return Extracted(
        (box["left"], box["top"], box["right"], box["bottom"]),
        base64.b64decode(face["normalized"]),
        base64.b64decode(face.get("facen", "")),
    )
