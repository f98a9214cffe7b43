"""The compliance report is that of the stacks as they are, and each open finding in it has a sentence."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_refarch
from scripts import compliance
from scripts.compliance import Finding, Found, Sentence
from tests.conftest import EXAMPLES, Apps

FINDING = Finding("S3BucketReplicationEnabled", "Lake/Raw/Resource", "PCI.DSS.321", "The bucket is not replicated.")
LAKE: Found = {("app.py", "Lake"): {FINDING}}
TEXT = "Fixed by the account, which replicates every bucket to another region."


@pytest.fixture(scope="session")
def found(apps: Apps) -> Found:
    """What is found in the apps as the gate has them, which run under all packs."""
    found: Found = {}
    for name in apps.names():
        path = EXAMPLES.get(name, compliance.ROOT / "app.py")
        found |= compliance.examined(path.relative_to(compliance.ROOT).as_posix(), apps.get(name).app)
    return found


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What is found in one bucket that lacks everything, and of which one lack is acknowledged."""
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("small")))
    bucket = s3.Bucket(cdk.Stack(app, "Lake"), "Raw")
    cdk.Stack(app, "Empty")
    cdk.Validations.of(bucket).acknowledge(
        cdk.Acknowledgment(id="NIST.800.53.R5::NIST.800.53.R5-S3BucketReplicationEnabled", reason="Nobody | wants it.")
    )
    compliance.add_packs(app)
    return compliance.examined("small.py", app)


def test_the_page_is_up_to_date_and_every_finding_has_a_sentence(found: Found) -> None:
    page = compliance.rendered(found, compliance.sentences(compliance.SENTENCES.read_text()))
    assert page == compliance.PAGE.read_text(), "run python scripts/compliance.py"


def test_the_page_has_every_stack_of_the_app_and_of_every_example(found: Found) -> None:
    apps = {app for app, _ in found}
    assert apps == {
        "app.py",
        *(str(path.relative_to(compliance.ROOT)) for path in compliance.ROOT.glob("examples/**/app.py")),
    }


def test_every_argument_that_a_sentence_names_exists() -> None:
    text = compliance.SENTENCES.read_text()
    named = re.findall(r"`(\w+)\((\w+)=", text)
    assert named
    for owner, argument in named:
        taken = inspect.signature(getattr(cdk_refarch, owner).__init__).parameters
        assert argument in taken, f"{owner}({argument}=...)"


def test_a_finding_without_a_sentence_fails_and_says_where_and_what_to_do() -> None:
    hipaa = replace(FINDING, pack="HIPAA.Security", description=f"{FINDING.description} - (Control IDs: 164.308).")
    with pytest.raises(ValueError, match="must have a sentence") as error:
        compliance.rendered({("app.py", "Lake"): {FINDING, hipaa}}, [])
    assert str(error.value) == (
        "app.py: stack Lake: Lake/Raw/Resource: S3BucketReplicationEnabled of HIPAA, PCI must have a sentence, "
        "got none for 'The bucket is not replicated.'; mend the construct, or add [[S3BucketReplicationEnabled]] "
        "with a sentence to docs/compliance.toml"
    )


@pytest.mark.parametrize(
    "stale",
    [
        Sentence("S3BucketReplicationEnabled", "*/Other/Resource", TEXT),
        Sentence("S3BucketLoggingEnabled", "*/Raw/Resource", TEXT),
        Sentence("S3BucketReplicationEnabled", "Lake/*", "It stands below a sentence that says all there is to say."),
    ],
)
def test_a_sentence_that_no_finding_uses_fails(stale: Sentence) -> None:
    with pytest.raises(ValueError, match="drop the sentence") as error:
        compliance.rendered(LAKE, [Sentence("S3BucketReplicationEnabled", "*", TEXT), stale])
    assert str(error.value) == (
        f"docs/compliance.toml: {stale.rule} at {stale.at} must fit an open finding that no sentence above it fits, "
        "got none; drop the sentence"
    )


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="must have a sentence") as error:
        compliance.rendered(LAKE, [Sentence("Unknown", "*", TEXT)])
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    "toml",
    [
        '[[Rule]]\nsentence = "Too short."',
        '[[Rule]]\nsentence = "This one has words enough to be a sentence, but no end"',
        f'[[Rule]]\nwhere = "*"\nsentence = "{TEXT}"',
    ],
)
def test_rejects_an_entry_that_is_no_sentence(toml: str) -> None:
    with pytest.raises(ValueError, match=r"docs/compliance\.toml: Rule must have a sentence"):
        compliance.sentences(toml)


