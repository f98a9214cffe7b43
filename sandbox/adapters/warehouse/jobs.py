"""COPY jobs: each new file under a prefix is loaded once, by itself or when the job is run; one that fails is marked.

Only files are loaded that come after the job was made, while its bucket's integration tells of them; the others are
known and never loaded. Each file is loaded by a query of its own, which AWS does not say. What a job cannot read, as
its role lacks something, fails like a file with a bad row.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ministack.core.responses import request_scope
from ministack.services import s3

from sandbox.adapters import access

from . import copying, integrations
from .answers import NOTHING, Answer
from .copy_text import Copy
from .database import Database
from .errors import SqlError
from .state import NUMBERS, User, homes, now, workgroup_of
from .users import name_of
from .views import moment

if TYPE_CHECKING:
    from .sessions import Session

COMMAND = re.compile(r"^COPY\s+JOB\s+(ALTER|DROP|RUN|LIST|SHOW)\b\s*(\S+)?(?:\s+AUTO\s+(ON|OFF))?\s*$", re.IGNORECASE)
_EVERY_SECONDS = 0.2
_MOST_JOBS = 200
_log = logging.getLogger("sandbox.warehouse")
_started = threading.Event()


@dataclass
class Job:
    """A COPY job.

    Attributes:
        id: Its id.
        name: Its name.
        owner: Who made it.
        copy: What it copies.
        text: Its parameters.
        is_auto: Whether it runs by itself.
        known: The keys that it has loaded, marked, or never loads.
        files: The rows of ``SYS_COPY_JOB_DETAIL``, by key.
    """

    id: int
    name: str
    owner: User
    copy: Copy
    text: str
    is_auto: bool
    known: set[str] = field(default_factory=set)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


def create(session: Session, copy: Copy) -> Answer:
    """Make a job.

    Args:
        session: The session.
        copy: What it copies.

    Raises:
        SqlError: If it is refused.
    """
    database = session.database
    _refuse_block(session, "CREATE")
    _require(session, "create")
    if copy.job in database.jobs:
        raise SqlError(f"copy job {copy.job} already exists")
    if len(database.jobs) >= _MOST_JOBS:
        raise SqlError(f"there are {_MOST_JOBS} copy jobs already")
    database.require(session.user, "insert", database.table(copy.schema, copy.table))
    text = f"copy {copy.table} from 's3://{copy.bucket}/{copy.prefix}' {copy.rest.strip()}"
    job = Job(next(NUMBERS), copy.job, session.user, copy, text, copy.is_auto)
    job.known.update(key for key, _ in _objects(job))
    database.jobs[job.name] = job
    _start()
    return NOTHING


def _refuse_block(session: Session, what: str) -> None:
    if session.is_in_block:
        raise SqlError(f"COPY JOB {what} cannot run inside a transaction block")


def _require(session: Session, privilege: str) -> None:
    database = session.database
    if not database.may(session.user, privilege, "jobs", database.name):
        raise SqlError(f"permission denied to {privilege} copy jobs in database {database.name}")


def command(session: Session, text: str) -> Answer:
    """Change, drop, run, list or show a job.

    Args:
        session: The session.
        text: The statement.

    Raises:
        SqlError: If it is refused.
    """
    found = COMMAND.match(text)
    verb = found[1].upper() if found else ""
    if found is None or (verb != "LIST" and not found[2]):
        raise SqlError('syntax error at or near "job"')
    if verb == "LIST":
        owned = [one for one in session.database.jobs.values() if session.user.sees_system or one.owner is session.user]
        return Answer([("job_name", "VARCHAR")], [(one.name,) for one in owned], len(owned))
    job = session.database.jobs.get(name_of(found[2]).lower())
    if job is None:
        raise SqlError(f"copy job {name_of(found[2])} does not exist")
    if verb == "SHOW":
        return Answer([("job_name", "VARCHAR"), ("job_text", "VARCHAR")], [(job.name, job.text)], 1)
    if job.owner is not session.user:
        _require(session, "alter" if verb == "RUN" else verb.lower())
    if verb == "DROP":
        _refuse_block(session, "DROP")
        del session.database.jobs[job.name]
    elif verb == "ALTER":
        job.is_auto = (found[3] or "ON").upper() == "ON"
    elif job.is_auto:
        raise SqlError(f"Cannot run COPY job {job.name} while auto copy is enabled")
    else:
        _load_new(session.database, job)
    return NOTHING


def _objects(job: Job) -> list[tuple[str, dict[str, Any]]]:
    there = (s3._buckets.get(job.copy.bucket) or {}).get("objects", {})
    return [(key, record) for key, record in list(there.items()) if key.startswith(job.copy.prefix)]


def _start() -> None:
    """Begin to look for new files, when there is the first job."""
    if not _started.is_set():
        _started.set()
        threading.Thread(target=_run, name="copy jobs", daemon=True).start()


def _run() -> None:
    access.over_tls()
    while True:
        time.sleep(_EVERY_SECONDS)
        for (account, region), place in homes().items():
            spaces = [one for one in place.namespaces.values() if workgroup_of(one)]
            for database in [one for space in spaces for one in space.databases.values()]:
                with request_scope(account, region), database.lock:
                    _look(database)


def _look(database: Database) -> None:
    for job in list(database.jobs.values()):
        if integrations.state_of(database.space, job.copy.bucket) != "Established":
            # Nobody tells of these, and nobody will.
            job.known.update(key for key, _ in _objects(job))
        elif job.is_auto:
            _load_new(database, job)


def _load_new(database: Database, job: Job) -> None:
    for key, record in sorted(_objects(job)):
        if key in job.known:
            continue
        job.known.add(key)
        job.files[key] = {
            "user_id": job.owner.id,
            "database_name": database.name,
            "job_id": job.id,
            "job_name": job.name,
            "file_location": job.copy.bucket,
            "file_name": key,
            "file_size": record["size"],
            "file_etag": record["etag"].strip('"'),
            "job_text": job.text,
            "modification_time": moment(now()),
            "enqueue_time": moment(now()),
            "status": "P",
        }
        _load(database, job, key)


def _load(database: Database, job: Job, key: str) -> None:
    cursor = database.connection.cursor()
    one = copying.Load(database, job.owner, job.copy, job=job.id)
    try:
        copying.run(cursor, one, [key])
        job.files[key]["status"] = "I"
    except SqlError as error:
        job.files[key]["status"] = "E"
        _log.warning("%s cannot load %s: %s", job.name, key, error)
        database.messages.append(
            {
                "user_id": job.owner.id,
                "job_id": job.id,
                "job_name": job.name,
                "database_name": database.name,
                "record_time": moment(now()),
                "message": f"{error} (s3://{job.copy.bucket}/{key})",
            }
        )
    finally:
        cursor.close()
