"""Canaries: secrets of every source are put to use on a host, and then looked for everywhere but there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay.load.vault import encrypt

VAULTED, ENVIRONMENT, FILE, PIPE, NAMED, CHOSEN, UNHEARD, FORMER = CANARIES = (
    "cAnary-vault-'q\"\\",
    "cAnary-environment",
    "cAnary-file",
    "cAnary-pipe",
    "cAnary-named",
    "cAnary-no-log",
    "cAnary-of-the-host",
    "cAnary-former",
)
KEY = "-----BEGIN KEY-----\ncAnaryMIIEowIBAAKCAQEA\ncAnaryu1SU1LfVLPHCozMx\n-----END KEY-----\n"

PLAYBOOK = """
- name: Canaries
  hosts: here
  vars:
    environment_one: "{{ lookup('env', 'CANARY') }}"
    file_one: "{{ lookup('file', 'one.txt') }}"
    pipe_one: "{{ lookup('pipe', './tool show ' ~ inventory_hostname) }}"
    api_token: cAnary-named
    chosen: cAnary-no-log
  steps:
    - name: Configure
      copy_file:
        dest: HOST/site.conf
        mode: "0600"
        content: |
          user = admin
          password = {{ vaulted }}
          url = http://u:{{ environment_one | urlencode }}@10.0.0.1/
    - template_file: {src: all.j2, dest: HOST/all.conf}
    - copy_file: {src: key.pem, dest: HOST/key.pem}
    - set_value: {path: HOST/app.yml, key: db.password, value: "{{ vaulted }}"}
    - line_in_file: {path: HOST/lines, line: "token={{ api_token }}"}
    - command:
        cmd: "printf %s '{{ pipe_one }}' > ran; sleep 0.5; echo said {{ pipe_one }}"
        chdir: HOST
        unless: "[ -e ran ] && grep -q {{ pipe_one }} ran"
      register: said
    - name: Long
      tags: long
      command: {cmd: "printf %s {{ file_one }} > detached; sleep 0.5", chdir: HOST, detach: true}
    - debug: {msg: "{{ vaulted }} {{ said.stdout }} {{ [file_one, {'a': api_token}] }}"}
    - name: Quiet
      command: {cmd: "echo {{ chosen }} > quiet; cat remote; [ ! -e fail-quietly ]", chdir: HOST}
      no_log: true
      register: quiet
    - command: {cmd: "echo {{ quiet.stdout | upper }} > upper", chdir: HOST}
    - debug: {msg: "{{ quiet.stdout }}"}
    - command: {cmd: "if [ -e fail ]; then echo {{ vaulted | quote }} no >&2; exit 3; fi", chdir: HOST}
