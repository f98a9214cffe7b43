"""Refusal of bad input, in one form for the whole library."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NoReturn

import aws_cdk as cdk
from constructs import Construct

MAX_SHOWN = 120
"""Longer values are cut in messages, so that the remedy stays in sight."""


LARGEST_TOKEN = -1e280
"""The CDK encodes numeric tokens as numbers below this one."""


def refusal(subject: str, rule: str, got: object, remedy: str) -> ValueError:
    """Return the error that says what is wrong with an argument and how to mend it.

    Args:
        subject: Where the argument stands and its name as the user typed it.
        rule: What the value must be.
        got: The value, or a text that shows it in the unit of the rule.
        remedy: What to do.

    Returns:
        The error, to be raised by the caller.
    """
    shown = str(got)
    if len(shown) > MAX_SHOWN:
        shown = shown[:MAX_SHOWN] + "..."
    return ValueError(f"{subject} must be {rule}, got {shown}; {remedy}")


def is_token(value: object) -> bool:
    """Tell whether a value is only known at deployment, so that nothing can be said about it now."""
    # A call into the CDK takes about a millisecond: only what looks like an encoded token is worth one.
    if isinstance(value, str):
        return "${Token[" in value and cdk.Token.is_unresolved(value)
    if isinstance(value, int | float):
        return value < LARGEST_TOKEN and cdk.Token.is_unresolved(value)
    return hasattr(type(value), "__jsii_type__") and cdk.Token.is_unresolved(value)


class Checks:
    """Checks of the arguments of one construct, made before the construct exists.

    Args:
        path: The path that the construct will have.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @classmethod
    def of(cls, scope: Construct, id: str) -> Checks:
        """Return the checks of a construct that is about to be made.

        Args:
            scope: The scope that it will be put in.
            id: The id that it will have.
        """
        return cls(f"{scope.node.path}/{id}".lstrip("/"))

    def within(self, id: str) -> Checks:
        """Return the checks of a part inside the construct.

        Args:
            id: The part's id.
        """
        return Checks(f"{self._path}/{id}")

    def refuse(self, argument: str, rule: str, got: object, remedy: str) -> NoReturn:
        """Raise the error in the house form.

        Args:
            argument: The argument as typed; two of them when the rule is about both.
            rule: What the value must be.
            got: The value, or a text that shows it in the unit of the rule.
            remedy: What to do.

        Raises:
            ValueError: Always.
        """
        raise refusal(f"{self._path}: {argument}", rule, got, remedy)

    def text(self, argument: str, value: object, *, remedy: str) -> str | None:
        """Return a text to be checked further, or None for one that is only known at deployment.

        Args:
            argument: The argument as typed.
            value: What was given.
            remedy: What to do when it is not a text or empty.

        Raises:
            ValueError: If it is no text, or has nothing but white space.
        """
        self.any_text(argument, value, remedy=remedy)
        if is_token(value):
            return None
        if not str(value).strip():
            self.refuse(argument, "text that is not empty", repr(value), remedy)
        return str(value)

    def any_text(self, argument: str, value: object, *, remedy: str) -> None:
        """Refuse what is no text, or one that no service can read.

        Args:
            argument: The argument as typed.
            value: What was given.
            remedy: What to do.

        Raises:
            ValueError: If it is no text, or has half of a surrogate pair in it.
        """
        if not isinstance(value, str):
            self.refuse(argument, "text", f"{type(value).__name__} {value!r}", remedy)
        if re.search("[\ud800-\udfff]", value):
            self.refuse(argument, "valid Unicode", ascii(value), remedy)

    def instance(self, argument: str, value: object, kind: type, *, remedy: str) -> None:
        """Refuse a value of another class.

        Args:
            argument: The argument as typed.
            value: What was given.
            kind: The class that it must be of.
            remedy: What to do.

        Raises:
            ValueError: If it is of another.
        """
        if not isinstance(value, kind):
            article = "an" if kind.__name__[0] in "AEIOU" else "a"
            self.refuse(argument, f"{article} {kind.__name__}", f"{type(value).__name__} {value!r}", remedy)

    def matches(self, argument: str, value: str, pattern: str, *, rule: str, remedy: str) -> None:
        """Refuse a text that does not match a pattern as a whole.

        Args:
            argument: The argument as typed.
            value: The text; skipped when it is only known at deployment.
            pattern: A regular expression.
            rule: What the pattern means, in words.
            remedy: What to do.

        Raises:
            ValueError: If it does not match, or is no text.
        """
        self.any_text(argument, value, remedy=remedy)
        if not is_token(value) and not re.fullmatch(pattern, value):
            self.refuse(argument, rule, repr(value), remedy)

    def one_of(self, argument: str, value: str, allowed: Iterable[str], *, remedy: str) -> None:
        """Refuse a value that is not in a list.

        Args:
            argument: The argument as typed.
            value: What was given; skipped when it is only known at deployment.
            allowed: The values that are legal.
            remedy: What to do.

        Raises:
            ValueError: If it is another value.
        """
        allowed = list(allowed)
        if value not in allowed and not is_token(value):
            self.refuse(argument, f"one of {', '.join(allowed)}", repr(value), remedy)

    def number(
        self,
        argument: str,
        value: float | None,
        low: int,
        high: int,
        *,
        unit: str,
        remedy: str,
        when: str = "",
    ) -> None:
        """Refuse a number that is no integer in a range.

        Args:
            argument: The argument as typed.
            value: The number; skipped when it is None or only known at deployment.
            low: The smallest legal number.
            high: The largest legal number.
            unit: The unit of all three.
            remedy: What to do.
            when: The circumstance in which this range holds.

        Raises:
            ValueError: If it is out of the range, or has a fraction.
        """
        if value is None or is_token(value):
            return
        rule = f"from {_counted(low, unit)} to {_counted(high, unit)}" + (f" when {when}" if when else "")
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(argument, rule, f"{type(value).__name__} {value!r}", remedy)
        if not math.isfinite(value) or value != int(value):
            self.refuse(argument, f"a whole number {rule}", f"{value:g} {unit}", remedy)
        if not low <= value <= high:
            self.refuse(argument, rule, _counted(int(value), unit), remedy)

    def removal_policy(self, value: object) -> None:
        """Refuse what is no policy for buckets, queues, logs and keys.

        Args:
            value: The argument ``removal_policy``.

        Raises:
            ValueError: If it is of another kind, or ``SNAPSHOT``.
        """
        remedy = "give cdk.RemovalPolicy.RETAIN or cdk.RemovalPolicy.DESTROY"
        self.instance("removal_policy", value, cdk.RemovalPolicy, remedy=remedy)
        if value is cdk.RemovalPolicy.SNAPSHOT:
            self.refuse("removal_policy", "a policy that buckets and queues have", "SNAPSHOT", remedy)

    def same_region(self, argument: str, given: object, scope: Construct) -> None:
        """Refuse a resource of another region than the stack's, when both are known.

        Args:
            argument: The argument as typed.
            given: The resource, or None.
            scope: The scope that the construct will be put in.

        Raises:
            ValueError: If they differ.
        """
        there = getattr(getattr(given, "env", None), "region", None)
        here = cdk.Stack.of(scope).region
        if there is not None and there != here and not is_token(there) and not is_token(here):
            self.refuse(argument, f"in the region of the stack, {here}", there, "use one of the same region")

    def key(self, argument: str, given: object) -> None:
        """Refuse an alias where a key is needed, because permissions on an alias do not reach its key.

        Args:
            argument: The argument as typed.
            given: A key, or None.

        Raises:
            ValueError: If it is an alias.
        """
        if hasattr(given, "alias_name"):
            self.refuse(
                argument, "a key", "an alias", "give the key itself, by kms.Key.from_key_arn or kms.Key.from_lookup"
            )

    def mebibytes(self, argument: str, size: cdk.Size | None) -> float | None:
        """Return a size in MiB, or None when there is none or it is only known at deployment.

        Args:
            argument: The argument as typed.
            size: The size.

        Raises:
            ValueError: If it is no ``Size``, or a token in another unit than MiB.
        """
        if size is None:
            return None
        self.instance(argument, size, cdk.Size, remedy="give cdk.Size.mebibytes(...)")
        if not size.is_unresolved():
            return float(size.to_mebibytes(rounding=cdk.SizeRoundingBehavior.NONE))
        try:
            size.to_mebibytes()
        except RuntimeError:
            self.refuse(argument, "in MiB when it is a token", "another unit", "give cdk.Size.mebibytes(token)")
        return None

    def seconds(self, argument: str, duration: cdk.Duration | None) -> float | None:
        """Return a duration in seconds, or None when there is none or it is only known at deployment.

        Args:
            argument: The argument as typed.
            duration: The duration.

        Raises:
            ValueError: If it is no ``Duration``, or a token in another unit than seconds.
        """
        if duration is None:
            return None
        self.instance(argument, duration, cdk.Duration, remedy="give cdk.Duration.seconds(...)")
        if not duration.is_unresolved():
            return float(duration.to_seconds(integral=False))
        if duration.unit_label() != "seconds":
            got = duration.unit_label()
            self.refuse(argument, "in seconds when it is a token", got, "give cdk.Duration.seconds(token)")
        return None


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit[:-1] if number == 1 and len(unit) > 1 and unit.endswith('s') else unit}"
