"""Ready queries over the table of email events, in the SQL of Athena.

Three things hold for all numbers. They are about mail that was sent in the last days, so that a late event counts
for the day of its mail and no event is counted without its mail. What Firehose delivers twice counts once. A
rate is NULL where there is nothing to divide by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

_NOT_SENT = "('OnAccountSuppressionList', 'OnTenantSuppressionList')"
"""Subtypes of what SES kept back. It counts in no rate:
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html"""

_DOMAIN = "regexp_extract(address, '@([^@>]+)>?$', 1)"

_BOUNCES = Template("""\
WITH outcomes AS (
  SELECT DISTINCT
    substr(mail.timestamp, 1, 10) AS sent_on,
    mail.messageid AS message_id,
    lower(address) AS address,
    CASE
      WHEN eventtype = 'Send' THEN 'sent'
      WHEN bounce.bouncesubtype IN $not_sent THEN 'suppressed'
      ELSE 'hard bounce'
    END AS outcome
  FROM $table
  CROSS JOIN UNNEST(
    CASE eventtype
      WHEN 'Send' THEN mail.destination
      WHEN 'Bounce' THEN transform(bounce.bouncedrecipients, recipient -> recipient.emailaddress)
    END
  ) AS addresses (address)
  WHERE (eventtype = 'Send' OR (eventtype = 'Bounce' AND bounce.bouncetype = 'Permanent'))
    AND $arrived
    AND $sent
)
SELECT
  $domain AS domain,
  sent_on AS day,
  count(*) FILTER (WHERE outcome = 'sent') AS sent,
  count(*) FILTER (WHERE outcome = 'hard bounce') AS hard_bounces,
  count(*) FILTER (WHERE outcome = 'suppressed') AS suppressed,
  CAST(count(*) FILTER (WHERE outcome = 'hard bounce') AS double)
    / nullif(count(*) FILTER (WHERE outcome = 'sent'), 0) AS bounce_rate
FROM outcomes
GROUP BY 1, 2
ORDER BY day DESC, hard_bounces DESC, domain
""")

_OPENS = Template("""\
WITH messages AS (
  SELECT
    element_at(element_at(mail.tags, $campaign_tag), 1) AS campaign,
    mail.messageid AS message_id,
    count(*) FILTER (WHERE eventtype = 'Delivery') > 0 AS is_delivered,
    count(*) FILTER (WHERE eventtype = 'Open') > 0 AS is_opened
  FROM $table
  WHERE eventtype IN ('Delivery', 'Open')
    AND $arrived
    AND $sent
  GROUP BY 1, 2
)
SELECT
  campaign,
  count(*) FILTER (WHERE is_delivered) AS delivered,
  count(*) FILTER (WHERE is_opened) AS opened,
  CAST(count(*) FILTER (WHERE is_opened) AS double) / nullif(count(*) FILTER (WHERE is_delivered), 0) AS open_rate
FROM messages
WHERE campaign IS NOT NULL
GROUP BY 1
ORDER BY campaign
""")

# A complaint is counted by its id: where the provider hides who complained, SES names all who may have.
_COMPLAINTS = Template("""\
WITH streams (configuration_set, stream) AS (
  VALUES
    $streams
),
counted AS (
  SELECT DISTINCT
    element_at(element_at(mail.tags, 'ses:configuration-set'), 1) AS configuration_set,
    eventtype,
    mail.messageid AS message_id,
    lower(unit) AS unit
  FROM $table
  CROSS JOIN UNNEST(
    CASE eventtype
      WHEN 'Send' THEN mail.destination
      WHEN 'Complaint' THEN ARRAY[complaint.feedbackid]
    END
  ) AS units (unit)
  WHERE (
      eventtype = 'Send'
      OR (
        eventtype = 'Complaint'
        AND coalesce(complaint.complaintfeedbacktype, '') <> 'not-spam'
        AND coalesce(complaint.complaintsubtype, '') NOT IN $not_sent
      )
    )
    AND $arrived
    AND $sent
)
SELECT
  streams.stream,
  count(*) FILTER (WHERE counted.eventtype = 'Send') AS sent,
  count(*) FILTER (WHERE counted.eventtype = 'Complaint') AS complaints,
  CAST(count(*) FILTER (WHERE counted.eventtype = 'Complaint') AS double)
    / nullif(count(*) FILTER (WHERE counted.eventtype = 'Send'), 0) AS complaint_rate
