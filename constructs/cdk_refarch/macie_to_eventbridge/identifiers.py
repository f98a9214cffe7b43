"""What Macie looks for besides its own identifiers, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_macie as macie
from constructs import Construct

from .values import AllowList, CustomDataIdentifier, SuppressionRule


def identifiers(scope: Construct, given: Sequence[CustomDataIdentifier]) -> dict[str, macie.CfnCustomDataIdentifier]:
    """Create custom data identifiers.

    Args:
        scope: The construct that they belong to.
        given: What is asked for; checked before.
    """
    return {
        one.id: macie.CfnCustomDataIdentifier(
            scope,
            one.id,
            name=one.id,
            regex=one.regex,
            keywords=list(one.keywords) or None,
            ignore_words=list(one.ignore_words) or None,
            maximum_match_distance=one.maximum_match_distance,
            description=one.description,
        )
        for one in given
    }


def allow_lists(scope: Construct, given: Sequence[AllowList]) -> dict[str, macie.CfnAllowList]:
    """Create allow lists.

    Args:
        scope: The construct that they belong to.
        given: What is asked for; checked before.
    """
    l1 = macie.CfnAllowList
    return {
        one.id: l1(
            scope,
            one.id,
            name=one.id,
            description=one.description,
            criteria=l1.CriteriaProperty(
                regex=one.regex,
                s3_words_list=None
                if one.bucket is None
                else l1.S3WordsListProperty(bucket_name=one.bucket.bucket_name, object_key=str(one.object_key)),
            ),
        )
        for one in given
    }


def suppression_filters(scope: Construct, given: Sequence[SuppressionRule]) -> dict[str, macie.CfnFindingsFilter]:
    """Create filters that archive findings.

    Args:
        scope: The construct that they belong to.
        given: What is asked for; checked before.
    """
    l1 = macie.CfnFindingsFilter
    return {
        one.id: l1(
            scope,
            one.id,
            name=one.id,
            description=one.description,
            action="ARCHIVE",
            finding_criteria=l1.FindingCriteriaProperty(
                criterion={
                    field: l1.CriterionAdditionalPropertiesProperty(eq=list(values))
                    for field, values in one.criteria.items()
                }
            ),
        )
        for one in given
    }
