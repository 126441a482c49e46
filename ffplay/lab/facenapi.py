"""A stand-in for findface-facenapi: `python -m ffplay.lab.facenapi --config INI`. It reads its ini and answers."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import Any

from ffplay import findface
from ffplay.lab import facenapi_ini, http_server
from ffplay.lab.http_server import Request, Response


def answer(request: Request) -> Response:
    """Answer that the API is there; none of its methods is."""
    if request.path == "/" and request.method == "GET":
        return Response(200, {"name": "findface-facenapi", "api": ["v0"]})
    return Response(404, {"code": "NOT_FOUND", "reason": f"no such method: {request.method} {request.path}"})


def _read(path: Path) -> dict[str, Any] | None:
    """Return the ini's settings, or None, with the reason on standard error, where facenapi does not start on them."""
    try:
        settings = facenapi_ini.read(path)
    except Exception:  # noqa: BLE001 - it is a program: it can raise anything
        traceback.print_exc()
        return None
    detector = settings.get("detector", "nnd")
    if detector not in findface.DETECTORS:
        print(f"findface-facenapi: {path}: unknown detector: {detector!r}", file=sys.stderr)
        return None
    return settings


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; return 1 where the ini cannot be used."""
    parser = argparse.ArgumentParser(prog="findface-facenapi", description="The lab's facenapi.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args(argv)
    if _read(args.config) is None:
        return 1
    return http_server.run("findface-facenapi", (args.bind, args.port), answer)


if __name__ == "__main__":
    sys.exit(main())
