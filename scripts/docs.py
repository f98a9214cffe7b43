"""Write the generated parts of the READMEs: tables of arguments and attributes, from signatures and docstrings.

A generated part stands between ``<!-- arguments: module.Class -->`` (or ``attributes``) and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import cache
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "constructs"
PART = re.compile(r"(<!-- (arguments|attributes): ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(text: str) -> str:
    """Return a README with its generated parts as they should be.

    Args:
        text: The README.
    """
    return PART.sub(lambda match: f"{match[1]}{table(match[2], match[3])}{match[4]}", text)


def table(kind: str, path: str) -> str:
    """Return a table of the arguments or attributes of a class.

    Args:
        kind: ``arguments`` or ``attributes``.
        path: Module and class inside ``cdk_refarch``.

    Raises:
        ValueError: If an argument has no description, or a description no argument.
    """
    cls = _package()[path]
    if not isinstance(cls, griffe.Class):
        raise ValueError(f"{path} must be a class, got {type(cls).__name__}; mend the comment in the README")
    described = {
        item.name: " ".join(str(item.description).split())
        for section in (cls.docstring.parsed if cls.docstring else [])
        if section.kind.value == {"arguments": "parameters", "attributes": "attributes"}[kind]
        for item in section.value
    }
    if kind == "attributes":
        rows = [f"| `{name}` | {_cell(text)} |" for name, text in described.items()]
        return "\n".join(["| attribute | what it is |", "|---|---|", *rows, ""])
    # Every construct has these; the id of a value is one of its own.
    common = {"self", "scope", "id"} if any(one.name == "scope" for one in cls.parameters) else {"self"}
    parameters = [one for one in cls.parameters if one.name not in common]
    names = [one.name for one in parameters]
    if sorted(names) != sorted(set(described) - common):
        raise ValueError(
            f"{path} must describe exactly its arguments, got {sorted(set(described) ^ set(names))}; mend Args:"
        )
    rows = []
    for one in parameters:
        default = "required" if one.default is None else f"`{one.default}`"
        rows.append(f"| `{one.name}` | `{_cell(str(one.annotation))}` | {default} | {_cell(described[one.name])} |")
    return "\n".join(["| argument | type | default | meaning |", "|---|---|---|---|", *rows, ""])


@cache
def _package() -> griffe.Object | griffe.Alias:
    """Read the sources, once for all tables."""
    return griffe.load("cdk_refarch", search_paths=[str(SOURCE)], docstring_parser="google")


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def readmes() -> list[Path]:
    """Return all READMEs that may have generated parts."""
    return [ROOT / "README.md", *sorted(SOURCE.glob("cdk_refarch/*/README.md"))]


def main() -> None:
    """Write the READMEs anew, or only check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a README is out of date")
    check = parser.parse_args().check
    stale = []
    for readme in readmes():
        text = readme.read_text()
        fresh = rendered(text)
        if fresh != text:
            stale.append(str(readme.relative_to(ROOT)))
            if not check:
                readme.write_text(fresh)
    if stale and check:
        sys.exit(f"error: {', '.join(stale)} out of date; run make docs")
    print(f"{'wrote' if stale else 'up to date:'} {', '.join(stale) or 'all READMEs'}")


if __name__ == "__main__":
    main()
