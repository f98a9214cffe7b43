"""Commits as Git writes them, read as far as their form lets one."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PERSON = re.compile(r"^(?P<name>.*?) ?<(?P<email>[^>]*)> ?(?P<moment>-?\d+)? ?(?P<zone>[+-]\d{4})?")


@dataclass(frozen=True)
class Person:
    """Who made a commit.

    Attributes:
        name: The name.
        email: The email address.
        moment: When, in seconds since 1970.
        zone: The time zone, such as ``+0000``.
    """

    name: str
    email: str
    moment: int
    zone: str = "+0000"


@dataclass(frozen=True)
class Commit:
    """A commit.

    Attributes:
        id: Its hash.
        tree: The hash of its tree.
        parents: The hashes of the commits before it.
        author: Who wrote it.
        committer: Who committed it.
        message: What its author says.
        other: What else its head has, such as a signature.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str
    other: str = ""


def parsed(id: str, content: bytes) -> Commit:
    """Read a commit.

    Args:
        id: Its hash.
        content: Its object.
    """
    head, _, message = content.decode(errors="replace").partition("\n\n")
    known: dict[str, list[str]] = {name: [] for name in ("tree", "parent", "author", "committer")}
    other: list[str] = []
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        known[name].append(value) if name in known else other.append(line)
    people = [_person("".join(known[name][:1])) for name in ("author", "committer")]
    return Commit(id, known["tree"][0], tuple(known["parent"]), people[0], people[1], message, "\n".join(other))


def _person(text: str) -> Person:
    found = _PERSON.match(text)
    if found is None:
        return Person(text, "", 0)
    return Person(found["name"], found["email"], int(found["moment"] or 0), found["zone"] or "+0000")
