"""The table of the record as DynamoDB keeps it, for the expressions that the response uses and no others."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.aws import FakeError

Item = dict[str, dict[str, Any]]

EXISTS = "attribute_exists(pk) AND ("

ATOM = re.compile(r"attribute_not_exists\((#\w+)\)|(#\w+) (=|<>|<) (:\w+)")


class RecordTable:
    """Items by their key; every write must name what is reserved.

    Attributes:
        items: The items by ``pk``.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def get(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"TableName": "Record", "Key": given["Key"], "ConsistentRead": True}
        item = self.items.get(self._key(given))
        return {} if item is None else {"Item": dict(item)}

    def update(self, given: dict[str, Any]) -> dict[str, Any]:
        key = self._key(given)
        item = self.items.get(key, {})
        if not self._holds(given["ConditionExpression"], item, given):
            raise FakeError("ConditionalCheckFailedException")
        names, values = given["ExpressionAttributeNames"], given["ExpressionAttributeValues"]
        parts = re.fullmatch(r"SET (.+?)(?: REMOVE (.+))?", given["UpdateExpression"])
        assert parts is not None
        made = dict(item)
        for name, value in (one.split(" = ") for one in parts[1].split(", ")):
            made[names[name]] = values[value]
        for name in (parts[2] or "").split(", ") if parts[2] else []:
            made.pop(names[name], None)
        used = set(re.findall(r"[#:]\w+", f"{given['UpdateExpression']} {given['ConditionExpression']}"))
        assert used == {*names, *values}, "DynamoDB refuses names and values that no expression uses"
        self.items[key] = made
        return {"Attributes": dict(item)} if given.get("ReturnValues") == "ALL_OLD" else {}

    def _holds(self, condition: str, item: Item, given: dict[str, Any]) -> bool:
        if condition.startswith(EXISTS):
            return bool(item) and self._holds(condition.removeprefix(EXISTS).removesuffix(")"), item, given)
        if " AND " in condition:
            return all(self._holds(part, item, given) for part in condition.split(" AND "))
        return any(self._atom(atom, item, given) for atom in condition.split(" OR "))

    def _atom(self, text: str, item: Item, given: dict[str, Any]) -> bool:
        found = ATOM.fullmatch(text)
        assert found is not None, text
        names, values = given["ExpressionAttributeNames"], given["ExpressionAttributeValues"]
        if found[1]:
            return names[found[1]] not in item
        there, wanted = item.get(names[found[2]]), values[found[4]]
        if found[3] == "=":
            return bool(there == wanted)
        if found[3] == "<>":
            return bool(there != wanted)
        return there is not None and int(there["N"]) < int(wanted["N"])

    def _key(self, given: dict[str, Any]) -> str:
        assert given["TableName"] == "Record"
        assert given["Key"]["sk"] == {"S": "finding"}
        key: str = given["Key"]["pk"]["S"]
        return key
