"""One message that goes to S3, OpenSearch, a collection and Redshift, and what becomes of it when a part fails."""

from __future__ import annotations

from sandbox.run import Run

from . import Deployment, Outcome, _search, _warehouse

ADMIN, STACK = "IotSinksAdmin", "IotSinks"
DEPLOYMENT = Deployment((ADMIN, STACK), app="sandbox/scenarios/apps/iot_sinks.py")
TOPIC = "sinks/{}/telemetry"


def _searched(run: Run, name: str) -> _search.Delivery:
    admin = run.outputs(ADMIN)["AdminArn"]
    return _search.Delivery(run, STACK, name, TOPIC.format(name.lower()), admin)


def _loaded(run: Run) -> _warehouse.Delivery:
    return _warehouse.Delivery(run, STACK, "Redshift", TOPIC.format("warehouse"), member="reading")


def domain(run: Run) -> Outcome:
    """Readings are found in the domain, in the index of the day."""
    delivery = _searched(run, "OpenSearch")
    outcome = _search.documents_are_found(delivery)
    _search.the_index_is_of_the_day(delivery)
    return outcome


def collection(run: Run) -> Outcome:
    """Readings are found in the collection."""
    return _search.documents_are_found(_searched(run, "Collection"))


def loads(run: Run) -> Outcome:
    """Readings become rows."""
    return _warehouse.files_are_loaded(_loaded(run))


def document_does_not_fit(run: Run) -> Outcome:
    """One document of another type is alone in the bucket."""
    return _search.one_does_not_fit(_searched(run, "OpenSearch"))


def unmapped(run: Run) -> Outcome:
    """Without its mapping the stream cannot write."""
    return _search.unmapped(_searched(run, "OpenSearch"))


def no_data_policy(run: Run) -> Outcome:
    """Without a data access policy the collection takes nothing."""
    return _search.no_data_policy(_searched(run, "Collection"))


def bad_record(run: Run) -> Outcome:
    """A record that does not fit the columns fails its file, which is told of."""
    return _warehouse.a_bad_record_fails_its_file(_loaded(run), b'{"reading": "beside", "value": "mild"}')


def unreadable(run: Run) -> Outcome:
    """Without its permission, the role of loads loads nothing."""
    return _warehouse.a_role_that_may_not_read(_loaded(run))


def new_column(run: Run) -> Outcome:
    """A column that comes later is added to the table."""
    return _warehouse.a_new_column(_loaded(run))
