from __future__ import annotations

import pytest

from ffplay.engine.discover.seeds import Reach, Seed, reached, seeds_of
from ffplay.errors import InputError


@pytest.mark.parametrize(
    ("word", "seed"),
    [
        ("app1", Seed("app1", "app1")),
        ("10.0.0.5", Seed("10.0.0.5", "10.0.0.5")),
        ("db1=10.0.0.11", Seed("db1", "10.0.0.11")),
        ("deploy@db.example.net:2222", Seed("db.example.net", "db.example.net", 2222, "deploy")),
        ("db1=ann@10.0.0.11:22", Seed("db1", "10.0.0.11", 22, "ann")),
        ("six=[fd00::2]:2222", Seed("six", "fd00::2", 2222)),
        ("six=fd00::2", Seed("six", "fd00::2")),
    ],
)
def test_a_host_is_given_as_for_ssh_and_may_have_a_name(word: str, seed: Seed) -> None:
    assert seeds_of([word]) == (seed,)
    (host,) = reached([seed], Reach({"ansible_user": "deploy"})).site.hosts
    assert (host.name, host.login.address, host.login.port) == (seed.name, seed.address, seed.port)
    assert host.login.user == (seed.user or "deploy")


def test_every_wrong_host_is_told() -> None:
    with pytest.raises(InputError) as caught:
        seeds_of(["@db1", "db1:ssh", "=10.0.0.1", "a b", "app1", "app1=10.0.0.5"])
    assert [finding.message for finding in caught.value.findings] == [
        "`@db1` names no host",
        "`db1:ssh` names no host",
        "`=10.0.0.1` names no host",
        "`a b` names no host",
        "two hosts are called `app1`",
    ]
