"""Rules about alarms and logs."""

from __future__ import annotations

from collections.abc import Iterator

from .rule import rule
from .template import Resource, Template, flag, references

ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


@rule(*ALARMS)
def alarm_without_action(resource: Resource, template: Template) -> Iterator[str]:
    """Where some alarms tell a topic, one that tells nobody was forgotten, unless something else reads its state.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
    """
    others = [alarm for alarm in template.of(*ALARMS) if alarm.id != resource.id]
    if not template.of("AWS::SNS::Topic") or not any(_tells_somebody(alarm, template) for alarm in others):
        return
    readers = [
        one.id
        for one in template.resources.values()
        if one.id != resource.id and one.kind != "AWS::CloudWatch::Dashboard" and resource.id in references(one.body)
    ]
    if resource.get("AlarmActions") is None and not readers:
        yield "the alarm tells nobody; set AlarmActions to the topic of the other alarms"
    elif flag(resource.get("ActionsEnabled")) is False:
        yield "the actions of the alarm are switched off; remove ActionsEnabled"


def _tells_somebody(alarm: Resource, template: Template) -> bool:
    """Tell whether an alarm has an action other than to call a function, which tells nobody."""
    actions = alarm.get("AlarmActions")
    if not isinstance(actions, list):
        return actions is not None
    return any(template.function(action) is None for action in actions)


@rule("AWS::Logs::LogGroup")
def log_group_without_retention(resource: Resource, template: Template) -> Iterator[str]:
    """Without a retention, logs are kept and billed for ever, whatever the rules on personal data say.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html
    """
    if resource.get("RetentionInDays") is None:
        yield "logs are kept for ever; set RetentionInDays"