FROM streams
LEFT JOIN counted ON counted.configuration_set = streams.configuration_set
GROUP BY 1
ORDER BY stream
""")

_DELAYS = Template("""\
WITH delays AS (
  SELECT
    mail.messageid AS message_id,
    lower(address) AS address,
    deliverydelay.delaytype AS delay_type,
    max(deliverydelay.timestamp) AS last_delayed_at
  FROM $table
  CROSS JOIN UNNEST(transform(deliverydelay.delayedrecipients, recipient -> recipient.emailaddress))
    AS addresses (address)
  WHERE eventtype = 'DeliveryDelay'
    AND $arrived
    AND $sent
  GROUP BY 1, 2, 3
)
SELECT
  $domain AS domain,
  delay_type,
  count(*) AS delayed,
  max(last_delayed_at) AS last_delayed_at
FROM delays
GROUP BY 1, 2
ORDER BY delayed DESC, domain, delay_type
""")

_HISTORY = Template("""\
SELECT DISTINCT
  coalesce(
    bounce.timestamp,
    complaint.timestamp,
    delivery.timestamp,
    open.timestamp,
    click.timestamp,
    deliverydelay.timestamp,
    subscription.timestamp,
    mail.timestamp
  ) AS event_at,
  eventtype AS event,
  array_join(
    coalesce(
      transform(bounce.bouncedrecipients, recipient -> recipient.emailaddress),
      transform(complaint.complainedrecipients, recipient -> recipient.emailaddress),
      transform(deliverydelay.delayedrecipients, recipient -> recipient.emailaddress),
      delivery.recipients,
      mail.destination
    ),
    ', '
  ) AS recipients,
  coalesce(
    bounce.bouncetype || ' / ' || bounce.bouncesubtype,
    complaint.complaintfeedbacktype,
    complaint.complaintsubtype,
    delivery.smtpresponse,
    deliverydelay.delaytype,
    reject.reason,
    failure.errormessage,
    click.link,
    open.useragent,
    subscription.source
  ) AS detail
FROM $table
WHERE mail.messageid = ?
  AND $arrived
ORDER BY event_at, event
""")


@dataclass(frozen=True)
class Query:
    """A query for Athena.

    Args:
        description: What it answers.
        sql: The query.
    """

    description: str
    sql: str


def queries(
    database: str, table: str, streams: Mapping[str, str], campaign_tag: str, days: int = 30
) -> Mapping[str, Query]:
    """Return the queries by their name.

    Args:
        database: The database of the table.
        table: The table with the columns of ``event_table`` and the partition column ``day``.
        streams: Configuration sets, by name or token, to the names of their streams; at least one.
        campaign_tag: The message tag that names a campaign, in lower case.
        days: How many days are read, today (UTC) included.
    """
    first, before = (f"date_format(current_date - INTERVAL '{back}' DAY, '%Y-%m-%d')" for back in (days - 1, days))
    parts = {
        # The name that CloudFormation gives a database may hold what is a name in quotes only.
        "table": f'"{database}"."{table}"',
        # The only partitions that need be read, for no event arrives before its mail is sent. One is named after the
        # oldest record in it, which may have arrived at the end of the day before.
        "arrived": f"day >= {before}",
        "sent": f"substr(mail.timestamp, 1, 10) >= {first}",
        "domain": _DOMAIN,
        "not_sent": _NOT_SENT,
        "campaign_tag": _text(campaign_tag),
        "streams": ",\n    ".join(f"({_text(name)}, {_text(stream)})" for name, stream in streams.items()),
    }
    described = {
        "bounce_rate_by_domain_and_day": (
            _BOUNCES,
            "Recipients sent to, hard bounces and their share, by domain of the recipient and day of the mail, of the "
            f"last {days} days. Recipients that SES kept back, who are on the suppression list of the account or of a "
            "tenant, are no hard bounces.",
        ),
        "open_rate_by_campaign": (
            _OPENS,
            f"Messages delivered and opened, and the share, by the message tag {campaign_tag}, of mail of the last "
            f"{days} days. Messages without the tag are left out.",
        ),
        "complaints_by_stream": (
            _COMPLAINTS,
            f"Recipients sent to, complaints and their share, by stream, of mail of the last {days} days.",
        ),
        "delivery_delays_by_domain": (
            _DELAYS,
            "Recipients whose mail was delayed, by their domain and the reason, with the time of the last delay, of "
            f"mail of the last {days} days.",
        ),
        "events_of_message": (
            _HISTORY,
            "What happened to a message; its id is the execution parameter. Reads events that arrived in the last "
            f"{days} days.",
        ),
    }
    return {name: Query(text, template.substitute(parts)) for name, (template, text) in described.items()}


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
