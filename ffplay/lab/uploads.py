"""A stand-in for findface-upload: serves the uploads, and takes new ones by PUT."""

from __future__ import annotations

import argparse
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_PREFIX = "/uploads/"


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        """Map `/uploads/NAME` to the file."""
        return super().translate_path("/" + path.removeprefix(_PREFIX))

    def do_PUT(self) -> None:
        """Store the body as the file; it appears whole or not at all."""
        target = Path(self.translate_path(self.path))
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        new.write_bytes(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        new.replace(target)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bind", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True)
    given = parser.parse_args()
    handler = functools.partial(_Handler, directory=given.directory)
    ThreadingHTTPServer((given.bind, given.port), handler).serve_forever()


if __name__ == "__main__":
    main()
