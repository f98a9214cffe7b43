"""Users, roles and grants: ``CREATE USER``, ``ALTER USER``, ``DROP USER``, ``CREATE ROLE``, ``GRANT``, ``REVOKE``.

Names of users are compared without regard to case, which is how we read Redshift's folding of quoted names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .answers import NOTHING, Answer
from .database import Database, Grant
from .errors import SqlError
from .state import User

_NAME = r'("(?:[^"]|"")+"|[\w:.$@+-]+)'
_USER = re.compile(rf"^(CREATE|ALTER)\s+USER\s+{_NAME}\s*(?:WITH\s+)?(.*)$", re.IGNORECASE | re.DOTALL)
_DROP = re.compile(r"^DROP\s+(USER|ROLE)\s+(IF\s+EXISTS\s+)?(.+?)(?:\s+FORCE|\s+RESTRICT)?$", re.IGNORECASE)
_ROLE = re.compile(rf"^CREATE\s+ROLE\s+{_NAME}$", re.IGNORECASE)
_OF_ROLE = re.compile(r"^(GRANT|REVOKE)\s+ROLE\s+(.+?)\s+(?:TO|FROM)\s+(.+)$", re.IGNORECASE | re.DOTALL)
_ON = re.compile(r"^(GRANT|REVOKE)\s+(.+?)\s+ON\s+(.+?)\s+(?:TO|FROM)\s+(.+)$", re.IGNORECASE | re.DOTALL)
_OF_JOBS = re.compile(
    r"^(GRANT|REVOKE)\s+(.+?)\s+FOR\s+COPY\s+JOBS\s+IN\s+DATABASE\s+(\S+)\s+(?:TO|FROM)\s+(.+)$", re.IGNORECASE
)
_ALL_TABLES = re.compile(r"^ALL\s+TABLES\s+IN\s+SCHEMA\s+(.+)$", re.IGNORECASE)
_ON_KIND = re.compile(r"^(TABLE|SCHEMA|DATABASE)\s+(.+)$", re.IGNORECASE | re.DOTALL)
_PASSWORD = re.compile(r"^PASSWORD\s+(?:(DISABLE)|'((?:[^']|'')*)')\s*", re.IGNORECASE)
_OPTIONS = (
    re.compile(r"^(SYSLOG\s+ACCESS\s+(?:UN)?RESTRICTED)\s*", re.IGNORECASE),
    re.compile(r"^((?:NO)?CREATE(?:DB|USER))\s*", re.IGNORECASE),
    re.compile(r"^(CONNECTION\s+LIMIT\s+\w+)\s*", re.IGNORECASE),
    re.compile(r"^(SESSION\s+TIMEOUT\s+\d+)\s*", re.IGNORECASE),
    re.compile(r"^(VALID\s+UNTIL\s+'[^']*')\s*", re.IGNORECASE),
)
_STRONG = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"))
_PUBLIC = "public"


def execute(database: Database, user: User, text: str) -> Answer:
    """Run such a statement.

    Args:
        database: The database.
        user: Who runs it.
        text: The statement.

    Raises:
        SqlError: If it may not, or the statement is wrong.
    """
    for pattern, does in _STATEMENTS:
        found = pattern.match(text)
        if found:
            does(database, user, found)
            return NOTHING
    raise SqlError(f"the sandbox does not know {text[:20]} ...; add it to sandbox/adapters/warehouse/users.py")


def name_of(text: str) -> str:
    """A name as it was meant, without quotes.

    Args:
        text: The name as it was said.
    """
    text = text.strip()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _must_be_super(user: User) -> None:
    if not user.is_super:
        raise SqlError("permission denied: must be superuser")


def _put_user(database: Database, user: User, found: re.Match[str]) -> None:
    _must_be_super(user)
    users, name, rest = database.space.users, name_of(found[2]), found[3].strip()
    is_new = found[1].upper() == "CREATE"
    if is_new and name.lower() in users:
        raise SqlError(f'user "{name}" already exists')
    if is_new and not _PASSWORD.match(rest):
        raise SqlError("CREATE USER must have a PASSWORD")
    if not is_new and name.lower() not in users:
        raise SqlError(f'user "{name}" does not exist')
    password, options = _options(rest)
    one = database.space.add_user(name) if is_new else users[name.lower()]
    if password is not None:
        one.password = password or None
    for option in options:
        if option.startswith("SYSLOG"):
            one.sees_all = option.endswith("UNRESTRICTED")
        elif option.endswith("CREATEUSER"):
            one.is_super = not option.startswith("NO")


def _options(text: str) -> tuple[str | None, list[str]]:
    """The password, empty for none and None for that it was not said, and the other options in upper case."""
    password: str | None = None
    options: list[str] = []
    while text:
        found = _PASSWORD.match(text)
        if found:
            password = "" if found[1] else found[2]
            if password and (len(password) < 8 or not all(one.search(password) for one in _STRONG)):
                raise SqlError("password must have 8 to 64 characters, upper and lower case and a number")
        else:
            found = next((match for one in _OPTIONS if (match := one.match(text))), None)
            if found is None:
                raise SqlError(f'syntax error at or near "{text.split(maxsplit=1)[0].lower()}"')
            options.append(" ".join(found[1].upper().split()))
        text = text[found.end() :]
    return password, options


def _drop(database: Database, user: User, found: re.Match[str]) -> None:
    _must_be_super(user)
    for name in map(name_of, found[3].split(",")):
        key = name.lower()
        if found[1].upper() == "ROLE":
            database.grants.pop(f"role {key}", None)
            for one in database.space.users.values():
                one.roles.discard(key)
            continue
        if key not in database.space.users:
            if not found[2]:
                raise SqlError(f'user "{name}" does not exist')
            continue
        _refuse_owner(database, name)
        del database.space.users[key]
        database.grants.pop(key, None)


def _refuse_owner(database: Database, name: str) -> None:
    owned = [one.name for one in database.tables.values() if one.owner.lower() == name.lower()]
    jobs = [one.name for one in database.jobs.values() if one.owner.name.lower() == name.lower()]
    if owned or jobs or any(owner.lower() == name.lower() for owner in database.schemas.values()):
        raise SqlError(f'user "{name}" cannot be dropped because some objects depend on it')


def _create_role(database: Database, user: User, found: re.Match[str]) -> None:
    _must_be_super(user)
    database.grants.setdefault(f"role {name_of(found[1]).lower()}", set())


def _grant_role(database: Database, user: User, found: re.Match[str]) -> None:
    _must_be_super(user)
    for role in (name_of(one).lower() for one in found[2].split(",")):
        if not role.startswith("sys:") and f"role {role}" not in database.grants:
            raise SqlError(f'role "{role}" does not exist')
        for name in _grantees(database, found[3]):
            one = database.space.users[name]
            (one.roles.add if found[1].upper() == "GRANT" else one.roles.discard)(role)


def _grant(database: Database, user: User, found: re.Match[str]) -> None:
    privileges = [re.sub(r"\s+PRIVILEGES$", "", one.strip().lower()) for one in found[2].split(",")]
    for kind, name in _things(database, user, found[3]):
        _change(database, found[1], [(one, kind, name) for one in privileges], found[4])


def _grant_jobs(database: Database, user: User, found: re.Match[str]) -> None:
    _must_be_super(user)
    grants = [(one.strip().lower(), "jobs", name_of(found[3]).lower()) for one in found[2].split(",")]
    _change(database, found[1], grants, found[4])


def _change(database: Database, verb: str, grants: list[Grant], names: str) -> None:
    for name in _grantees(database, names):
        held = database.grants.setdefault(name, set())
        (held.update if verb.upper() == "GRANT" else held.difference_update)(grants)


def _things(database: Database, user: User, text: str) -> Iterator[tuple[str, str]]:
    """What a grant is on, if the user may give it."""
    tables, kind = _ALL_TABLES.match(text), _ON_KIND.match(text)
    if tables:
        _must_be_super(user)
        yield "tables", _schema(database, tables[1])
        return
    what, names = (kind[1].lower(), kind[2]) if kind else ("table", text)
    for name in names.split(","):
        if what == "schema":
            schema = _schema(database, name)
            if not user.is_super and database.schemas[schema].lower() != user.name.lower():
                raise SqlError(f"permission denied for schema {schema}")
            yield what, schema
        elif what == "database":
            _must_be_super(user)
            yield what, name_of(name).lower()
        else:
            first, _, second = name.strip().rpartition(".")
            table = database.table(name_of(first).lower(), name_of(second).lower())
            database.require(user, "own", table)
            yield what, f"{table.schema}.{table.name}"


def _schema(database: Database, text: str) -> str:
    name = name_of(text).lower()
    if name not in database.schemas:
        raise SqlError(f'schema "{name}" does not exist')
    return name


def _grantees(database: Database, text: str) -> Iterator[str]:
    for part in re.sub(r"\s+WITH\s+GRANT\s+OPTION$", "", text, flags=re.IGNORECASE).split(","):
        role = re.match(r"^\s*ROLE\s+(.+)$", part, re.IGNORECASE)
        name = name_of(role[1] if role else part).lower()
        if role and f"role {name}" not in database.grants:
            raise SqlError(f'role "{name}" does not exist')
        if not role and name != _PUBLIC and name not in database.space.users:
            raise SqlError(f'user "{name_of(part)}" does not exist')
        yield f"role {name}" if role else name


_STATEMENTS = (
    (_USER, _put_user),
    (_DROP, _drop),
    (_ROLE, _create_role),
    (_OF_ROLE, _grant_role),
    (_OF_JOBS, _grant_jobs),
    (_ON, _grant),
)
