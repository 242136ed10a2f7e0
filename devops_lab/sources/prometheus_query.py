"""PromQL with names bound: ``$service``, ``$step`` and a service's own labels become literals, never pasted text.

A value inside a string is escaped for that string, behind ``=~`` and ``!~`` for the regular expression first; outside
of strings it becomes a string of its own.  ``$step`` is a duration and stands in brackets: ``[$step]``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from devops_lab.errors import UserError

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<double>"(?:\\.|[^"\\])*")
    |(?P<single>'(?:\\.|[^'\\])*')
    |(?P<raw>`[^`]*`)
    |(?P<regex>[=!]~\s*)
    |\$(?P<name>\w+|\{\w+\})""",
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"\$(\w+|\{\w+\})")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def quoted(value: str, quote: str = '"') -> str:
    """Return `value` as a PromQL string: ``a"b`` is ``"a\\"b"``."""
    return f"{quote}{_escaped(value, quote)}{quote}"


def pattern(value: str) -> str:
    """Return a regular expression (RE2) that matches `value` and nothing else."""
    return _SPECIAL.sub(r"\\\g<0>", value)


def bind(query: str, step: int, values: Mapping[str, str]) -> str:
    """Return `query` with ``$step`` (in seconds) and the names of `values` bound.

    A ``$`` in a string that begins no known name stays: regular expressions end with it.

    Errors: UserError for an unknown name outside of a string, and for a value that a string in backquotes cannot hold.
    """
    parts: list[str] = []
    position, is_pattern = 0, -1
    for match in _TOKEN.finditer(query):
        parts.append(query[position : match.start()])
        parts.append(_bound(match, step, values, is_pattern == match.start()))
        position = match.end()
        is_pattern = match.end() if match.lastgroup == "regex" else -1
    return "".join(parts) + query[position:]


def _bound(match: re.Match[str], step: int, values: Mapping[str, str], is_pattern: bool) -> str:
    text = match[0]
    if match.lastgroup in ("double", "single", "raw"):
        return _NAME.sub(lambda name: _inside(name, text[0], step, values, is_pattern), text)
    if match.lastgroup != "name":
        return text
    name = match["name"].strip("{}")
    if name == "step":
        return f"{step}s"
    if name not in values:
        known = ["step", *values]
        near = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean ${near[0]}?" if near else f"there are {', '.join('$' + one for one in known)}"
        raise UserError(f"the query {match.string!r} uses ${name}, which is no name here; {meant}")
    return quoted(pattern(values[name]) if is_pattern else values[name])


def _inside(name: re.Match[str], quote: str, step: int, values: Mapping[str, str], is_pattern: bool) -> str:
    key = name[1].strip("{}")
    if key == "step":
        return f"{step}s"
    if key not in values:
        return name[0]
    value = pattern(values[key]) if is_pattern else values[key]
    if quote != "`":
        return _escaped(value, quote)
    if _CONTROL.search(value) or "`" in value:
        raise UserError(f"${key} = {values[key]!r} cannot stand in a string in backquotes; write it in double quotes")
    return value


def _escaped(value: str, quote: str) -> str:
    return _CONTROL.sub(_control, value.replace("\\", "\\\\").replace(quote, f"\\{quote}"))


def _control(match: re.Match[str]) -> str:
    number = ord(match[0])
    return "\\ufffd" if 0xD800 <= number <= 0xDFFF else f"\\u{number:04x}"
