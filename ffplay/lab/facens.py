"""What stands in for the neural networks: which images have a face, its crop, its facen; all functions of their bytes.

The same image gives the same facen with the same model, on every machine and in every run; another model or another
crop gives another one. A facen that is stale can thus be told from one that is not.
"""

from __future__ import annotations

import array
import hashlib
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from ffplay import findface

DETECTORS = ("nnd", "legacy", "prenormalized")
MIN_FACE_SIZE = 30.0

_JPEG_START, _JPEG_END = b"\xff\xd8\xff\xe0", b"\xff\xd9"
_FRAME_PIXELS = 640
# Of 256 faces, how many a detector misses whatever its settings are.
_MISSED = {"nnd": 3, "legacy": 10}


@dataclass(frozen=True, slots=True)
class Face:
    """A face on an image. `box` is left, top, right, bottom in pixels; `score` 0 to 1; `normalized` an image again."""

    box: tuple[int, int, int, int]
    score: float
    normalized: bytes

    @property
    def size(self) -> int:
        """Return the width in pixels, which is the height too."""
        return self.box[2] - self.box[0]


def facen(normalized: bytes, model: str, size: int) -> bytes:
    """Return the facen of a normalized image: `size` little-endian float32 values, of length 1 as a vector."""
    digest = hashlib.shake_128(model.encode() + b"\0" + normalized).digest(2 * size)
    values = array.array("h", digest)
    scale = 1.0 / (math.sqrt(sum(map(int.__mul__, values, values))) or 1.0)
    facen_values = array.array("f", [value * scale for value in values])
    if sys.byteorder == "big":
        facen_values.byteswap()
    return facen_values.tobytes()


def image(seed: str) -> bytes:
    """Return a made-up photo; the same for the same seed."""
    return _JPEG_START + hashlib.shake_128(seed.encode()).digest(400) + _JPEG_END


def is_image(data: bytes) -> bool:
    """Tell whether the bytes are an image that can be decoded."""
    return data.startswith(_JPEG_START) and data.endswith(_JPEG_END)


def thumbnail(normalized: bytes) -> bytes:
    """Return the thumbnail of a face."""
    return _JPEG_START + hashlib.shake_128(b"thumbnail" + normalized).digest(120) + _JPEG_END


def detect(data: bytes, detector: str, smallest: float = MIN_FACE_SIZE, largest: float = math.inf) -> Face | None:
    """Return the face that a detector finds on an image; sizes are in pixels and nnd's alone."""
    if detector == "prenormalized":
        return Face((0, 0, _FRAME_PIXELS, _FRAME_PIXELS), 1.0, data)
    digest = hashlib.sha256(data).digest()
    size = int(MIN_FACE_SIZE) + digest[0] * 2 // 3
    if digest[1 if detector == "nnd" else 2] < _MISSED[detector]:
        return None
    if detector == "nnd" and not smallest <= size <= largest:
        return None
    left, top = digest[3], digest[4]
    crop = hashlib.shake_128(detector.encode() + b"\0" + data).digest(300)
    return Face((left, top, left + size, top + size), 0.9 + digest[5] / 2560, _JPEG_START + crop + _JPEG_END)


def install_model(directory: Path, name: str, size: int) -> None:
    """Install a model as the vendor's packages would; how theirs look is undocumented."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.cpu.fnk").write_text(json.dumps({"model": name, "facen_size": size}) + "\n")


def model_size(directory: Path, name: str) -> int:
    """Return the facen size, in floats, of an installed model. Raise LookupError where it is not installed."""
    for path in (directory / f"{name}.cpu.fnk", directory / name):
        if path.is_file():
            try:
                return int(json.loads(path.read_text())["facen_size"])
            except (ValueError, KeyError, TypeError):
                if name in findface.MODELS:
                    return findface.MODELS[name]
                raise LookupError(f"{path} is no model file") from None
    raise LookupError(f"model {name} is not installed in {directory}")
