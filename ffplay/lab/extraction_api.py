"""A stand-in for findface-extraction-api: `python -m ffplay.lab.extraction_api --config INI --models-dir DIR`.

It reads its YAML configuration once, refuses a model that is not installed, and answers 503 until its model is loaded.
Which codes the vendor's errors have is undocumented beyond their form, `{"code", "desc"}`.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ffplay.lab import facens, http_server
from ffplay.lab.http_server import Request, Response

_LOAD_SECONDS = 0.5
_FETCH_SECONDS = 10
_PART_NAME = re.compile(rb'content-disposition:[^\r\n]*;\s*name="?([^";\r\n]+)', re.IGNORECASE)


class ApiError(Exception):
    """What one image is answered with where it fails."""

    def __init__(self, code: str, desc: str) -> None:
        super().__init__(desc)
        self.code, self.desc = code, desc

    @property
    def content(self) -> dict[str, str]:
        """Return the documented form."""
        return {"code": self.code, "desc": self.desc}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says. Face sizes are in pixels; `fetch_limit` in bytes, None: images are not fetched."""

    model: str
    facen_size: int
    min_face_size: float
    max_face_size: float
    fetch_limit: int | None


def read_settings(config: Path, models: Path) -> Settings:
    """Return the settings. Raise ValueError, LookupError, OSError or YAMLError for what it refuses to run on."""
    content = yaml.safe_load(config.read_text())
    if not isinstance(content, dict) or not isinstance(content.get("models"), dict):
        raise ValueError("models: {facen: NAME} is missing")
    model = content["models"].get("facen")
    if not isinstance(model, str) or not model:
        raise ValueError("models -> facen must be the name of a model")
    nnd, fetch = content.get("nnd") or {}, content.get("fetch") or {}
    return Settings(
        model,
        facens.model_size(models, model),
        float(nnd.get("min_face_size", facens.MIN_FACE_SIZE)),
        float(nnd.get("max_face_size", math.inf)),
        int(fetch.get("size_limit", 10 << 20)) if fetch.get("enabled", True) else None,
    )


class Extraction:
    """Answers the API's requests. `rate` is how many facens a second it makes at most; 0 is as many as it can."""

    def __init__(self, settings: Settings, rate: float = 0.0) -> None:
        self.settings = settings
        self.loaded = threading.Event()
        self._pause = 1 / rate if rate else 0.0
        self._turn = threading.Lock()

    def load(self, seconds: float) -> None:
        """Load the model in the background."""
        timer = threading.Timer(seconds, self.loaded.set)
        timer.daemon = True
        timer.start()

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        if not self.loaded.is_set():
            return Response(503, {"error": {"code": "NOT_READY", "desc": "models are being loaded"}})
        if request.method != "POST":
            return Response(405, {"error": {"code": "BAD_REQUEST", "desc": f"{request.method} is not supported"}})
        try:
            content, parts = _parse(request)
            wanted = content["requests"]
            if not isinstance(wanted, list):
                raise TypeError("requests must be a list")
        except (ValueError, KeyError, TypeError) as error:
            return Response(400, {"error": {"code": "BAD_REQUEST", "desc": f"malformed request: {error}"}})
        return Response(200, {"responses": [self._one(entry, parts) for entry in wanted]})

    def _one(self, entry: Any, parts: Mapping[str, bytes]) -> dict[str, Any]:
        try:
            if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
                raise ApiError("BAD_REQUEST", "every request needs an image")
            detector = entry.get("detector", "nnd")
            if detector not in facens.DETECTORS:
                raise ApiError("BAD_REQUEST", f"unknown detector: {detector}")
            image = self._image(entry["image"], parts)
            if not facens.is_image(image):
                raise ApiError("IMAGE_DECODING_FAILED", "cannot decode the image")
        except ApiError as error:
            return {"faces": [], "error": error.content}
        found = facens.detect(image, detector, self.settings.min_face_size, self.settings.max_face_size)
        return {"faces": [] if found is None else [self._face(found, entry)]}

    def _image(self, where: str, parts: Mapping[str, bytes]) -> bytes:
        kind, _, rest = where.partition(":")
        if kind == "multipart":
            if rest not in parts:
                raise ApiError("BAD_REQUEST", f"there is no part {rest}")
            return parts[rest]
        if kind not in ("http", "https", "file"):
            raise ApiError("BAD_REQUEST", f"unsupported image: {where}")
        limit = self.settings.fetch_limit
        if limit is None:
            raise ApiError("FETCH_FAILED", "fetching is disabled")
        try:
            with urllib.request.urlopen(where, timeout=_FETCH_SECONDS) as answer:
                data: bytes = answer.read(limit + 1)
        except (OSError, ValueError) as error:
            raise ApiError("FETCH_FAILED", f"cannot fetch {where}: {error}") from error
        if len(data) > limit:
            raise ApiError("FETCH_FAILED", f"{where} is larger than {limit} bytes")
        return data

    def _face(self, face: facens.Face, entry: Mapping[str, Any]) -> dict[str, Any]:
        left, top, right, bottom = face.box
        content: dict[str, Any] = {
            "bbox": {"left": left, "top": top, "right": right, "bottom": bottom},
            "detection_score": face.score,
        }
        if entry.get("need_normalized", True):
            content["normalized"] = base64.b64encode(face.normalized).decode()
        if entry.get("need_facen"):
            if self._pause:
                with self._turn:
                    time.sleep(self._pause)
            made = facens.facen(face.normalized, self.settings.model, self.settings.facen_size)
            content["facen"] = base64.b64encode(made).decode()
        return content


