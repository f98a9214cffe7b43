"""Bad arguments of the pipeline are refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_refarch import (
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    FleetDeployRoles,
    ImageBuilderCicd,
    ImageDeployment,
    TemplateBuild,
)
from tests.unit import refusals as given
from tests.unit.image_builder_cicd import delivery_built as known
from tests.unit.refusals import Call, Case, anywhere, fresh, names, refused

stack = fresh()
MINUTES = cdk.Duration.minutes
REPOSITORY = codecommit.Repository.from_repository_arn(stack, "Repository", f"arn:aws:codecommit:{given.HERE}:r")
FAR_REPOSITORY = codecommit.Repository.from_repository_arn(stack, "FarRepo", f"arn:aws:codecommit:{given.THERE}:r")
OTHERS_REPOSITORY = codecommit.Repository.from_repository_arn(
    stack, "OthersRepo", f"arn:aws:codecommit:{given.OTHERS}:r"
)
ROLE = iam.Role.from_role_arn(stack, "Deployer", "arn:aws:iam::111122223333:role/deploy")
OTHERS_ROLE = iam.Role.from_role_arn(stack, "OthersDeployer", "arn:aws:iam::444455556666:role/deploy")
STATEMENT = iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::b/*"])
KEYLESS = s3.Bucket.from_bucket_attributes(stack, "Keyless", bucket_name="far", region="us-east-1")
KEYED = known.far_bucket(stack, "Keyed")
BUCKETS = {"us-east-1": KEYED}
AWAY: dict[str, Any] = {
    "account": "444455556666",
    "action_role_arn": known.ACTION_ROLE,
    "deploy_role_arn": known.DEPLOY_ROLE,
}
WORD = "id of each of fleets must be a PascalCase word of 1 to 64 letters and digits, got"


def cicd(scope: cdk.Stack = stack, **arguments: Any) -> Call:
    return lambda: ImageBuilderCicd(scope, "Tested", **arguments)


def source(kind: Any = CodeCommitSource, **arguments: Any) -> Call:
    return cicd(source=kind(**arguments))


def connection(arn: Any = known.CONNECTION, repository: Any = "owner/name", branch: Any = "main") -> Call:
    return source(ConnectionSource, connection_arn=arn, repository=repository, branch=branch)


def build(**arguments: Any) -> Call:
    return cicd(build=TemplateBuild(**arguments))


def image(**arguments: Any) -> Call:
    return cicd(image=ImageDeployment(**arguments))


def fleet(buckets: Any = {}, scope: cdk.Stack = stack, **arguments: Any) -> Call:  # noqa: B006
    return cicd(scope, fleets=[FleetDeployment(**arguments)], artifact_buckets=buckets)


def approval(**arguments: Any) -> Call:
    return cicd(approval=Approval(**arguments))


SOURCES: list[Case] = [
    (cicd(source="main"), "source must be a CodeCommitSource or a ConnectionSource, got str 'main'; give CodeCommitSource(), say"),
    (cicd(source=None), "source must be a CodeCommitSource or a ConnectionSource, got NoneType None; give CodeCommitSource(), say"),
    *(
        (source(branch=bad), f"branch of source must be the name of one branch, got {bad!r}; write the name alone, without refs/heads/ and wildcards")
        for bad in ("", "release/*", "a b", "refs/heads/main", "main?", "/main", "main/", "a..b", "a" * 256, "[main]")
    ),
    (source(branch=None), "branch of source must be text, got NoneType None; write the name alone, without refs/heads/ and wildcards"),
    (source(repository="r"), "repository of source must be an IRepository, got str 'r'; give a construct that implements IRepository"),
    (source(repository=FAR_REPOSITORY), f"repository of source {given.ELSEWHERE}"),
    (source(repository=OTHERS_REPOSITORY), f"repository of source {given.OTHER_ACCOUNT}; use a repository of the same account"),
    *(
        (connection(arn=bad), f"connection_arn of source must be the ARN of a connection, got {bad!r}; give the ARN from the console of CodePipeline, under Settings and Connections")
        for bad in ("", "github", f"arn:aws:codeconnections:{given.HERE}:host/01234567-89ab-cdef-0123-456789abcdef", known.CONNECTION + "0")
    ),
    *(
        (connection(repository=bad), f"repository of source must be owner and name with a slash between, got {bad!r}; write it as owner/name, without the host and .git")
        for bad in ("", "name", "owner/", "/name", "https://github.com/owner/name", "owner name/x")
    ),
    (connection(branch="*"), "branch of source must be the name of one branch, got '*'; write the name alone, without refs/heads/ and wildcards"),
]  # fmt: skip

BUILDS: list[Case] = [
    (cicd(build=None), "build must be a TemplateBuild, got NoneType None; give TemplateBuild() or leave it out"),
    *(
        (build(buildspec=bad), f"buildspec of build must be a path in the repository, got {bad!r}; write it as ci/buildspec.yml")
        for bad in ("", "/buildspec.yml", "../buildspec.yml", "ci/../../b.yml", "arn:aws:s3:::b/k", "a b.yml")
    ),
    (build(environment=["A"]), "environment of build must be a mapping of names to text, got list ['A']; give {'STAGE': 'production'}, say"),
    (build(environment={"A": 1}), "environment of build A must be text, got int 1; give text, as in '2'"),
    *(
        (build(environment={bad: "x"}), f"each name in environment of build must be a letter or _, then letters, digits and _, got {bad!r}; rename the variable")
        for bad in ("", "1A", "A-B", "A B")
    ),
    (build(environment={"CODEBUILD_X": "x"}), "each name in environment of build must be one that CodeBuild does not set, got 'CODEBUILD_X'; rename the variable"),
    *(
        (build(environment={bad: "x"}), f"each name in environment of build must be one that the pipeline does not set, got {bad!r}; rename the variable")
        for bad in ("IMAGE_STACK", "FLEET_STACKS", "PERMISSIONS_BOUNDARY", "CDK_QUALIFIER")
    ),
    *(
        (build(environment={bad: value}), f"each name in environment of build must be of a value that is no secret, for it stands in the template, got {bad!r}; keep it in AWS Secrets Manager, and name it under env in the buildspec")
        for bad, value in (("AWS_SECRET_ACCESS_KEY", "x"), ("db_password", "x"), ("NPM_TOKEN", "x"), ("ID", "AKIAIOSFODNN7EXAMPLE"))
    ),
    (build(timeout=30), "timeout of build must be a Duration, got int 30; give cdk.Duration.minutes(30), say"),
    (build(timeout=None), "timeout of build must be a Duration, got NoneType None; give cdk.Duration.minutes(30), say"),
    (build(timeout=MINUTES(4)), "timeout of build must be from 5 minutes to 2160 minutes, got 4 minutes; give cdk.Duration.minutes(30), say"),
    (build(timeout=MINUTES(2161)), "timeout of build must be from 5 minutes to 2160 minutes, got 2161 minutes; give cdk.Duration.minutes(30), say"),
    (build(timeout=cdk.Duration.seconds(330)), "timeout of build must be in whole minutes, got 330 seconds; give cdk.Duration.minutes(30), say"),
    (build(timeout=cdk.Duration.seconds(given.LATER_NUMBER)), "timeout of build must be known when the app runs, got a token; give cdk.Duration.minutes(30), say"),
    *(
        (build(bootstrap_qualifier=bad), f"bootstrap_qualifier must be from 1 to 10 letters, digits, _ and -, got {bad!r}; give the one that cdk bootstrap was called with, which is hnb659fds unless it was told")
        for bad in ("", "12345678901", "a*")
    ),
]  # fmt: skip

STACK = "a letter, then up to 59 letters, digits and -"
IMAGES: list[Case] = [
    (cicd(image=None), "image must be an ImageDeployment, got NoneType None; give ImageDeployment() or leave it out"),
    *(
        (image(stack_name=bad), f"stack_name of image must be {STACK}, got {bad!r}; call it GoldenImage, say")
        for bad in ("", "1Image", "Golden_Image", "I" * 61, "Image*")
    ),
    (image(stack_name=given.LATER), "stack_name of image must be known when the app runs, got a token; call it GoldenImage, say"),
    *(
        (image(template=bad), f"template of image must be a path among the artifacts of the build, got {bad!r}; write it as GoldenImage.template.json")
        for bad in ("", "/a.json", "../a.json", "Templates::a.json")
    ),
    (image(deploy_role="r"), "deploy_role of image must be an IRole, got str 'r'; give a construct that implements IRole"),
    (image(deploy_role=OTHERS_ROLE), f"deploy_role of image {given.OTHER_ACCOUNT}; use a role of the same account"),
    (image(statements=STATEMENT), f"statements of image must be a list, got PolicyStatement {STATEMENT!r}; give [iam.PolicyStatement(...)]"),
    (image(statements=["s3:GetObject"]), "each of statements of image must be a PolicyStatement, got str 's3:GetObject'; give [iam.PolicyStatement(...)]"),
    (image(deploy_role=ROLE, statements=[STATEMENT]), "deploy_role and statements of image must be given alone, for statements are those of a role that is created, got both; give the statements to the role"),
    (image(stack_name="Fleet"), "stack_name of image and fleets must be a name of its own for each stack, got 'Fleet' twice; rename one of the stacks"),
    (image(stack_name="fleet"), "stack_name of image and fleets must be a name of its own for each stack, got 'Fleet' twice; rename one of the stacks"),
    (image(stack_name="Fleet-image"), "stack_name of image and fleets must be names of which none begins with another, for roles are limited by them, got 'Fleet' and 'Fleet-image'; rename one of the stacks"),
    (image(stack_name="Stack"), "stack_name of image and fleets must be names of which none begins with another, for roles are limited by them, got 'Stack' and 'Stack'; rename one of the stacks"),
]  # fmt: skip

FLEETS: list[Case] = [
    (cicd(fleets=[]), "fleets must be a list of 1 to 26 fleets, got a list of 0; give [FleetDeployment(...)]"),
    (cicd(fleets=[FleetDeployment()] * 27), "fleets must be a list of 1 to 26 fleets, got a list of 27; give [FleetDeployment(...)]"),
    (cicd(fleets=FleetDeployment()), "fleets must be a list, got one FleetDeployment; put brackets around it"),
    (cicd(fleets=["Fleet"]), "each of fleets must be a FleetDeployment, got str 'Fleet'; give FleetDeployment(...)"),
    (cicd(fleets=[FleetDeployment(), FleetDeployment(stack_name="Other")]), "fleets must be a list with distinct ids, got 'Fleet' twice; give one of them another id"),
    *((fleet(id=bad), f"{WORD} {bad!r}; call it Canary, say") for bad in ("", "fleet", "My-Fleet", "F" * 65)),
    (fleet(id="Resource"), "id of each of fleets must be one without a meaning of its own in the CDK, got 'Resource'; call it Canary, say"),
    (fleet(stack_name="a b"), f"Fleet: stack_name must be {STACK}, got 'a b'; call it GoldenImage, say"),
    (fleet(template="/x"), "Fleet: template must be a path among the artifacts of the build, got '/x'; write it as GoldenImage.template.json"),
    (fleet(parameters=[]), "Fleet: parameters must be a mapping of names to text, got list []; give {'MinSize': '2'}, say"),
    (fleet(parameters={"MinSize": 2}), "Fleet: parameters MinSize must be text, got int 2; give text, as in '2'"),
    (fleet(parameters={"Min-Size": "2"}), "Fleet: each name in parameters must be letters and digits alone, got 'Min-Size'; rename it"),
    (fleet(parameters={"A": "b" * 993}), "Fleet: parameters must be at most 1000 characters as JSON, got 1001; give what is long a default in the template"),
    (fleet(statements=[None]), "Fleet: each of statements must be a PolicyStatement, got NoneType None; give [iam.PolicyStatement(...)]"),
    (fleet(region="europe"), "Fleet: region must be the name of a region, got 'europe'; give 'eu-west-1', say"),
    (fleet(region="us-east-1"), "Fleet: region and artifact_buckets must be one that artifact_buckets has a bucket for when it is not the pipeline's, eu-west-1, got 'us-east-1'; give a bucket of that region"),
    (fleet(region=given.LATER), "Fleet: region must be known when the app runs, got a token; give 'eu-west-1', say"),
    (fleet(account="4444"), "Fleet: account must be an account id of 12 digits, got '4444'; give '111122223333', say"),
    (fleet(account="444455556666"), "Fleet: action_role_arn and deploy_role_arn must be given when account is another than the pipeline's, got 444455556666 without action_role_arn; create FleetDeployRoles in that account and give its roles"),
    (fleet(account="444455556666", action_role_arn=known.ACTION_ROLE), "Fleet: action_role_arn and deploy_role_arn must be given when account is another than the pipeline's, got 444455556666 without deploy_role_arn; create FleetDeployRoles in that account and give its roles"),
    (fleet(action_role_arn=known.ACTION_ROLE), f"Fleet: action_role_arn must be left out for the pipeline's own account, got '{known.ACTION_ROLE}'; give account, or leave it out: the role is created here"),
    (fleet(account="111122223333", action_role_arn=known.ACTION_ROLE), f"Fleet: action_role_arn must be left out for the pipeline's own account, got '{known.ACTION_ROLE}'; give account, or leave it out: the role is created here"),
    (fleet(**{**AWAY, "account": "777788889999"}), "Fleet: action_role_arn must be a role of the fleet's account, 777788889999, got 444455556666; give a role of that account"),
    (fleet(deploy_role_arn="deploy"), "Fleet: deploy_role_arn must be the ARN of a role, got 'deploy'; give the ARN of a role, as in arn:aws:iam::111122223333:role/Deploy"),
    (fleet(deploy_role_arn=known.DEPLOY_ROLE, statements=[STATEMENT]), "Fleet: deploy_role_arn and statements must be given alone, for statements are those of a role that is created, got both; give the statements to the role"),
    (fleet({"us-east-1": KEYLESS}, region="us-east-1", **AWAY), "Fleet: artifact_buckets us-east-1 must be a bucket with a key of your own when the fleet is in another account, got one without a key; give one by s3.Bucket.from_bucket_attributes with its encryption_key, which that account may use"),
    (cicd(artifact_buckets=[KEYED]), f"artifact_buckets must be a mapping of regions to buckets, got list [{KEYED!r}]; give {{'us-east-1': bucket}}, say"),
    (cicd(artifact_buckets={"us-east-1": None}), "artifact_buckets us-east-1 must be an IBucket, got NoneType None; give a construct that implements IBucket"),
    (cicd(artifact_buckets={"us-east-1": "b"}), "artifact_buckets us-east-1 must be an IBucket, got str 'b'; give a construct that implements IBucket"),
    (cicd(artifact_buckets={"east": KEYED}), "each region in artifact_buckets must be the name of a region, got 'east'; write regions as 'eu-west-1'"),
    (cicd(artifact_buckets={"eu-west-1": KEYED}), "artifact_buckets eu-west-1 must be of another region than the pipeline's, whose bucket is created, got 'eu-west-1'; leave it out"),
    (cicd(artifact_buckets={"us-west-2": KEYED}), "artifact_buckets us-west-2 must be a bucket of that region, got us-east-1; give it under its own region"),
    (cicd(artifact_buckets={"us-east-1": given.ALIASED_BUCKET}), f"encryption_key of artifact_buckets us-east-1 {given.AN_ALIAS}"),
]  # fmt: skip

OTHERS: list[Case] = [
    (cicd(approval=True), "approval must be an Approval, got bool True; give Approval(), or None to ask nobody"),
    (approval(topic="t"), "topic of approval must be an ITopic, got str 't'; give a construct that implements ITopic"),
    (approval(topic=given.FAR_TOPIC), f"topic of approval {given.ELSEWHERE}"),
    (approval(topic=given.OTHERS_TOPIC), f"topic of approval {given.OTHER_ACCOUNT}; use a topic of the same account"),
    (approval(topic=given.FIFO_TOPIC), "topic of approval must be a standard topic, got a FIFO one; CodePipeline cannot publish to FIFO ones"),
    (approval(emails="ops@example.com"), "emails of approval must be a list, got str 'ops@example.com'; give ['ops@example.com'], say"),
    (approval(emails=["ops"]), "emails of approval must be a list of addresses, got 'ops'; give ['ops@example.com'], say"),
    (approval(emails=["a@b.c", "a@b.c"]), "emails of approval must be a list without repetition, got 'a@b.c' twice; drop one of them"),
    (approval(topic=given.TOPIC, emails=["a@b.c"]), "topic and emails of approval must be given alone, for emails are subscribed to a topic that is created, got both; subscribe the addresses to the topic"),
    (approval(timeout=MINUTES(4)), "timeout of approval must be from 5 minutes to 86400 minutes, got 4 minutes; give cdk.Duration.minutes(30), say"),
    (approval(timeout=MINUTES(86401)), "timeout of approval must be from 5 minutes to 86400 minutes, got 86401 minutes; give cdk.Duration.minutes(30), say"),
    (cicd(follow_images="false"), "follow_images must be True or False, got 'false'; give False to roll out commits only"),
    (cicd(boundary_statements=STATEMENT), f"boundary_statements must be a list, got PolicyStatement {STATEMENT!r}; give [iam.PolicyStatement(...)]"),
    (cicd(access_log_bucket=given.KEYED_BUCKET), "access_log_bucket must be a bucket without a KMS key, got one with a key; use a bucket encrypted with S3-managed keys: access logs are not delivered to others"),
    (cicd(access_log_bucket=given.FAR_BUCKET), f"access_log_bucket {given.ELSEWHERE}"),
    (cicd(access_log_bucket=given.OTHERS_BUCKET), f"access_log_bucket {given.OTHER_ACCOUNT}; use a bucket of the same account"),
    (cicd(encryption_key=given.ALIAS), f"encryption_key {given.AN_ALIAS}"),
    (cicd(log_retention=90), "log_retention must be a RetentionDays, got int 90; give logs.RetentionDays.ONE_YEAR, say"),
    (cicd(removal_policy="destroy"), "removal_policy must be a RemovalPolicy, got str 'destroy'; give cdk.RemovalPolicy.RETAIN or cdk.RemovalPolicy.DESTROY"),
]  # fmt: skip

ROLE_ARGUMENTS: dict[str, Any] = {
    "pipeline_role_arn": known.PIPELINE_ROLE,
    "artifact_bucket_arn": "arn:aws:s3:::artifacts",
    "artifact_key_arn": known.FAR_KEY,
    "boundary_name": "Boundary",
}


def roles(**arguments: Any) -> Call:
    return lambda: FleetDeployRoles(stack, "Tested", **{**ROLE_ARGUMENTS, **arguments})


ROLES: list[Case] = [
    (roles(stack_name=""), f"stack_name must be {STACK}, got ''; call it GoldenImage, say"),
    (roles(stack_name="Stack"), "stack_name must be names of which none begins with another, for roles are limited by them, got 'Stack' and 'Stack'; rename one of the stacks"),
    (roles(image_stack="a_b"), f"image_stack must be {STACK}, got 'a_b'; call it GoldenImage, say"),
    *(
        (roles(pipeline_role_arn=bad), f"pipeline_role_arn must be the ARN of a role, where * may stand for the end of its name, got {bad!r}; give pipeline_role.role_arn of ImageBuilderCicd as text, which its stack has as an output")
        for bad in ("", "*", "arn:aws:iam::*:role/Delivery", "arn:aws:iam::111122223333:user/me", "arn:aws:iam::111122223333:role/*x")
    ),
    (roles(pipeline_role_arn=given.LATER), "pipeline_role_arn must be known when the app runs, got a token; give pipeline_role.role_arn of ImageBuilderCicd as text, which its stack has as an output"),
    (roles(artifact_bucket_arn="artifacts"), "artifact_bucket_arn must be the ARN of a bucket, got 'artifacts'; give the ARN of the bucket that the pipeline uses in this region"),
    (roles(artifact_key_arn="alias/x"), "artifact_key_arn must be the ARN of a key, got 'alias/x'; give the ARN of the key that the pipeline uses in this region"),
    (roles(existing_boundary="no"), "existing_boundary must be True or False, got 'no'; give existing_boundary=True or False"),
    (roles(existing_boundary=True, boundary_statements=[STATEMENT]), "existing_boundary and boundary_statements must be given one at a time, got both; give boundary_statements to the FleetDeployRoles that creates the boundary"),
    (roles(boundary_name="a b"), "boundary_name must be from 1 to 128 letters, digits and +=,.@_-, got 'a b'; give boundary_name of ImageBuilderCicd as text, which its stack has as an output"),
    (roles(bootstrap_qualifier=""), "bootstrap_qualifier must be from 1 to 10 letters, digits, _ and -, got ''; give the one that cdk bootstrap was called with, which is hnb659fds unless it was told"),
    (roles(statements=STATEMENT), f"statements must be a list, got PolicyStatement {STATEMENT!r}; give [iam.PolicyStatement(...)]"),
    (roles(boundary_statements=[1]), "each of boundary_statements must be a PolicyStatement, got int 1; give [iam.PolicyStatement(...)]"),
]  # fmt: skip

CASES = [*SOURCES, *BUILDS, *IMAGES, *FLEETS, *OTHERS, *ROLES]


@pytest.mark.parametrize(("call", "message"), CASES, ids=names(CASES))
def test_bad_arguments_are_refused(call: Call, message: str) -> None:
    shown, _, remedy = message.rpartition("; ")
    rule, got, value = shown.partition(", got ")
    # As the message shows long values.
    cut = value if len(value) <= 120 else value[:120] + "..."
    try:
        refused(call, f"{rule}{got}{cut}; {remedy}")
    finally:
        left = stack.node.try_remove_child("Tested")
    assert not left


def test_a_region_needs_a_pipeline_whose_own_is_known() -> None:
    with pytest.raises(
        ValueError, match="Anywhere/Tested/Fleet: region must be left out when the stack's own is not known"
    ):
        fleet(BUCKETS, anywhere, region="us-east-1")()


GOOD: dict[str, Call] = {
    "branches": source(branch="release/2026.01"),
    "a repository": source(repository=REPOSITORY),
    "the shortest build": build(timeout=MINUTES(5), environment={"_a1": "x", "STAGE": given.LATER}),
    "the longest build": build(timeout=MINUTES(2160), buildspec="ci/.build-1.yml"),
    "the shortest approval": approval(timeout=MINUTES(5)),
    "the longest approval": approval(timeout=MINUTES(86400)),
    "the longest stack": image(stack_name="I" * 60),
    "a stack beside": image(stack_name="Fleets"),
    "most parameters": fleet(parameters={"A": "b" * 992}),
    "most fleets": cicd(fleets=[FleetDeployment(id=f"F{number}", stack_name=f"Web{number}") for number in range(26)]),
    "the own region and account": fleet(region="eu-west-1", account="111122223333"),
    "another account": fleet(BUCKETS, region="us-east-1", **AWAY),
    "a connection of later": connection(arn=given.LATER, repository=given.LATER, branch=given.LATER),
    "an old connection": connection(arn=known.OLD_CONNECTION),
    "a topic with a key": approval(topic=given.OWN_TOPIC),
}


@pytest.mark.parametrize("name", GOOD)
def test_the_bounds_themselves_are_taken(name: str) -> None:
    made = GOOD[name]()
    assert isinstance(made, ImageBuilderCicd)
    stack.node.try_remove_child("Tested")


def test_two_pipelines_of_one_stack_do_not_deploy_the_same_stacks() -> None:
    own = cdk.Stack(cdk.App(), "Own")
    ImageBuilderCicd(own, "First")
    with pytest.raises(ValueError, match="Own/Second: image must be made once in a stack, got another by Own/First"):
        ImageBuilderCicd(own, "Second", fleets=[FleetDeployment(stack_name="Other")])
    with pytest.raises(ValueError, match="Own/Second: fleets must be made once in a stack, got another by Own/First"):
        ImageBuilderCicd(own, "Second", image=ImageDeployment(stack_name="Other"))
    ImageBuilderCicd(
        own, "Third", image=ImageDeployment(stack_name="Image3"), fleets=[FleetDeployment(stack_name="Web3")]
    )
