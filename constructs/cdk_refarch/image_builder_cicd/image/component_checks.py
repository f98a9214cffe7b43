"""Refusal of components that cannot become part of an image, before anything is created."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_known, elements

from .component_schema import check_document
from .document_node import Node, check_plain
from .documents import UnreadableError, read
from .image_values import ImageComponent, ManagedComponent, Platform

MAX_COMPONENTS = 20
"""Of a recipe: https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-recipes.html"""

LONGEST_ID = 50
"""Names of Image Builder have 126 characters at most, with those of the stack and the construct before this."""

LONGEST_INLINE = 16_000
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-imagebuilder-component.html"""

LARGEST_FILE = 65_536
"""In bytes: https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-components.html"""

NODE = r"(?:0|[1-9][0-9]{0,8})"
"""One number of a version. Image Builder takes it below 2^30; nobody counts that far."""

VERSION = rf"{NODE}\.{NODE}\.{NODE}"
FROM_X_ON = rf"(?:{NODE}\.{NODE}\.(?:{NODE}|x)|{NODE}\.x\.x|x\.x\.x)"
"""https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-semantic-versioning.html"""

FROM_X_ON_RULE = "three numbers with dots between, or x for them from one on to the end"

MANAGED = r"[a-z0-9]+(?:-[a-z0-9]+)*"
ARN = (
    r"arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?|third-party):component/[a-z0-9-_]+/"
    rf"(?:{FROM_X_ON}|{VERSION}/[0-9]+)"
)
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ComponentConfiguration.html"""

CDK_IDS = ("Default", "Resource")
"""The CDK leaves these out of the ids that it makes."""

ENDINGS: Mapping[Platform, str] = {"LINUX": "-linux", "WINDOWS": "-windows"}
"""How Amazon's components end that are for one platform."""


def check_components(checks: Checks, scope: Construct, components: object, platform: Platform) -> None:
    """Check what is done to the image.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        components: The argument.
        platform: What the image runs; checked before.

    Raises:
        ValueError: If Image Builder would refuse one, or it could not run on the platform.
    """
    remedy = "give [ImageComponent(...), ManagedComponent(...)]"
    given = elements(
        checks, "components", components, unit="components", remedy=remedy, high=MAX_COMPONENTS, known=True
    )
    seen: set[str] = set()
    for index, one in enumerate(given):
        at = f"components[{index}]"
        if isinstance(one, ImageComponent):
            name = _check_id(checks, at, one.id)
            _check_own(checks, at, one, platform)
        elif isinstance(one, ManagedComponent):
            name = _check_managed(checks, scope, at, one, platform)
        else:
            rule = "an ImageComponent or a ManagedComponent"
            checks.refuse(at, rule, f"{type(one).__name__} {one!r}", remedy)
        if name in seen:
            rule = "a component that the image does not have yet"
            checks.refuse(at, rule, repr(name), "drop one of them: ids and names that differ in case are the same")
        seen.add(name)


def _check_id(checks: Checks, at: str, id: object) -> str:
    argument, remedy = f"{at}.id", "call it WebServer, say"
    check_known(checks, argument, id, remedy=remedy)
    rule = f"a PascalCase word of 1 to {LONGEST_ID} letters and digits"
    checks.matches(argument, str(id), rf"[A-Z][A-Za-z0-9]{{0,{LONGEST_ID - 1}}}", rule=rule, remedy=remedy)
    if id in CDK_IDS:
        checks.refuse(argument, "one without a meaning of its own in the CDK", repr(id), remedy)
    return f"id {str(id).lower()}"


def _check_own(checks: Checks, at: str, one: ImageComponent, platform: Platform) -> None:
    if (one.document is None) == (one.path is None):
        got = "neither" if one.document is None else "both"
        checks.refuse(f"{at}.document and {at}.path", "given one at a time", got, "give one of them")
    remedy = "give 1.0.0, say: x is for recipes, and for components that exist"
    rule = "three numbers with dots between"
    checks.matches(f"{at}.version", one.version, VERSION, rule=rule, remedy=remedy)
    declared = _check_content(checks, at, one, platform)
    _check_parameters(checks, at, one.parameters)
    for name in one.parameters:
        if name not in declared:
            rule = f"values of parameters that the document declares, {', '.join(declared) or 'which are none'}"
            checks.refuse(f"{at}.parameters", rule, repr(name), "declare it in the document, or leave it out")
        if not isinstance(one.parameters[name], str):
            checks.refuse(f"{at}.parameters[{name!r}]", "text", repr(one.parameters[name]), "give one text")
    for name, required in declared.items():
        if required and name not in one.parameters:
            rule = f"a mapping with {name}, which the document gives no default"
            checks.refuse(f"{at}.parameters", rule, "one without", "give a value, or a default in the document")


