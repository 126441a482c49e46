"""One line of a text, present or absent, with the meaning that Ansible's lineinfile gives to its parameters."""

from __future__ import annotations

import re

from ffplay.edit.base import error_at, newline_of


def set_line(
    text: str,
    line: str | None,
    regexp: str | None = None,
    insertafter: str | None = None,
    insertbefore: str | None = None,
    state: str = "present",
) -> str:
    """Return the text with the line in it (`present`) or without it (`absent`).

    The last line that `regexp` matches is replaced. Where none matches, a line that is there already stays as it is;
    otherwise the line is put behind the last match of `insertafter` (default and fallback: EOF), or before the last
    match of `insertbefore`; `EOF` and `BOF` name the ends. Absent: every line that `regexp` matches goes, or every line
    equal to `line`. Line ends stay as they are; expressions see a line without its end.
    """
    rows = re.findall(r"[^\n]*\n|[^\n]+", text)
    pattern = _compile(regexp)
    if state == "absent":
        return "".join(row for row in rows if not _matches(row, line, pattern))
    if line is None or "\n" in line or "\r" in line:
        raise error_at(line or "", 0, "exactly one line of text is needed")
    found = [index for index, row in enumerate(rows) if pattern and pattern.search(_body(row))]
    if found:
        rows[found[-1]] = line + rows[found[-1]][len(_body(rows[found[-1]])) :]
    elif line not in map(_body, rows):
        _insert(rows, line, newline_of(text), insertafter, insertbefore)
    return "".join(rows)


def _insert(rows: list[str], line: str, newline: str, insertafter: str | None, insertbefore: str | None) -> None:
    """Put the line where it belongs among rows that do not have it."""
    if "BOF" in (insertafter, insertbefore):
        rows.insert(0, line + newline)
        return
    pattern = _compile(insertafter if insertafter is not None else insertbefore)
    found = [index for index, row in enumerate(rows) if pattern and pattern.search(_body(row))]
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += newline
    if not found or insertafter == "EOF":
        rows.append(line + newline)
    else:
        rows.insert(found[-1] + (insertafter is not None), line + newline)


def _body(row: str) -> str:
    return row.rstrip("\r\n")


def _matches(row: str, line: str | None, pattern: re.Pattern[str] | None) -> bool:
    return bool(pattern.search(_body(row))) if pattern else _body(row) == line


def _compile(expression: str | None) -> re.Pattern[str] | None:
    try:
        return None if expression is None else re.compile(expression)
    except re.error as error:
        message = f"not a regular expression: {error}"
        raise error_at(expression or "", error.pos or 0, message) from error
