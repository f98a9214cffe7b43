"""Refusal of schedules and times of images that Image Builder would refuse, or that never come."""

from __future__ import annotations

import datetime
import itertools
import re
import zoneinfo
from collections.abc import Mapping

import aws_cdk as cdk

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag

from .build_checks import FLOATING
from .image_values import BuildSchedule, ImageLifecycle

LINK = "https://docs.aws.amazon.com/imagebuilder/latest/userguide/cron-expressions.html"

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

FIELDS: Mapping[str, tuple[int, int, tuple[str, ...]]] = {
    "minutes": (0, 59, ()),
    "hours": (0, 23, ()),
    "days of the month": (1, 31, ()),
    "months": (1, 12, MONTHS),
    "days of the week": (1, 7, WEEKDAYS),
    "years": (1970, 2199, ()),
}
SPECIAL = {
    "days of the month": r"L|LW|(?:[1-9]|[12][0-9]|3[01])W",
    "days of the week": r"(?:[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)?L|(?:[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]",
}
"""Days that depend on the month: the last one, the weekday nearest to one, and the third Monday and such."""

RATE = r"rate\((?:1 day|([2-9]|[1-9][0-9]+) days)\)"

MAX_AGE = 1000
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_LifecyclePolicyDetailFilter.html"""
MAX_LAUNCHED = 365
MAX_KEPT = 10
"""https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-lifecycle.html"""
MAX_FAILURES = 10
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_AutoDisablePolicy.html"""
MAX_STALE = 365
FOUR_YEARS = 4 * 365 + 1


def whole_days(checks: Checks, argument: str, value: object, low: int, high: int, *, remedy: str) -> int | None:
    """Return a time in days, or None when there is none or it is only known at deployment.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        value: The time, or None.
        low: The fewest days.
        high: The most days.
        remedy: What to do.

    Raises:
        ValueError: If it is no ``Duration`` of whole days in the range, or a token in another unit.
    """
    if value is None:
        return None
    if not isinstance(value, cdk.Duration):
        checks.refuse(argument, "a Duration", f"{type(value).__name__} {value!r}", "give cdk.Duration.days(...)")
    if value.is_unresolved():
        if value.unit_label() != "days":
            checks.refuse(argument, "in days when it is a token", value.unit_label(), "give cdk.Duration.days(token)")
        return None
    days = float(value.to_days(integral=False))
    checks.number(argument, days, low, high, unit="days", remedy=remedy)
    return int(days)


def check_schedule(checks: Checks, schedule: object, parent: str | None) -> int | None:
    """Check when an image is built, and return the longest time between in days, or None when it is not known.

    Args:
        checks: The checks of the construct.
        schedule: The argument.
        parent: The parent image, once checked; None when it is not known.

    Raises:
        ValueError: If there is no such time, or nothing would ever be built.
    """
    if schedule is None:
        return None
    if not isinstance(schedule, BuildSchedule):
        got = f"{type(schedule).__name__} {schedule!r}"
        checks.refuse("schedule", "a BuildSchedule", got, "give BuildSchedule(expression='cron(0 3 ? * sun *)')")
    remedy = "give False to build always"
    check_flag(checks, "schedule.only_with_updates", schedule.only_with_updates, remedy=remedy)
    if schedule.only_with_updates and parent is not None and not re.fullmatch(FLOATING, parent):
        rule = "given with a parent image of which there are newer ones"
        remedy = "end its ARN with /x.x.x, name it by ssm:, or give only_with_updates=False"
        checks.refuse("schedule.only_with_updates and parent_image", rule, repr(parent), remedy)
    remedy = "give None to go on after any number of failures"
    failures = schedule.disable_after_failures
    checks.number("schedule.disable_after_failures", failures, 1, MAX_FAILURES, unit="failures", remedy=remedy)
    zone = checks.text("schedule.timezone", schedule.timezone, remedy="give Europe/Berlin, say")
    zones = zoneinfo.available_timezones()
    # A machine may have no such database.
    if zone is not None and zones and zone not in zones:
        lower = {one.lower(): one for one in zones}
        remedy = f"write {lower[zone.lower()]!r}" if zone.lower() in lower else "give Europe/Berlin, say"
        checks.refuse("schedule.timezone", "a time zone of the IANA database", repr(zone), remedy)
    return _check_expression(checks, schedule.expression)


def _check_expression(checks: Checks, value: object) -> int | None:
    argument, remedy = "schedule.expression", f"see {LINK}"
    expression = checks.text(argument, value, remedy="give 'cron(0 3 ? * sun *)', say")
    if expression is None:
        return None
    if expression.startswith("rate"):
        rule = "rate(1 day), or rate(... days) with a number from 2"
        checks.matches(argument, expression, RATE, rule=rule, remedy="give a cron expression for other times")
        return int(re.findall("[0-9]+", expression)[0])
    rule = "cron(...) with six fields, or rate(...) of days"
    checks.matches(argument, expression, r"cron\(\S+(?: +\S+){5}\)", rule=rule, remedy=remedy)
    fields = dict(zip(FIELDS, expression[5:-1].upper().split(), strict=True))
    of_month, of_week = fields["days of the month"], fields["days of the week"]
    if (of_month == "?") == (of_week == "?"):
        got = f"{of_month} and {of_week}"
        checks.refuse(argument, "cron(...) with ? for either the days of the month or of the week", got, remedy)
    found = {name: _values(name, text) for name, text in fields.items() if text != "?"}
    for name, values in found.items():
        if values is not None and not values:
            low, high, words = FIELDS[name]
            spoken = f" or {words[0]} to {words[-1]}" if words else ""
            rule = f"cron(...) with {name} from {low} to {high}{spoken}"
            checks.refuse(argument, rule, repr(fields[name]), remedy)
    longest = _longest_pause(found)
    if longest == 0:
        checks.refuse(
            argument, "a time that comes", repr(expression), "give a day that the month has, of a year to come"
        )
    return longest


