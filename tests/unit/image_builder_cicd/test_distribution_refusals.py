"""Places that an image cannot go to, or where nobody could use it, are refused in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms

from cdk_refarch.image_builder_cicd.image import distribution_checks
from cdk_refarch.image_builder_cicd.image.image_values import ImageRegion, LaunchTemplateUpdate
from tests.unit import refusals as given
from tests.unit.image_builder_cicd.refusals import stack
from tests.unit.refusals import Call, Case, checks, names, refused

CFN_KEY = kms.CfnKey(cdk.Stack(cdk.App(), "Far", env=cdk.Environment(region="us-east-1")), "Key")
FAR = {"region": "us-east-1", "encryption_key": given.FAR_KEY}
OTHER = "444455556666"
ORGANIZATION = "arn:aws:organizations::111122223333:organization/o-exampleorgid"
UNIT = "arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-exam-pleouid1"
TEMPLATE = "lt-0123456789abcdef0"
LINKED = LaunchTemplateUpdate(launch_template_id=TEMPLATE)


def regions(*wanted: Any, scope: cdk.Stack = stack, name: Any = None) -> Call:
    return lambda: distribution_checks.check_distribution(checks, scope, list(wanted), name)


def home(**arguments: Any) -> Call:
    return regions(ImageRegion(**arguments))


def far(**arguments: Any) -> Call:
    return regions(ImageRegion(), ImageRegion(**{"region": "us-east-1", **arguments}))


def templates(**arguments: Any) -> Call:
    return home(launch_templates=[LaunchTemplateUpdate(**{"launch_template_id": TEMPLATE, **arguments})])


def parameter(name: Any) -> Call:
    return regions(ImageRegion(), name=name)


ACCOUNTS = "must be a list of accounts with 12 digits, got"
QUOTES = "put it in quotes, with its zeros"
NO_KEY = "distribution[1].encryption_key must be a key when {} is given, got None; no other account can use the AWS managed key of Amazon EBS"
PATHS = "parameter_name must be a path from / on, of letters, digits and _ . - /, got"
SAY = "give /images/web-server, say"

CASES: list[Case] = [
    (lambda: distribution_checks.check_distribution(checks, stack, "eu-west-1", None), "distribution must be a list, got str 'eu-west-1'; give [ImageRegion(), ImageRegion(region='eu-central-1')], say"),
    (regions(), "distribution must be a list of 1 or more regions, got a list of 0; give [ImageRegion(), ImageRegion(region='eu-central-1')], say"),
    (regions("eu-west-1"), "distribution[0] must be an ImageRegion, got str 'eu-west-1'; give ImageRegion(...)"),
    (regions(ImageRegion(region="us-east-1")), "distribution must be a list with the region of the stack, where the image is built, got us-east-1; add ImageRegion()"),
    (regions(ImageRegion(region="eu-west-1"), scope=given.anywhere), "distribution must be a list with the region of the stack, where the image is built, got eu-west-1; add ImageRegion()"),
    (regions(ImageRegion(), ImageRegion(region="eu-west-1")), "distribution must be a list with each region once, got the region of the stack twice; make one of the two"),
    (regions(ImageRegion(), *[ImageRegion(region="us-east-1")] * 2), "distribution must be a list with each region once, got us-east-1 twice; make one of the two"),
    *((far(region=wrong), f"distribution[1].region must be the name of a region, got {wrong!r}; give eu-central-1, say, or leave it out for the stack's") for wrong in ("Ireland", "eu-west", "")),
    (far(region=given.LATER), "distribution[1].region must be known when the app runs, got a token; give eu-central-1, say, or leave it out for the stack's"),
    *((far(region=wrong), f"distribution[1].region must be in the partition of the stack's region, eu-west-1, got {wrong}; make an image of its own there: none gets across") for wrong in ("cn-north-1", "us-gov-west-1", "eusc-de-east-1")),
    *((home(**{name: ["12345678901"]}), f"distribution[0].{name} {ACCOUNTS} '12345678901'; {QUOTES}") for name in ("copy_to_accounts", "share_with_accounts")),
    (home(copy_to_accounts=[444455556666]), f"distribution[0].copy_to_accounts must be text, got int 444455556666; {QUOTES}"),
    (home(copy_to_accounts=OTHER), f"distribution[0].copy_to_accounts must be a list, got str '{OTHER}'; give ['111122223333'], say"),
    *((home(**{name: [OTHER, "111122223333"]}), f"distribution[0].{name} must be a list of other accounts, got 111122223333, the stack's; drop it: it has the image") for name in ("copy_to_accounts", "share_with_accounts")),
    (home(copy_to_accounts=[OTHER, OTHER]), f"distribution[0].copy_to_accounts must be a list without repetition, got '{OTHER}' twice; drop one of them"),
    (home(copy_to_accounts=[f"{number:012}" for number in range(1537)]), "distribution[0].copy_to_accounts must be a list of 0 to 1536 accounts, got a list of 1537; give ['111122223333'], say"),
    (home(share_with_organizations=["o-exampleorgid"]), "distribution[0].share_with_organizations must be a list of ARNs of organizations, got 'o-exampleorgid'; copy it from AWS Organizations"),
    (home(share_with_organizations=[given.LATER]), "distribution[0].share_with_organizations must be known when the app runs, got a token; copy it from AWS Organizations"),
    (home(share_with_organizational_units=[ORGANIZATION]), f"distribution[0].share_with_organizational_units must be a list of ARNs of organizational units, got '{ORGANIZATION}'; copy it from AWS Organizations"),
    *(
        (far(**{name: [one]}), NO_KEY.format(name))
        for name, one in (("copy_to_accounts", OTHER), ("share_with_accounts", OTHER), ("share_with_organizations", ORGANIZATION), ("share_with_organizational_units", UNIT))
    ),
    (far(encryption_key="alias/own"), "distribution[1].encryption_key must be an IKey, got str 'alias/own'; give a construct that implements IKey"),
    (far(encryption_key=given.ALIAS), f"distribution[1].encryption_key {given.AN_ALIAS}"),
    (far(encryption_key=given.KEY), "distribution[1].encryption_key must be in the region that the image goes to, us-east-1, got eu-west-1; use one of that region"),
    *((regions(ImageRegion(region=region, encryption_key=given.KEY)), "distribution[0].encryption_key must be left out for the region of the stack, got a key; give it as encryption_key of the image") for region in (None, "eu-west-1")),
    (home(launch_templates=LINKED), "distribution[0].launch_templates must be a list, got LaunchTemplateUpdate LaunchTemplateUpdate(launch_template_id='lt-0123456789abcdef0', account=None, set_default=True); give [LaunchTemplateUpdate(launch_template_id='lt-...')]"),
    (home(launch_templates=[TEMPLATE]), f"distribution[0].launch_templates[0] must be a LaunchTemplateUpdate, got str '{TEMPLATE}'; give [LaunchTemplateUpdate(launch_template_id='lt-...')]"),
    (templates(account=OTHER), f"distribution[0].launch_templates[0].account and distribution[0].copy_to_accounts must be given together, for Image Builder acts there with the role that copies need, got {OTHER} in the first alone; add it to copy_to_accounts"),
    (home(launch_templates=[LINKED] * 101), "distribution[0].launch_templates must be a list of 0 to 100 launch templates, got a list of 101; give [LaunchTemplateUpdate(launch_template_id='lt-...')]"),
    (home(launch_templates=[LINKED, LINKED]), f"distribution[0].launch_templates must be a list without repetition, got '{TEMPLATE}' twice; drop one of them"),
    (templates(launch_template_id="web-server"), "distribution[0].launch_templates[0].launch_template_id must be the id of a launch template, lt- and 17 letters and digits, got 'web-server'; give its id: Image Builder knows no names"),
    (templates(account="1"), "distribution[0].launch_templates[0].account must be an account with 12 digits, got '1'; leave it out for the stack's"),
    (templates(set_default=None), "distribution[0].launch_templates[0].set_default must be True or False, got None; give False to leave the default one"),
    (home(parameter="yes"), "distribution[0].parameter must be True or False, got 'yes'; give False to write no parameter there"),
    (parameter(""), f"parameter_name must be text that is not empty, got ''; {SAY}"),
    *((parameter(wrong), f"{PATHS} {wrong!r}; {SAY}") for wrong in ("web", "/", "/web/", "//web", "/web server", "/ü", "/web\n")),
    (parameter("/" + "a" * 1011), "parameter_name must be at most 1011 characters long, got 1012; give a shorter one"),
    (parameter("/a" * 16), "parameter_name must be a path of at most 15 levels, got 16; give a shorter one"),
    *((parameter(wrong), f"parameter_name must be a path that begins with neither aws nor ssm, got {wrong!r}; these are of AWS's own") for wrong in ("/aws/web", "/SSM-web")),
    (regions(ImageRegion(parameter=False), name="/web"), "parameter_name and parameter of distribution must be given for one region or more, got '/web' for none; leave parameter_name out, or give ImageRegion(parameter=True)"),
]  # fmt: skip

LEGAL: list[Call] = [
    regions(ImageRegion()),
    regions(ImageRegion(region="eu-west-1"), ImageRegion(region="us-east-1")),
    regions(ImageRegion(), ImageRegion(region="eu-west-1"), scope=given.anywhere),
    far(),
    far(**FAR, copy_to_accounts=[OTHER], share_with_accounts=[OTHER], share_with_organizations=[ORGANIZATION]),
    far(encryption_key=CFN_KEY, share_with_organizational_units=[UNIT]),
    home(copy_to_accounts=[OTHER, given.LATER], share_with_accounts=[given.LATER]),
    home(copy_to_accounts=[f"{number:012}" for number in range(1536)]),
    regions(ImageRegion(copy_to_accounts=["111122223333"]), scope=given.anywhere),
    home(
        copy_to_accounts=[OTHER],
        launch_templates=[
            LINKED,
            LaunchTemplateUpdate(launch_template_id="lt-0123456789abcdef1", account="111122223333"),
            LaunchTemplateUpdate(launch_template_id=given.LATER, account=OTHER, set_default=False),
        ],
    ),
    parameter("/" + "a" * 1010),
    parameter("/a" * 15),
    parameter("/imagebuilder/web-1.0_x"),
    parameter(given.LATER),
    regions(ImageRegion(parameter=False)),
    regions(ImageRegion(parameter=False), ImageRegion(region="us-east-1"), name="/web"),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=names(CASES))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()
