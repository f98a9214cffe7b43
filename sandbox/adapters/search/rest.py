"""The REST interface of a domain or a collection: which path does what, and what it asks of the caller for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .indices import Cluster, Index, Problem
from .requests import Answer, Guard, Record, Request

Route = tuple[str, re.Pattern[str], Callable[["Rest", "Request"], Answer]]
_OPERATIONS = ("create", "delete", "index", "update")


class Rest:
    """Answers requests.

    Args:
        cluster: The indices.
        guard: What the caller may do.
        name: The name of the domain or the collection.
    """

    def __init__(self, cluster: Cluster, guard: Guard, name: str) -> None:
        self._cluster, self._guard, self._name = cluster, guard, name

    def answer(self, request: Request) -> Answer:
        """Answer a request.

        Args:
            request: The request.
        """
        path = request.path.strip("/")
        for methods, pattern, operation in _ROUTES:
            found = pattern.fullmatch(path)
            if found and request.method in methods.split():
                labelled = Request(request.method, path, request.query, request.body, found.groupdict())
                try:
                    with self._cluster.lock:
                        return operation(self, labelled)
                except Problem as problem:
                    return problem.status, problem.answer()
        return 400, {"error": f"no handler found for uri [/{path}] and method [{request.method}]"}

    def info(self, request: Request) -> Answer:
        """Who is there."""
        self._guard.cluster("cluster:monitor/main")
        version = {"distribution": "opensearch", "number": "2.19.0"}
        return 200, {"name": self._name, "cluster_name": self._name, "version": version}

    def health(self, request: Request) -> Answer:
        """How the cluster is."""
        self._guard.cluster("cluster:monitor/health")
        return 200, {"cluster_name": self._name, "status": "green", "timed_out": False}

    def cat(self, request: Request) -> Answer:
        """The indices, a line each."""
        self._guard.cluster("cluster:monitor/state")
        found = sorted(self._cluster.indices.values(), key=lambda one: one.name)
        rows = [
            {"health": "green", "status": "open", "index": one.name, "docs.count": str(len(one.documents))}
            for one in found
        ]
        if request.query.get("format") == "json":
            return 200, rows
        return 200, "".join(f"green open {row['index']} {row['docs.count']}\n" for row in rows)

    def read_index(self, request: Request) -> Answer:
        """What an index is made of."""
        part = request.of("part").removeprefix("_")
        action = {"mapping": "mappings/get", "settings": "settings/get"}.get(part, "get")
        found: Record = {}
        for one in self._cluster.resolved(request.of("index")):
            self._guard.index(f"indices:{'monitor' if part == 'settings' else 'admin'}/{action}", one.name)
            parts = {"aliases": one.aliases, "mappings": one.mapping, "settings": {"index": one.settings}}
            only = {"mapping": ["mappings"], "settings": ["settings"]}.get(part, list(parts))
            found[one.name] = {name: parts[name] for name in only}
        return 200, found

    def make_index(self, request: Request) -> Answer:
        """Make an index."""
        name = request.of("index")
        self._guard.index("indices:admin/create", name)
        self._cluster.create(name, request.json())
        return 200, {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def map_index(self, request: Request) -> Answer:
        """Add fields to an index."""
        for one in self._cluster.resolved(request.of("index")):
            self._guard.index("indices:admin/mapping/put", one.name)
            for name, given in request.json().get("properties", {}).items():
                known = one.mapping["properties"].get(name, {}).get("type")
                if known and given.get("type") != known:
                    text = f"mapper [{name}] cannot be changed from type [{known}] to [{given.get('type')}]"
                    raise Problem(400, "illegal_argument_exception", text)
                one.mapping["properties"][name] = given
        return 200, {"acknowledged": True}

    def drop_index(self, request: Request) -> Answer:
        """Delete indices."""
        for one in self._cluster.resolved(request.of("index")):
            self._guard.index("indices:admin/delete", one.name)
            del self._cluster.indices[one.name]
        return 200, {"acknowledged": True}

    def refresh(self, request: Request) -> Answer:
        """Nothing: documents can be found at once."""
        for one in self._cluster.resolved(request.of("index")):
            self._guard.index("indices:admin/refresh", one.name)
        return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}

    def template(self, request: Request) -> Answer:
        """Put, read or delete a template for indices."""
        name, what = request.of("name"), {"DELETE": "delete", "PUT": "put", "POST": "put"}.get(request.method, "get")
        self._guard.cluster(
            f"indices:admin/{'index_template' if request.path.startswith('_index') else 'template'}/{what}"
        )
        if what == "put":
            given = request.json()
            if not given.get("index_patterns"):
                raise Problem(
                    400, "action_request_validation_exception", "Validation Failed: 1: index patterns are missing;"
                )
            self._cluster.templates[name] = given
            return 200, {"acknowledged": True}
        if name not in self._cluster.templates:
            text = f"index_template matching [{name}] not found"
            raise Problem(404, "resource_not_found_exception", text)
        if what == "delete":
            del self._cluster.templates[name]
            return 200, {"acknowledged": True}
        return 200, {"index_templates": [{"name": name, "index_template": self._cluster.templates[name]}]}

    def write(self, request: Request) -> Answer:
        """Store a document."""
        name, id = request.of("index"), request.of("id") or None
        self._guard.index("indices:data/write/index", name)
        create = request.of("verb") == "_create" or request.query.get("op_type") == "create"
        done = self._index(name).put(id, request.json(), create=create)
        return 201 if done["result"] == "created" else 200, done

    def read(self, request: Request) -> Answer:
        """Read a document."""
        name, id = request.of("index"), request.of("id")
        self._guard.index("indices:data/read/get", name)
        (index,) = self._cluster.resolved(name)
        if id not in index.documents:
            return 404, {"_index": index.name, "_id": id, "found": False}
        version, source = index.documents[id]
        return 200, {"_index": index.name, "_id": id, "_version": version, "found": True, "_source": source}

    def remove(self, request: Request) -> Answer:
        """Delete a document."""
        name = request.of("index")
        self._guard.index("indices:data/write/delete", name)
        (index,) = self._cluster.resolved(name)
        done = index.remove(request.of("id"))
        return 200 if done["result"] == "deleted" else 404, done

    def search(self, request: Request) -> Answer:
        """Search."""
        given = request.json()
        given |= {name: int(request.query[name]) for name in ("from", "size") if name in request.query}
        missing = request.query.get("ignore_unavailable") == "true"
        self._must_read(request, "indices:data/read/search", missing)
        return 200, self._cluster.search(request.of("index"), given, missing=missing)

    def count(self, request: Request) -> Answer:
        """Count."""
        missing = request.query.get("ignore_unavailable") == "true"
        self._must_read(request, "indices:data/read/search", missing)
        found = self._cluster.found(request.of("index"), request.json(), missing=missing)
        return 200, {"count": len(found), "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}}

    def _must_read(self, request: Request, action: str, missing: bool) -> None:
        for part in (request.of("index") or "*").split(","):
            if "*" not in part and part not in self._cluster.indices:
                self._guard.index(action, part)
        for one in self._cluster.resolved(request.of("index"), missing=missing):
            self._guard.index(action, one.name)

    def bulk(self, request: Request) -> Answer:
        """Store and delete documents, each for itself."""
        if not request.body.endswith(b"\n"):
            text = "The bulk request must be terminated by a newline [\\n]"
            raise Problem(400, "illegal_argument_exception", text)
        self._guard.cluster("indices:data/write/bulk")
        lines = [line for line in request.body.split(b"\n") if line.strip()]
        items: list[Record] = []
        while lines:
            head = _parsed(lines.pop(0))
            if not isinstance(head, dict) or len(head) != 1 or next(iter(head)) not in _OPERATIONS:
                text = f"Malformed action/metadata line [{len(items) + 1}], expected START_OBJECT or END_OBJECT"
                raise Problem(400, "illegal_argument_exception", text)
            ((kind, given),) = head.items()
            source = _parsed(lines.pop(0)) if kind != "delete" and lines else None
            name = given.get("_index") or request.of("index")
            items.append({kind: self._item(kind, name, given.get("_id"), source)})
        failed = any("error" in item for one in items for item in one.values())
        return 200, {"took": 1, "errors": failed, "items": items}

    def _item(self, kind: str, name: str, id: str | None, source: Any) -> Record:
        try:
            if id is not None and not self._guard.identified:
                text = "Document ID is not supported in create/index operation request"
                raise Problem(400, "illegal_argument_exception", text)
            self._guard.index("indices:data/write/bulk[s]", name)
            if kind == "delete":
                done = self._index(name).remove(str(id))
                return {**done, "status": 200 if done["result"] == "deleted" else 404}
            if kind == "update":
                raise Problem(
                    400, "illegal_argument_exception", "the sandbox has no updates; add them to search/rest.py"
                )
            done = self._index(name).put(id, source, create=kind == "create")
            return {**done, "status": 201 if done["result"] == "created" else 200}
        except Problem as problem:
            if problem.status == 403 and not self._guard.each:
                raise
            return {"_index": name, "_id": id, "status": problem.status, "error": problem.error}

    def _index(self, name: str) -> Index:
        """An index to write to, made if it is not there."""
        found = self._cluster.resolved(name, missing=True)
        if found:
            return found[0]
        self._guard.index("indices:admin/create", name)
        return self._cluster.create(name)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _route(methods: str, path: str, operation: Callable[[Rest, Request], Answer]) -> Route:
    names = {"index": r"(?!_)[^/]+", "verb": "_doc|_create", "part": "_mapping|_settings"}
    pattern = re.sub(r"\{(\w+)\}", lambda one: f"(?P<{one[1]}>{names.get(one[1], '[^/]+')})", path)
    return methods, re.compile(pattern), operation


_ROUTES = [
    _route("GET HEAD", "", Rest.info),
    _route("GET", "_cluster/health", Rest.health),
    _route("GET", "_cat/indices", Rest.cat),
    _route("POST PUT", "_bulk", Rest.bulk),
    _route("POST PUT", "{index}/_bulk", Rest.bulk),
    _route("GET POST", "_search", Rest.search),
    _route("GET POST", "{index}/_search", Rest.search),
    _route("GET POST", "_count", Rest.count),
    _route("GET POST", "{index}/_count", Rest.count),
    _route("GET POST", "{index}/_refresh", Rest.refresh),
    _route("GET HEAD PUT POST DELETE", "_index_template/{name}", Rest.template),
    _route("GET HEAD PUT POST DELETE", "_template/{name}", Rest.template),
    _route("GET", "{index}/{part}", Rest.read_index),
    _route("PUT POST", "{index}/_mapping", Rest.map_index),
    _route("POST", "{index}/_doc", Rest.write),
    _route("PUT POST", "{index}/{verb}/{id}", Rest.write),
    _route("GET HEAD", "{index}/_doc/{id}", Rest.read),
    _route("DELETE", "{index}/_doc/{id}", Rest.remove),
    _route("GET HEAD", "{index}", Rest.read_index),
    _route("PUT", "{index}", Rest.make_index),
    _route("DELETE", "{index}", Rest.drop_index),
]
