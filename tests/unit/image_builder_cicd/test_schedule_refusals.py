"""Times that never come, or leave images to grow old, are refused in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch.image_builder_cicd.image import schedule_checks
from cdk_refarch.image_builder_cicd.image.image_values import BuildSchedule, ImageLifecycle
from tests.unit import refusals as given
from tests.unit.image_builder_cicd.refusals import IMAGE_ARN, image
from tests.unit.refusals import Call, Case, checks, names, refused

CRON = "see https://docs.aws.amazon.com/imagebuilder/latest/userguide/cron-expressions.html"
DAYS = "give a number of days in this range, or None"
LATER_DAYS = cdk.Duration.days(given.LATER_NUMBER)


def schedule(**arguments: Any) -> Call:
    return image(schedule=BuildSchedule(**arguments), stale_after=None)


def cron(expression: Any) -> Call:
    return schedule(expression=expression)


def lifecycle(**days: Any) -> Call:
    wanted: dict[str, Any] = {
        name: cdk.Duration.days(one) if isinstance(one, int) and name != "keep_at_least" else one
        for name, one in days.items()
    }
    return lambda: schedule_checks.check_lifecycle(checks, ImageLifecycle(**wanted))


def fields(name: str, text: str, low: str) -> Case:
    where = dict(
        zip(
            schedule_checks.FIELDS,
            ("{} 3 * * ? *", "0 {} * * ? *", "0 3 {} * ? *", "0 3 ? {} sun *", "0 3 ? * {} *", "0 3 * * ? {}"),
            strict=True,
        )
    )
    rule = f"schedule.expression must be cron(...) with {name} from {low}"
    return cron(f"cron({where[name].format(text)})"), f"{rule}, got {text.upper()!r}; {CRON}"


SCHEDULES: list[Case] = [
    (image(schedule="cron(0 3 ? * sun *)"), "schedule must be a BuildSchedule, got str 'cron(0 3 ? * sun *)'; give BuildSchedule(expression='cron(0 3 ? * sun *)')"),
    (schedule(only_with_updates="no"), "schedule.only_with_updates must be True or False, got 'no'; give False to build always"),
    *((image(parent_image=pinned), f"schedule.only_with_updates and parent_image must be given with a parent image of which there are newer ones, got {pinned!r}; end its ARN with /x.x.x, name it by ssm:, or give only_with_updates=False") for pinned in ("ami-0123456789abcdef0", f"{IMAGE_ARN}1.0.0", f"{IMAGE_ARN}1.0.0/1")),
    *((schedule(disable_after_failures=wrong), f"schedule.disable_after_failures must be from 1 failure to 10 failures, got {wrong} failures; give None to go on after any number of failures") for wrong in (0, 11)),
    (schedule(timezone="europe/berlin"), "schedule.timezone must be a time zone of the IANA database, got 'europe/berlin'; write 'Europe/Berlin'"),
    (schedule(timezone="CEST"), "schedule.timezone must be a time zone of the IANA database, got 'CEST'; give Europe/Berlin, say"),
    (schedule(timezone=" "), "schedule.timezone must be text that is not empty, got ' '; give Europe/Berlin, say"),
    (cron(None), "schedule.expression must be text, got NoneType None; give 'cron(0 3 ? * sun *)', say"),
    *((cron(wrong), f"schedule.expression must be cron(...) with six fields, or rate(...) of days, got {wrong!r}; {CRON}") for wrong in ("weekly", "cron(0 3 * * ?)", "0 3 ? * sun *", "cron(0 3 ? * sun * *)")),
    *((cron(wrong), f"schedule.expression must be rate(1 day), or rate(... days) with a number from 2, got {wrong!r}; give a cron expression for other times") for wrong in ("rate(1 days)", "rate(0 days)", "rate(2 day)", "rate(6 hours)")),
    *((cron(f"cron(0 3 {days} *)"), f"schedule.expression must be cron(...) with ? for either the days of the month or of the week, got {got}; {CRON}") for days, got in (("* * sun", "* and SUN"), ("? * ?", "? and ?"), ("* * *", "* and *"))),
    *(fields("minutes", text, "0 to 59") for text in ("60", "-1", "*/0", "5-1", "a")),
    *(fields("hours", text, "0 to 23") for text in ("24", "1-24", "3,")),
    *(fields("days of the month", text, "1 to 31") for text in ("0", "32", "0W", "1L")),
    *(fields("months", text, "1 to 12 or JAN to DEC") for text in ("0", "13", "MON")),
    *(fields("days of the week", text, "1 to 7 or SUN to SAT") for text in ("0", "8", "sunday", "2#6", "sat-sun")),
    *(fields("years", text, "1970 to 2199") for text in ("1969", "2200")),
    *((cron(wrong), f"schedule.expression must be a time that comes, got {wrong!r}; give a day that the month has, of a year to come") for wrong in ("cron(0 3 31 4,6 ? *)", "cron(0 3 1 1 ? 2020-2024)")),
]  # fmt: skip

TIMES: list[Case] = [
    (image(stale_after=30), "stale_after must be a Duration, got int 30; give cdk.Duration.days(...)"),
    (image(stale_after=cdk.Duration.hours(36)), "stale_after must be a whole number from 1 day to 365 days, got 1.5 days; give None for no alarm"),
    (image(stale_after=cdk.Duration.seconds(given.LATER_NUMBER)), "stale_after must be in days when it is a token, got seconds; give cdk.Duration.days(token)"),
    *((image(stale_after=cdk.Duration.days(wrong)), f"stale_after must be from 1 day to 365 days, got {wrong} days; give None for no alarm") for wrong in (0, 366)),
    *(
        (image(schedule=BuildSchedule(expression=expression), stale_after=cdk.Duration.days(pause)), f"stale_after and schedule.expression must be longer than the time from one image of the schedule to the next, got {pause} with {pause} days between; give more days, or build more often")
        for expression, pause in (("cron(0 3 ? * sun *)", 7), ("rate(5 days)", 5), ("cron(0 3 1 * ? *)", 31), ("cron(0 3 ? 1-11 mon,thu *)", 35))
    ),
    (image(lifecycle="keep"), "lifecycle must be an ImageLifecycle, got str 'keep'; give ImageLifecycle(), or None to keep all images"),
    (lifecycle(deprecate_after=None, delete_after=None), "lifecycle.deprecate_after and lifecycle.delete_after must be given, one of them at least, got None for both; give lifecycle=None to keep all images"),
    (lifecycle(deprecate_after=90, delete_after=90), "lifecycle.deprecate_after and lifecycle.delete_after must be times of which the first comes earlier, got 90 and 90 days; delete later, or deprecate earlier"),
    *((lifecycle(delete_after=wrong), f"lifecycle.delete_after must be from 1 day to 1000 days, got {wrong} days; {DAYS}") for wrong in (0, 1001)),
    (lifecycle(deprecate_after=cdk.Duration.hours(1)), f"lifecycle.deprecate_after must be a whole number from 1 day to 1000 days, got 0.0416667 days; {DAYS}"),
    *((lifecycle(keep_at_least=wrong), f"lifecycle.keep_at_least must be from 1 image to 10 images, got {shown}; give a number in this range: there is no way to keep none") for wrong, shown in ((0, "0 images"), (11, "11 images"), (None, "NoneType None"))),
    *((lifecycle(keep_launched_within=wrong), f"lifecycle.keep_launched_within must be from 1 day to 365 days, got {wrong} days; give None to look at the age alone") for wrong in (0, 366)),
]  # fmt: skip

ALL = [*SCHEDULES, *TIMES]

LEGAL: list[Call] = [
    *(
        cron(f"cron({one})")
        for one in ("0 3 L * ? *", "0 3 LW * ? *", "0 3 15W * ? *", "0 3 ? * 6L *", "0 3 ? * MON#1 *", "0/15 0-23 1,31 jan-dec/2 ? 2199", "59 23 29 2 ? *", "0 0 ? * 1-7 1970-2199")
    ),
    *(cron(one) for one in ("rate(1 day)", "rate(14 days)", given.LATER)),
    *(schedule(timezone=zone, disable_after_failures=after) for zone, after in (("Europe/Berlin", 1), ("UTC", 10), (given.LATER, None))),
    *(image(stale_after=cdk.Duration.days(days)) for days in (8, 365)),
    image(stale_after=cdk.Duration.days(1), schedule=BuildSchedule(expression="cron(0 3 ? * sun 2199)")),
    image(stale_after=LATER_DAYS),
    *(lifecycle(deprecate_after=one, delete_after=other, keep_at_least=kept, keep_launched_within=within) for one, other, kept, within in ((1, 2, 1, 1), (999, 1000, 10, 365), (None, 1, 5, None), (1, None, 5, 90), (LATER_DAYS, 1, 5, 90))),
    image(lifecycle=None, stale_after=None, schedule=None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()