def test_the_first_sentence_that_fits_counts() -> None:
    said = compliance.sentences(
        f'[[S3BucketReplicationEnabled]]\nat = "*/Raw/Resource"\nsentence = "{TEXT}"\n'
        '[[S3BucketReplicationEnabled]]\nsentence = "Not fixed, for a reason that is about every other bucket."\n'
    )
    other = replace(FINDING, path="Lake/Other/Resource")
    page = compliance.rendered({("app.py", "Lake"): {FINDING, other}}, said)
    assert f"| S3BucketReplicationEnabled | PCI | `Lake/Raw/Resource` | {TEXT} |" in page
    assert "| `Lake/Other/Resource` | Not fixed, for a reason" in page


def test_packs_that_find_the_same_share_a_row_and_what_is_acknowledged_stands_apart(small: Found) -> None:
    rules = {one.rule for one in small["small.py", "Lake"] if one.reason is None}
    page = compliance.rendered(small, [Sentence(rule, "*", TEXT) for rule in sorted(rules)])
    assert f"| S3BucketReplicationEnabled | HIPAA, PCI | `Lake/Raw/Resource` | {TEXT} |" in page
    assert f"| S3BucketVersioningEnabled | HIPAA, NIST, PCI | `Lake/Raw/Resource` | {TEXT} |" in page
    assert "| `S3BucketReplicationEnabled` | NIST.800.53.R5 | `Lake/Raw/Resource` | Nobody \\| wants it. |" in page


def test_a_stack_without_findings_is_on_the_page(small: Found) -> None:
    page = compliance.rendered({("small.py", "Empty"): small["small.py", "Empty"]}, [])
    assert page.endswith("## Empty of small.py\n\nNo open finding.\n")


def test_a_rule_that_a_pack_could_not_evaluate_needs_a_sentence_of_its_own() -> None:
    where = [{"constructPath": "Lake/Raw/Resource"}]
    violation = {
        "ruleName": "PCI.DSS.321-S3BucketReplicationEnabled",
        "description": "Rule threw an error during validation. This is generally caused by an intrinsic function.",
        "violatingConstructs": where,
    }
    report = {"pluginReports": [{"pluginName": "PCI.DSS.321", "violations": [violation]}]}
    (one,) = compliance.findings("app.py", ["Lake"], report)["app.py", "Lake"]
    assert one.rule == "NotEvaluated-S3BucketReplicationEnabled"
    assert not Sentence("S3BucketReplicationEnabled", "*", TEXT).fits(one)


def test_check_fails_with_one_line_when_the_page_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("PAGE", "# Old\n"), ("SENTENCES", f'[[{FINDING.rule}]]\nsentence = "{TEXT}"\n')):
        path = tmp_path / name
        path.write_text(content)
        monkeypatch.setattr(compliance, name, path)
    monkeypatch.setattr(compliance, "ROOT", tmp_path)
    monkeypatch.setattr(compliance, "_prepare", lambda: None)
    monkeypatch.setattr(compliance, "collected", lambda _: LAKE)
    monkeypatch.setattr("sys.argv", ["compliance.py", "--check"])
    with pytest.raises(SystemExit) as stop:
        compliance.main()
    assert stop.value.code == "error: PAGE out of date; run python scripts/compliance.py"
    monkeypatch.setattr("sys.argv", ["compliance.py"])
    compliance.main()
    monkeypatch.setattr("sys.argv", ["compliance.py", "--check"])
    compliance.main()
    assert capsys.readouterr().out == "wrote PAGE\nup to date: PAGE\n"