"""
TEMPLATE = """{% for name in ['a', 'b'] %}
{{ name }} = {{ (name ~ ':' ~ environment_one) | b64encode }}
{% endfor %}
hash = {{ vaulted | hash('sha256') }}
upper = {{ file_one | upper }}
list = {{ [pipe_one] }}
"""


class Site:
    """A site of this machine alone, in a folder; `host` is where its files are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, folder / "host"
        for path in (self.host, folder / "group_vars", folder / "files", folder / "templates"):
            path.mkdir()
        inventory = {"hosts": {"here": {"ansible_connection": "local", "state_dir": str(folder / "state")}}}
        (folder / "site.yml").write_text(json.dumps({"all": inventory}))
        sealed = encrypt(json.dumps({"vaulted": VAULTED}).encode(), b"sesame", bytes(32), "site")
        (folder / "group_vars/all.yml").write_text(sealed)
        (folder / "files/key.pem").write_text(encrypt(KEY.encode(), b"sesame", bytes(32)))
        (folder / "files/one.txt").write_text(f"{FILE}\n")
        (folder / "templates/all.j2").write_text(TEMPLATE)
        (folder / "sesame").write_text("sesame\n")
        (folder / "tool").write_text(f"#!/bin/sh\necho {PIPE}\n")
        (folder / "tool").chmod(0o755)
        (folder / "play.yml").write_text(PLAYBOOK.replace("HOST", str(self.host)))
        (self.host / "site.conf").write_text(f"user = admin\npassword = {FORMER}\n")
        (self.host / "app.yml").write_text("db: {user: a}\n")
        (self.host / "lines").write_text("one\n")
        (self.host / "remote").write_text(f"{UNHEARD}\n")

    def ffplay(self, *words: str, code: int = 0) -> str:
        """Return all that a command wrote."""
        inventory = ["-i", "site.yml"] if "saved.ffplan" not in words or "-o" in words else []
        given = [*inventory, "--vault-id", "site@sesame"]
        environment = {**os.environ, "CANARY": ENVIRONMENT, "XDG_STATE_HOME": str(self.folder / "mine")}
        done = subprocess.run(
            [sys.executable, "-m", "ffplay", *words, *given],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{words}: {said}"
        return said


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def needles(value: str) -> Iterator[str]:
    """Yield what gives a canary away."""
    yield from (value, value.upper(), json.dumps(value)[1:-1], value.replace("'", "''"), value.replace("'", "'\"'\"'"))
    for before in ("", "a", "ab"):
        coded = base64.b64encode(f"{before}{value}".encode()).decode()
        yield coded[4:-4]


def assert_quiet(where: str, text: str, but: tuple[str, ...] = ()) -> None:
    for value in (*(one for one in CANARIES if one not in but), "cAnaryMIIE", "cAnaryu1SU1"):
        for needle in needles(value):
            at = text.find(needle)
            assert at < 0, f"{where} gives {value} away: {text[max(0, at - 200) : at + 100]}"


class Watch:
    """Reads every process's arguments until it is told to end."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.is_set():
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    try:
                        self.seen.add(Path(entry.path, "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue


def test_secrets_reach_their_files_and_nothing_else(site: Site) -> None:
    for words in (("validate", "play.yml"), ("plan", "play.yml"), ("plan", "play.yml", "-vvv"), ("lint", "play.yml")):
        assert_quiet(" ".join(words), site.ffplay(*words, code=8 if words[0] == "lint" else 0))
    assert_quiet("plan --json", site.ffplay("plan", "play.yml", "--json"))
    plan = site.ffplay("plan", "play.yml", "--diff=full")
    assert "+password = <secret vaulted>" in plan
    assert "-password = <secret, as it was>" in plan
    assert " user = admin" in plan
    with Watch() as watch:
        applied = site.ffplay("apply", "play.yml", "--yes", "-vvv")
    assert_quiet("apply", applied)
    assert any("ffplay" in words for words in watch.seen), "the watch saw nothing"
    # What the playbook itself makes an argument of a program is its author's: `grep -q SECRET`.
    assert_quiet("a process list", "\n".join(words for words in watch.seen if not words.startswith("grep")))

    conf = (site.host / "site.conf").read_text()
    assert conf == f"user = admin\npassword = {VAULTED}\nurl = http://u:{ENVIRONMENT}@10.0.0.1/\n"
    assert (site.host / "key.pem").read_text() == KEY
    assert (site.host / "ran").read_text() == PIPE
    assert (site.host / "detached").read_text() == FILE
    assert (site.host / "quiet").read_text() == f"{CHOSEN}\n"
    assert (site.host / "upper").read_text() == f"{UNHEARD.upper()}\n"
    assert f"list = ['{PIPE}']" in (site.host / "all.conf").read_text()

    assert_journals(site)
    run = json.loads(site.ffplay("runs", "--json"))["runs"][-1]["run"]
    for words in (("show", run), ("show", run, "-vvv"), ("show", run, "--json"), ("status",), ("runs", "--json")):
        assert_quiet(" ".join(words), site.ffplay(*words))


def assert_journals(site: Site) -> None:
    for path in (path for path in (site.folder / "mine").rglob("*") if path.is_file()):
        assert_quiet(str(path), path.read_text())
    hidden = 0
    for path in (path for path in (site.folder / "state").rglob("*") if path.is_file() and "/jobs/" not in str(path)):
        for line in path.read_text().splitlines():
            body = json.loads(line) if line.startswith("{") else {}
            # What a rollback puts back, and what a step behind needs of a command that is not run again.
            kept = [body.pop(name, None) for name in ("before", "out", "err")]
            hidden += FORMER in json.dumps(kept)
            assert_quiet(str(path), json.dumps(body) if body else line)
        assert "/runs/" not in str(path) or path.parent.stat().st_mode & 0o077 == 0
    assert hidden == 1, "the former password, which a rollback puts back, is not in the journal"


def test_a_rollback_puts_a_former_secret_back_and_does_not_show_it(site: Site) -> None:
    assert_quiet("plan -o", site.ffplay("plan", "play.yml", "--skip-tags", "long", "-o", "saved.ffplan"))
    saved = (site.folder / "saved.ffplan").read_text()
    assert "+password = <secret vaulted>" in saved
    assert_quiet("a plan file", saved)
    for more in ((), ("--json",)):
        assert_quiet("show", site.ffplay("show", "saved.ffplan", *more))
    assert_quiet("apply", site.ffplay("apply", "saved.ffplan", "--yes", "-vvv"))
    assert_quiet("rollback --check", site.ffplay("rollback", "--check", "-vvv"))
    assert_quiet("rollback", site.ffplay("rollback", "--yes", "-vvv"))
    assert (site.host / "site.conf").read_text() == f"user = admin\npassword = {FORMER}\n"


@pytest.mark.parametrize("flag", ["fail", "fail-quietly"])
def test_a_failure_tells_no_secret_and_the_next_run_goes_on(site: Site, flag: str) -> None:
    (site.host / flag).touch()
    for more in ((), ("--json",), ("-vvv",)):
        assert_quiet("apply", site.ffplay("apply", "play.yml", "--yes", *more, code=2))
    assert_quiet("apply", said := site.ffplay("apply", "play.yml", "--yes", code=2))
    assert "was done by run" in site.ffplay("plan", "play.yml"), said
    (site.host / flag).unlink()
    assert_quiet("apply", site.ffplay("apply", "play.yml", "--yes"))


def test_findings_and_inventories_tell_no_secret(site: Site) -> None:
    for words in (
        ("inventory", "--list"),
        ("inventory", "--host", "here"),
        ("inventory", "--host", "here", "--explain", "vaulted"),
        ("inventory", "--graph", "--vars"),
    ):
        assert_quiet(" ".join(words), site.ffplay(*words))
    wrong = site.folder / "wrong.yml"
    wrong.write_text(
        "- hosts: here\n  steps:\n    - wait_for: {port: '{{ vaulted }}'}\n"
        "    - debug: {msg: '{{ vaulted.nothing }} {{ vaulted | nofilter }}'}\n"
        "    - copy_file: {dest: '{{ vaulted }}', content: x}\n    - debug: {msg: '{{ [vaulted] | int(1, 2, 3) }}'}\n"
    )
    said = site.ffplay("validate", "wrong.yml", code=3)
    assert said.count("error: wrong.yml:") == 4
    assert_quiet("findings", said)
