"""Paths into SUPER values, such as ``document.sensor.id``, which DuckDB has as paths into JSON."""

from __future__ import annotations

from sqlglot import exp

_COMPARES = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.In)
_TEXTS = (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR, exp.DType.BPCHAR)


def navigate(tree: exp.Expr) -> None:
    """Put what DuckDB knows in the place of paths.

    Args:
        tree: The statement; its names are folded already.
    """
    for column in list(tree.find_all(exp.Column)):
        root, steps = _split(column)
        top: exp.Expr = column
        while isinstance(top.parent, exp.Dot | exp.Bracket) and top.parent.this is top:
            top = top.parent
            steps.append(_step(top))
        if steps and not isinstance(column.this, exp.Star):
            _put(top, root, steps)


def _split(column: exp.Column) -> tuple[exp.Column, list[str]]:
    """The column that a path begins with, and the names behind it."""
    parts = [one for one in column.parts if isinstance(one, exp.Identifier)]
    tables = _sources(column)
    ahead = 0
    if len(parts) > 1 and parts[0].name in {alias for _, alias in tables}:
        ahead = 1
    elif len(parts) > 2 and (parts[0].name, parts[1].name) in tables:
        ahead = 2
    if len(parts) <= ahead + 1:
        return column, []
    root = exp.Column(this=parts[ahead].copy())
    if ahead:
        root.set("table", parts[ahead - 1].copy())
    return root, [f'."{one.name}"' for one in parts[ahead + 1 :]]


def _sources(column: exp.Column) -> set[tuple[str, str]]:
    """The tables that a column may be of, with their schemas and the names that they have here."""
    found: set[tuple[str, str]] = set()
    select = column.find_ancestor(exp.Select, exp.Update, exp.Delete)
    while select is not None:
        for one in select.find_all(exp.Table, exp.Subquery):
            found.add((one.db if isinstance(one, exp.Table) else "", one.alias_or_name))
        select = select.find_ancestor(exp.Select, exp.Update, exp.Delete)
    return found


def _step(node: exp.Expr) -> str:
    if isinstance(node, exp.Dot):
        return f'."{node.expression.name}"'
    (index,) = node.expressions
    return f'."{index.name}"' if isinstance(index, exp.Literal) and index.is_string else f"[{index.name}]"


def _put(top: exp.Expr, root: exp.Column, steps: list[str]) -> None:
    path = exp.Literal.string("$" + "".join(steps))
    parent = top.parent
    to_text = isinstance(parent, exp.Cast) and parent.to.this in _TEXTS
    others = [one for one in parent.iter_expressions() if one is not top] if isinstance(parent, _COMPARES) else []
    with_text = any(isinstance(one, exp.Literal) and one.is_string for one in others)
    with_number = any(isinstance(one, exp.Literal) and not one.is_string for one in others)
    name = "json_extract_string" if to_text or with_text else "json_extract"
    called: exp.Expr = exp.Anonymous(this=name, expressions=[root, path])
    if with_number:
        called = exp.TryCast(this=called, to=exp.DataType.build("DOUBLE"))
    alias = isinstance(parent, exp.Select) and top.arg_key == "expressions"
    last = steps[-1].strip('."')
    top.replace(exp.alias_(called, last, quoted=True) if alias and last.isidentifier() else called)