def _values(name: str, text: str) -> set[int] | None:
    """Return the numbers that a field is for, none if it is wrong, or None if they differ by month."""
    found: set[int] = set()
    by_month = False
    for part in text.split(","):
        if name in SPECIAL and re.fullmatch(SPECIAL[name], part):
            by_month = True
            continue
        values = _range(name, part)
        if not values:
            return set()
        found |= values
    return None if by_month else found


def _range(name: str, part: str) -> set[int]:
    low, high, words = FIELDS[name]
    matched = re.fullmatch(r"(?:\*|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:/([1-9][0-9]*))?", part)
    if matched is None:
        return set()
    first, last, step = matched[1], matched[2], matched[3]
    numbers = {word: low + index for index, word in enumerate(words)}
    start = low if first is None else numbers.get(first, int(first) if first.isdigit() else -1)
    if first is not None and last is None and step is None:
        end = start
    else:
        end = high if last is None else numbers.get(last, int(last) if last.isdigit() else -1)
    return set(range(start, end + 1, int(step or 1))) if low <= start <= end <= high else set()


def _longest_pause(found: Mapping[str, set[int] | None]) -> int | None:
    """Return the most days from one time to the next, 0 if there is none, or None if it cannot be told."""
    years = found["years"] or set()
    if years != set(range(1970, 2200)):
        return 0 if max(years) < datetime.date.today().year else None
    if any(values is None for values in found.values()):
        return None
    # Four years have every day that there is.
    every = [datetime.date(2024, 1, 1) + datetime.timedelta(days=number) for number in range(FOUR_YEARS)]
    days = [day for day in every if _is_among(day, found)]
    pauses = [(later - earlier).days for earlier, later in itertools.pairwise(days)]
    return max(pauses, default=FOUR_YEARS) if days else 0


def _is_among(day: datetime.date, found: Mapping[str, set[int] | None]) -> bool:
    numbers = {"days of the month": day.day, "months": day.month, "days of the week": day.isoweekday() % 7 + 1}
    return all(number in (found.get(name) or {number}) for name, number in numbers.items())


def check_stale(checks: Checks, stale_after: object, pause: int | None) -> None:
    """Check after which time without a new image an alarm rings.

    Args:
        checks: The checks of the construct.
        stale_after: The argument.
        pause: The longest time between two images in days; None when it is not known.

    Raises:
        ValueError: If it is no such time, or would come between two images.
    """
    remedy = "give None for no alarm"
    days = whole_days(checks, "stale_after", stale_after, 1, MAX_STALE, remedy=remedy)
    if days is not None and pause is not None and days <= pause:
        rule = "longer than the time from one image of the schedule to the next"
        got = f"{days} with {pause} days between"
        checks.refuse("stale_after and schedule.expression", rule, got, "give more days, or build more often")


def check_lifecycle(checks: Checks, lifecycle: object) -> None:
    """Check what becomes of old images.

    Args:
        checks: The checks of the construct.
        lifecycle: The argument.

    Raises:
        ValueError: If Image Builder would refuse it, or nothing becomes of them.
    """
    if lifecycle is None:
        return
    if not isinstance(lifecycle, ImageLifecycle):
        got = f"{type(lifecycle).__name__} {lifecycle!r}"
        checks.refuse("lifecycle", "an ImageLifecycle", got, "give ImageLifecycle(), or None to keep all images")
    remedy = "give a number of days in this range, or None"
    deprecate, delete = (
        whole_days(checks, f"lifecycle.{name}", getattr(lifecycle, name), 1, MAX_AGE, remedy=remedy)
        for name in ("deprecate_after", "delete_after")
    )
    both = "lifecycle.deprecate_after and lifecycle.delete_after"
    if lifecycle.deprecate_after is None and lifecycle.delete_after is None:
        checks.refuse(both, "given, one of them at least", "None for both", "give lifecycle=None to keep all images")
    if deprecate is not None and delete is not None and deprecate >= delete:
        got = f"{deprecate} and {delete} days"
        checks.refuse(both, "times of which the first comes earlier", got, "delete later, or deprecate earlier")
    kept = lifecycle.keep_at_least
    remedy = "give a number in this range: there is no way to keep none"
    if kept is None:
        checks.refuse("lifecycle.keep_at_least", f"from 1 image to {MAX_KEPT} images", "NoneType None", remedy)
    checks.number("lifecycle.keep_at_least", kept, 1, MAX_KEPT, unit="images", remedy=remedy)
    remedy = "give None to look at the age alone"
    launched = lifecycle.keep_launched_within
    whole_days(checks, "lifecycle.keep_launched_within", launched, 1, MAX_LAUNCHED, remedy=remedy)