def _parse(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the JSON and the parts with images. Raise ValueError for what is neither JSON nor multipart."""
    kind = request.headers.get("content-type", "")
    parts: dict[str, bytes] = {}
    document = request.body
    if kind.startswith("multipart/form-data"):
        parts = _split(kind, request.body)
        document = parts.pop("request", b"")
    content = json.loads(document)
    if not isinstance(content, dict):
        raise ValueError("the request must be an object")
    return content, parts


def _split(kind: str, body: bytes) -> dict[str, bytes]:
    _, _, boundary = kind.partition("boundary=")
    if not boundary:
        raise ValueError("multipart without a boundary")
    marker = b"--" + boundary.partition(";")[0].strip().strip('"').encode()
    parts: dict[str, bytes] = {}
    for section in (b"\r\n" + body).split(b"\r\n" + marker)[1:]:
        if section.startswith(b"--"):
            return parts
        head, separator, data = section.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if not separator or name is None:
            raise ValueError("a part without a name")
        parts[name[1].decode()] = data
    raise ValueError("multipart without its end")


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; return 1 where the configuration or the model cannot be used."""
    parser = argparse.ArgumentParser(prog="findface-extraction-api", description="The lab's extraction-api.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18666)
    parser.add_argument("--models-dir", type=Path, required=True)
    parser.add_argument("--load-seconds", type=float, default=_LOAD_SECONDS, help="how long loading the model takes")
    parser.add_argument("--rate", type=float, default=0.0, help="facens a second at most; 0: as many as it can")
    args = parser.parse_args(argv)
    try:
        settings = read_settings(args.config, args.models_dir)
    except (OSError, ValueError, TypeError, LookupError, yaml.YAMLError) as error:
        print(f"findface-extraction-api: {args.config}: {error}", file=sys.stderr)
        return 1
    service = Extraction(settings, args.rate)
    print(f"findface-extraction-api: loading {settings.model} ({settings.facen_size})", file=sys.stderr, flush=True)
    address = (args.bind, args.port)
    return http_server.run("findface-extraction-api", address, service.answer, lambda: service.load(args.load_seconds))


if __name__ == "__main__":
    sys.exit(main())
