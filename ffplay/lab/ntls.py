"""A stand-in for the licence server: it answers on its ports, and every question with a licence."""

from __future__ import annotations

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LICENCE = {"name": "ntls", "type": "offline", "products": [{"name": "FindFace Enterprise Server SDK", "valid": True}]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the licence."""
        body = json.dumps(_LICENCE).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bind", required=True)
    parser.add_argument("--ports", type=int, nargs="+", required=True)
    given = parser.parse_args()
    servers = [ThreadingHTTPServer((given.bind, port), _Handler) for port in given.ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
