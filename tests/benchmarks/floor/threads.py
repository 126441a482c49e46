"""Floor B: the script of floor A through paramiko, a thread a host, in one process with sockets of its own.

Usage: `python threads.py KEY KNOWN_HOSTS USER MODE SIZE PORT HOST=ADDRESS...`.
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko

_SCRIPT = (Path(__file__).parent / "switch.sh").read_bytes()


class Link:
    """A connection to one host, kept until the program ends."""

    def __init__(self, address: str, port: int, user: str, key: paramiko.PKey, known: paramiko.HostKeys) -> None:
        sock = socket.create_connection((address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = paramiko.Transport(sock)
        self._transport.start_client(timeout=60)
        if not known.check(f"[{address}]:{port}", self._transport.get_remote_server_key()):
            raise RuntimeError(f"{address}: another key")
        self._transport.auth_publickey(user, key)

    def run(self, command: str) -> str:
        """Run the script with that command and return what it printed."""
        channel = self._transport.open_session()
        channel.exec_command(command)
        channel.sendall(_SCRIPT)
        channel.shutdown_write()
        out = b"".join(iter(lambda: channel.recv(65536), b""))
        code = channel.recv_exit_status()
        if code:
            raise RuntimeError(f"{command}: exit code {code}: {channel.recv_stderr(65536).decode()}")
        channel.close()
        return out.decode()

    def close(self) -> None:
        self._transport.close()


def main() -> int:
    """Do the job on all hosts."""
    key_file, known_hosts, user, mode, size, port, *places = sys.argv[1:]
    key = paramiko.Ed25519Key.from_private_key_file(key_file)
    known = paramiko.HostKeys(known_hosts)
    hosts = [place.partition("=") for place in places]
    first = hosts[0][0]
    links: dict[str, Link] = {}

    def work(place: tuple[str, str, str]) -> str:
        host, _, address = place
        links[host] = Link(address, int(port), user, key, known)
        return links[host].run(f"sh -s {mode} {size} {'first' if host == first else 'shards'}")

    with ThreadPoolExecutor(64) as pool:
        told = list(pool.map(work, hosts))
    sys.stdout.write("".join(told))
    if mode == "apply" and "copied" not in told[0].splitlines():
        sys.stdout.write(links[first].run(f"sh -s {mode} {size} copy"))
    for link in links.values():
        link.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