def _check_content(checks: Checks, at: str, one: ImageComponent, platform: Platform) -> Mapping[str, bool]:
    """Check the document, and return the parameters that it declares."""
    argument = f"{at}.path" if one.document is None else f"{at}.document"
    if one.document is not None:
        if is_token(one.document) or not isinstance(one.document, Mapping):
            got = "a token" if is_token(one.document) else f"{type(one.document).__name__} {one.document!r}"
            checks.refuse(argument, "a mapping that is known when the app runs", got, "give a file by path")
        check_plain(Node(checks, argument, "", one.document))
    else:
        check_known(checks, argument, str(one.path), remedy="give the path of a file")
    try:
        text, document = read(one)
    except UnreadableError as error:
        checks.refuse(argument, error.rule, error.got, error.remedy)
    declared = check_document(checks, argument, document, platform)
    if one.document is not None and len(text) > LONGEST_INLINE:
        rule = f"at most {LONGEST_INLINE} characters long in JSON"
        checks.refuse(argument, rule, len(text), "write it to a file, and give that by path")
    if len(text.encode()) > LARGEST_FILE:
        rule = f"a file of at most {LARGEST_FILE} bytes"
        checks.refuse(argument, rule, len(text.encode()), "make two components of it")
    return declared


def _check_managed(checks: Checks, scope: Construct, at: str, one: ManagedComponent, platform: Platform) -> str:
    argument = f"{at}.name"
    name = checks.text(argument, one.name, remedy="give update-linux, say, or an ARN")
    remedy = "give x.x.x for the latest"
    checks.matches(f"{at}.version", one.version, FROM_X_ON, rule=FROM_X_ON_RULE, remedy=remedy)
    _check_parameters(checks, at, one.parameters)
    if name is None:
        return one.name
    if not name.startswith("arn:"):
        rule = "a name of lower-case letters, digits and -, or an ARN"
        checks.matches(argument, name, MANAGED, rule=rule, remedy="give update-linux, say")
        _check_platform(checks, argument, name, platform)
        return f"name {name}"
    rule = "the ARN of a component with its version"
    checks.matches(argument, name, ARN, rule=rule, remedy="end it with /x.x.x, say")
    if one.version != "x.x.x":
        got = f"the ARN's and {one.version!r}"
        checks.refuse(f"{at}.version", "left out with an ARN", got, "put it at the end of the ARN")
    here, there = cdk.Stack.of(scope).region, name.split(":")[3]
    if here != there and not is_token(here):
        rule = f"in the region of the stack, {here}"
        checks.refuse(argument, rule, there, "use one of the same region")
    if name.split(":")[4].startswith("aws"):
        _check_platform(checks, argument, name.split("/")[1], platform)
    return f"name {name.split('/')[1]}"


def _check_platform(checks: Checks, argument: str, name: str, platform: Platform) -> None:
    for other, ending in ENDINGS.items():
        if other != platform and re.search(rf"{ending}(?:-|$)", name):
            mended = name.replace(ending, ENDINGS[platform])
            rule = f"for {platform} when platform is {platform}"
            checks.refuse(argument, rule, repr(name), f"write {mended!r}, if there is one")


def _check_parameters(checks: Checks, at: str, parameters: object) -> None:
    argument, remedy = f"{at}.parameters", "give {'Name': 'value'}"
    if not isinstance(parameters, Mapping):
        checks.refuse(argument, "a mapping of names to values", f"{type(parameters).__name__} {parameters!r}", remedy)
    for name, value in parameters.items():
        check_known(checks, argument, name, remedy=remedy)
        each = f"{argument}[{name!r}]"
        if isinstance(value, Sequence) and not isinstance(value, str):
            values = elements(checks, each, value, unit="texts", remedy=remedy, low=1)
        else:
            values = [value]
        for one in values:
            checks.any_text(each, one, remedy=remedy)
            if "\0" in one:
                checks.refuse(each, "text without the character 0", repr(one), "leave it out")
