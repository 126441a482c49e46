"""A small lab for the tests of a module, and its parts on their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.lab import site as lab
from ffplay.lab.layout import LabHost, LabOptions, LabSite


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    if not (shutil.which("tarantool") and shutil.which("sshd", path="/usr/sbin:/usr/bin")):
        pytest.skip("needs Tarantool and OpenSSH's server")
    directory = tmp_path_factory.mktemp("lab")
    found = lab.up(LabOptions(hosts=1, shards=2, faces=40, directory=directory))
    try:
        yield found
    finally:
        lab.down(directory)


@pytest.fixture
def database(site: LabSite) -> Iterator[LabHost]:
    """A tntapi host whose shards run and have the size that they were made with, before the test and after it."""
    host = site.databases[0]
    conf = host.root / "etc/tarantool/instances.enabled"
    kept = {path: path.read_text() for path in Path(conf).glob("*.lua")}
    yield host
    for path, text in kept.items():
        path.write_text(text)
        host.systemctl("kill", "-s", "SIGCONT", f"tarantool@{path.stem}")
        host.systemctl("reset-failed", f"tarantool@{path.stem}")
        host.systemctl("start", f"tarantool@{path.stem}")
