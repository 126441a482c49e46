"""Read findface-facenapi.ini as facenapi and the vendor's tools do: it is Python source, `name = value` lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Return the names that the file sets. Raise whatever its execution raises."""
    namespace: dict[str, Any] = {}
    exec(compile(path.read_bytes(), str(path), "exec"), namespace)
    namespace.pop("__builtins__", None)
    return namespace
