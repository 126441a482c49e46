"""A stand-in for findface-build-index: makes an index file of a preindex that a shard has saved."""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

# Both files: magic, facen size, number of faces. The preindex then has (id, facen) of each face, the index the ids.
_HEADER = struct.Struct("<8sII")
_PREINDEX, _INDEX = b"FFPREIX1", b"FFINDEX1"
_ID_BYTES, _FLOAT_BYTES = 8, 4


def build(source: Path, facen_size: int, out: Path) -> int:
    """Write the index of a preindex; return its number of faces. Raise ValueError where the preindex is not right."""
    data = source.read_bytes()
    if len(data) < _HEADER.size:
        raise ValueError(f"{source} is not a preindex")
    magic, size, faces = _HEADER.unpack_from(data)
    if magic != _PREINDEX:
        raise ValueError(f"{source} is not a preindex")
    if size != facen_size:
        raise ValueError(f"{source} has facen size {size}, not {facen_size}")
    stride = _ID_BYTES + size * _FLOAT_BYTES
    if len(data) != _HEADER.size + faces * stride:
        raise ValueError(f"{source} is cut short")
    ids = (data[at : at + _ID_BYTES] for at in range(_HEADER.size, len(data), stride))
    new = out.with_name(f"{out.name}.new")
    new.write_bytes(_HEADER.pack(_INDEX, size, faces) + b"".join(ids))
    new.replace(out)
    return int(faces)


def main() -> None:
    """Build an index as the vendor's tool is documented to be called."""
    parser = argparse.ArgumentParser(prog="findface-build-index", allow_abbrev=False)
    parser.add_argument("--input", type=Path, required=True, help="preindex that a shard saved")
    parser.add_argument("--facen_size", type=int, required=True, help="floats of a facen")
    parser.add_argument("--out", type=Path, required=True, help="index file to write")
    given = parser.parse_args()
    if given.out.suffix != ".idx":
        parser.error(f"--out must end in .idx: {given.out}")
    try:
        faces = build(given.input, given.facen_size, given.out)
    except (OSError, ValueError) as error:
        parser.exit(1, f"findface-build-index: {error}\n")
    print(f"{faces} faces indexed")


if __name__ == "__main__":
    main()
