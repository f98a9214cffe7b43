"""OpenSearch of the sandbox: domains and collections from templates, who may do what in them, and what they find."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.operations import told
from sandbox.run import Run
from sandbox.scenarios import Broken
from sandbox.searching import Searcher
from tests.sandbox.conftest import deployed

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
DOMAIN = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/"
API = "_plugins/_security/api/"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:search-logs"
Template = dict[str, Any]


def role(name: str, **statements: Any) -> Template:
    """A role that anybody in the account may assume, at a path."""
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    policies = [{"PolicyName": "Own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statements]}}]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "Path": "/search/",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            **({"Policies": policies} if statements else {}),
        },
    }


def domain(name: str, **properties: Any) -> Template:
    """A domain with fine-grained access control, whose policy names its master and a reader."""
    named = [f"{ROLE}search/{name}-master", f"{ROLE}search/{name}-reader"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": named},
        "Action": "es:ESHttp*",
        "Resource": f"{DOMAIN}{name}/*",
    }
    return {
        "Type": "AWS::OpenSearchService::Domain",
        "DependsOn": ["Master", "Reader"],
        "Properties": {
            "DomainName": name,
            "EngineVersion": "OpenSearch_2.19",
            "AccessPolicies": {"Version": "2012-10-17", "Statement": [statement]},
            "AdvancedSecurityOptions": {
                "Enabled": True,
                "InternalUserDatabaseEnabled": False,
                "MasterUserOptions": {"MasterUserARN": named[0]},
            },
            "ClusterConfig": {"InstanceType": "r7g.large.search", "InstanceCount": 1},
            "DomainEndpointOptions": {"EnforceHTTPS": True},
            "EBSOptions": {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 10},
            "EncryptionAtRestOptions": {"Enabled": True},
            "NodeToNodeEncryptionOptions": {"Enabled": True},
            **properties,
        },
    }


def resources(name: str, **properties: Any) -> Template:
    return {"Master": role(f"{name}-master"), "Reader": role(f"{name}-reader"), "Domain": domain(name, **properties)}


def outputs(**values: Any) -> Template:
    return {name: {"Value": value} for name, value in values.items()}


@pytest.fixture(scope="module")
def stack(sandbox: Any) -> Iterator[Callable[[str], Searcher]]:
    """A domain; yields what makes somebody of a role."""
    run, name = Run(sandbox), "find-it"
    stranger = role("find-it-stranger")
    allowed = role("find-it-allowed", Effect="Allow", Action="es:ESHttp*", Resource=f"{DOMAIN}{name}/*")
    template = {
        "Resources": {**resources(name), "Stranger": stranger, "Allowed": allowed},
        "Outputs": outputs(Endpoint={"Fn::GetAtt": ["Domain", "DomainEndpoint"]}),
    }
    with deployed(run, name, template):
        endpoint = run.outputs(name)["Endpoint"]
        yield lambda who: Searcher(run, endpoint, f"{ROLE}search/{name}-{who}" if who else "")


def test_the_master_makes_roles_and_maps_them_and_who_is_mapped_may_do_what_they_say(stack: Any) -> None:
    master, reader = stack("master"), stack("reader")
    assert master.ask("PUT", "things/_doc/1", {"name": "boiler"})[0] == 201
    status, said = reader.ask("POST", "things/_search", {})
    who = f"{ROLE}search/find-it-reader"
    why = f"no permissions for [indices:data/read/search] and User [name={who}, backend_roles=[{who}]"
    assert (status, said["error"]["type"]) == (403, "security_exception")
    assert said["error"]["reason"].startswith(why)
    rights = {"index_permissions": [{"index_patterns": ["thing*"], "allowed_actions": ["read"]}]}
    assert master.ask("PUT", f"{API}rolesmapping/readers", {"backend_roles": [who]})[0] == 404
    assert master.ask("PUT", f"{API}roles/readers", rights) == (
        201,
        {"status": "CREATED", "message": "'readers' created."},
    )
    assert master.ask("PUT", f"{API}rolesmapping/readers", {"backend_roles": [who]})[0] == 201
    assert reader.hits("things") == [{"name": "boiler"}]
    assert reader.ask("PUT", "things/_doc/2", {})[0] == 403
    assert reader.ask("GET", f"{API}roles")[0] == 403
    assert master.ask("DELETE", f"{API}rolesmapping/readers")[0] == 200
    assert reader.ask("GET", "things/_count")[0] == 403


def test_mappings_are_patched_and_the_roles_of_the_plugin_are_not(stack: Any) -> None:
    master, who = stack("master"), f"{ROLE}search/find-it-reader"
    before = master.ask("GET", f"{API}rolesmapping/all_access")[1]["all_access"]["backend_roles"]
    assert before == [f"{ROLE}search/find-it-master"]
    add = [{"op": "add", "path": "/backend_roles/-", "value": who}]
    assert master.ask("PATCH", f"{API}rolesmapping/all_access", add)[0] == 200
    assert stack("reader").ask("GET", f"{API}rolesmapping/all_access")[1]["all_access"]["backend_roles"] == [
        *before,
        who,
    ]
    take = [{"op": "remove", "path": "/all_access/backend_roles/1"}]
    assert master.ask("PATCH", f"{API}rolesmapping", take)[0] == 200
    assert stack("reader").ask("GET", f"{API}rolesmapping")[0] == 403
    assert master.ask("PUT", f"{API}roles/all_access", {"cluster_permissions": []})[0] == 403
    assert master.ask("PATCH", f"{API}rolesmapping/nobody", add)[0] == 404
    wrong = master.ask("PUT", f"{API}rolesmapping/readall", {"backendRoles": []})
    assert wrong == (
        400,
        {"status": "error", "reason": "Invalid configuration", "invalid_keys": {"keys": "backendRoles"}},
    )


def test_iam_lets_in_by_the_domains_policy_or_by_the_callers(stack: Any, run: Run) -> None:
    status, said = stack("stranger").ask("GET", "things")
    assert (status, "es:ESHttpGet" in said["Message"]) == (403, True)
    status, said = stack("allowed").ask("GET", "things/_search")
    assert (status, said["error"]["type"]) == (403, "security_exception")
    assert stack("").ask("GET", "")[0] == 403
    wrong = Searcher(run, run.outputs("find-it")["Endpoint"].replace("find-it", "nowhere"))
    assert wrong.ask("GET", "")[0] == 404


def test_the_first_value_of_a_field_decides_its_type_and_one_that_does_not_fit_is_refused_alone(stack: Any) -> None:
    master = stack("master")
    lines = [{"index": {"_id": "a"}}, {"at": 1}, {"index": {"_id": "b"}}, {"at": "mild"}, {"index": {}}, {"at": "7"}]
    bulk = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    status, said = master.ask("POST", "readings/_bulk", bulk)
    first, second, third = (one["index"] for one in said["items"])
    assert (status, said["errors"], first["status"], third["status"]) == (200, True, 201, 201)
    assert (second["status"], second["error"]["type"]) == (400, "mapper_parsing_exception")
    text = "failed to parse field [at] of type [long] in document with id 'b'. Preview of field's value: 'mild'"
    assert second["error"]["reason"] == text
    assert master.ask("POST", "readings/_bulk", bulk[:-1])[0] == 400
    assert master.ask("GET", "readings/_mapping")[1]["readings"]["mappings"]["properties"] == {"at": {"type": "long"}}


def test_queries_find_what_they_ask_for(stack: Any) -> None:
    master = stack("master")
    for number, name in enumerate(["Boiler one", "Boiler two", "Pump"]):
        place = {"floor": number, "open": number == 0}
        document = {"name": name, "at": f"2026-11-2{number}T10:00:00Z", "place": place}
        assert master.ask("PUT", f"queried/_doc/{number}", document)[0] == 201
    queries: list[tuple[Any, str]] = [
        ({"match": {"name": "boiler"}}, "01"),
        ({"match_phrase": {"name": "boiler two"}}, "1"),
        ({"term": {"name.keyword": "Pump"}}, "2"),
        ({"term": {"name": "Pump"}}, ""),
        ({"terms": {"place.floor": [0, 2]}}, "02"),
        ({"range": {"at": {"gte": "2026-11-21T00:00:00Z"}}}, "12"),
        ({"range": {"place.floor": {"lt": 2, "gt": 0}}}, "1"),
        ({"term": {"place.open": True}}, "0"),
        ({"exists": {"field": "place"}}, "012"),
        ({"prefix": {"name.keyword": "Boil"}}, "01"),
        ({"bool": {"must": [{"match": {"name": "boiler"}}], "must_not": {"ids": {"values": ["0"]}}}}, "1"),
        ({"match_none": {}}, ""),
    ]
    for query, expected in queries:
        _, said = master.ask("POST", "queried/_search", {"query": query, "sort": [{"at": "asc"}]})
        assert "".join(hit["_id"] for hit in said["hits"]["hits"]) == expected, query
    last = {"sort": [{"place.floor": {"order": "desc"}}], "size": 1}
    assert [one["_id"] for one in master.ask("POST", "queried/_search", last)[1]["hits"]["hits"]] == ["2"]
    assert master.ask("POST", "queried/_count", {"query": {"match": {"name": "pump"}}})[1]["count"] == 1
    assert master.ask("POST", "queried/_search", {"query": {"knn": {}}})[0] == 400


def test_templates_shape_the_indices_that_are_made_later(stack: Any) -> None:
    master = stack("master")
    properties = {"reading": {"type": "keyword"}}
    template = {
        "index_patterns": ["shaped-*"],
        "template": {"mappings": {"properties": properties, "dynamic": "strict"}},
    }
    assert master.ask("PUT", "_index_template/shaped", template)[0] == 200
    assert master.ask("POST", "shaped-1/_doc", {"reading": 1})[0] == 201
    status, said = master.ask("POST", "shaped-1/_doc", {"other": 1})
    assert (status, said["error"]["type"]) == (400, "strict_dynamic_mapping_exception")
    assert master.ask("PUT", "Shaped")[1]["error"]["type"] == "invalid_index_name_exception"
    assert master.ask("GET", "nothing/_search")[1]["error"]["type"] == "index_not_found_exception"
    assert master.ask("DELETE", "shaped-1")[0] == 200
    assert master.ask("HEAD", "shaped-1")[0] == 404


def test_scenarios_can_let_requests_fail_and_see_all_documents(stack: Any, run: Run) -> None:
    master = stack("master")
    master.ask("PUT", "seen/_doc/1", {"id": "seen"})
    told(run, "/_sandbox/opensearch/fail", {"name": "find-it", "status": 429, "path": "_search"})
    assert [master.ask("GET", "seen/_search")[0] for _ in range(2)] == [429, 200]
    found = told(run, "/_sandbox/opensearch/documents", {"domain": "find-it"})["documents"]
    assert {"id": "seen"} in [one["_source"] for one in found]


NO_LOGS = {"ES_APPLICATION_LOGS": {"CloudWatchLogsLogGroupArn": GROUP, "Enabled": True}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NodeToNodeEncryptionOptions": {"Enabled": False}}, "You must enable node-to-node encryption"),
        ({"DomainEndpointOptions": {"EnforceHTTPS": False}}, "enforced HTTPS"),
        ({"EncryptionAtRestOptions": {"Enabled": False}}, "encryption at rest"),
        ({"LogPublishingOptions": NO_LOGS}, "does not grant sufficient permissions"),
        ({"ClusterConfig": {"InstanceCount": 3, "ZoneAwarenessEnabled": True}}, "a multiple of 2 data nodes"),
        ({"ClusterConfig": {"DedicatedMasterEnabled": True, "DedicatedMasterCount": 2}}, "three or five"),
        ({"VPCOptions": {"SubnetIds": ["subnet-0"]}}, "Invalid subnet ids: subnet-0"),
    ],
)
def test_what_aws_refuses_at_deployment_is_refused(run: Run, change: Template, message: str) -> None:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "search-logs"}}
    template = {"Resources": {**resources("not-this", **change), "Logs": group}}
    template["Resources"]["Domain"]["DependsOn"].append("Logs")
    with pytest.raises(Broken, match=message), deployed(run, "refused", template):
        pass


def test_subnets_must_be_as_many_as_zones_and_logs_and_functions_must_be_let_in(run: Run) -> None:
    subnets = [run.client("ec2").describe_subnets()["Subnets"][at]["SubnetId"] for at in range(3)]
    open_to = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "es.amazonaws.com"},
        "Action": ["logs:PutLogEvents", "logs:CreateLogStream"],
        "Resource": f"{GROUP}:*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"{DOMAIN}in-vpc"}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    logs = {"PolicyName": "search", "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [allow]})}
    caller = {"GroupDescription": "of the function"}
    nodes = {"InstanceCount": 2, "ZoneAwarenessEnabled": True}
    placed = {"SubnetIds": subnets[:2], "SecurityGroupIds": [{"Ref": "Group"}]}
    code = (
        "import json, os, ssl, urllib.request, urllib.error\n"
        "from botocore.auth import SigV4Auth\nfrom botocore.awsrequest import AWSRequest\nimport botocore.session\n"
        "def handler(event, context):\n"
        "    url = 'https://' + event['endpoint'] + '/_plugins/_security/api/roles'\n"
        "    request = AWSRequest('GET', url)\n"
        "    credentials = botocore.session.Session().get_credentials()\n"
        "    SigV4Auth(credentials, 'es', os.environ['AWS_REGION']).add_auth(request)\n"
        "    try:\n"
        "        plain = urllib.request.Request(url, headers=dict(request.headers))\n"
        "        return urllib.request.urlopen(plain).status\n"
        "    except urllib.error.HTTPError as error:\n"
        "        return [error.code, error.read().decode()]\n"
    )
    interfaces = [
        f"ec2:{verb}" for verb in ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
    ]
    master = role("in-vpc-master", Effect="Allow", Action=interfaces, Resource="*")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    master["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(trust)
    function = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Master", "Arn"]},
        "Code": {"ZipFile": code},
        "VpcConfig": {"SubnetIds": subnets[:1], "SecurityGroupIds": [{"Ref": "Caller"}]},
    }
    given = resources("in-vpc", ClusterConfig=nodes, VPCOptions=placed, LogPublishingOptions=NO_LOGS)
    given["Domain"]["DependsOn"] += ["Logs", "LogPolicy"]
    template: Template = {
        "Resources": {
            **given,
            "Master": master,
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "of the domain"}},
            "Caller": {"Type": "AWS::EC2::SecurityGroup", "Properties": caller},
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "search-logs"}},
            "LogPolicy": {"Type": "AWS::Logs::ResourcePolicy", "Properties": logs},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        },
        "Outputs": outputs(
            Endpoint={"Fn::GetAtt": ["Domain", "DomainEndpoint"]}, Group={"Ref": "Group"}, Caller={"Ref": "Caller"}
        ),
    }
    wrong = json.loads(json.dumps(template))
    wrong["Resources"]["Domain"]["Properties"]["VPCOptions"]["SubnetIds"] = subnets
    with pytest.raises(Broken, match="exactly 2 subnets"), deployed(run, "in-vpc", wrong):
        pass
    with deployed(run, "in-vpc", template):
        out = run.outputs("in-vpc")
        name = run.resource("in-vpc", "AWS::Lambda::Function")

        def called() -> Any:
            payload = json.dumps({"endpoint": out["Endpoint"]})
            return json.load(run.client("lambda").invoke(FunctionName=name, Payload=payload)["Payload"])

        status, said = called()
        assert (status, "no ingress rule" in said) == (504, True)
        rule = {**open_to, "GroupId": out["Group"], "SourceSecurityGroupId": out["Caller"]}
        ingress = {"Resources": {"Rule": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule}}}
        with deployed(run, "ingress", ingress):
            assert called() == 200
        status = run.client("opensearch").describe_domain(DomainName="in-vpc")["DomainStatus"]
        assert (status["VPCOptions"]["VPCId"][:4], "Endpoint" in status) == ("vpc-", False)


def collection(name: str, **statement: Any) -> Template:
    """A collection that is reached from anywhere, with a data access policy."""
    kinds = ("encryption", "network")
    where = [{"ResourceType": "collection", "Resource": [f"collection/{name}"]}]
    reached = [*where, {**where[0], "ResourceType": "dashboard"}]
    documents: list[Any] = [{"Rules": where, "AWSOwnedKey": True}, [{"Rules": reached, "AllowFromPublic": True}]]
    rules = [{"ResourceType": "index", "Resource": [f"index/{name}/t*"], "Permission": statement.pop("Permission")}]
    data = [{"Rules": rules, **statement}]
    policies = {
        kind.capitalize(): {
            "Type": "AWS::OpenSearchServerless::SecurityPolicy",
            "Properties": {"Name": name, "Type": kind, "Policy": json.dumps(document)},
        }
        for kind, document in zip(kinds, documents, strict=True)
    }
    return {
        **policies,
        "Data": {
            "Type": "AWS::OpenSearchServerless::AccessPolicy",
            "Properties": {"Name": name, "Type": "data", "Policy": json.dumps(data)},
        },
        "Collection": {
            "Type": "AWS::OpenSearchServerless::Collection",
            "DependsOn": "Encryption",
            "Properties": {"Name": name, "Type": "SEARCH"},
        },
    }


def test_a_collection_needs_its_encryption_policy_and_lets_in_whom_the_policies_name(run: Run) -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/in-it/*"
    writing = ["aoss:WriteDocument", "aoss:CreateIndex", "aoss:UpdateIndex", "aoss:ReadDocument"]
    made = collection("in-it", Principal=[session], Permission=writing)
    without = {"Collection": {**made["Collection"], "DependsOn": []}}
    with (
        pytest.raises(Broken, match="No matching security policy of encryption type"),
        deployed(run, "no", {"Resources": without}),
    ):
        pass
    allow = {"Effect": "Allow", "Action": "aoss:APIAccessAll", "Resource": {"Fn::GetAtt": ["Collection", "Arn"]}}
    template = {
        "Resources": {**made, "Role": role("in-it", **allow), "Other": role("in-no", **allow), "Third": role("in-nor")},
        "Outputs": outputs(Endpoint={"Fn::GetAtt": ["Collection", "CollectionEndpoint"]}),
    }
    with deployed(run, "in-it", template):
        endpoint = run.outputs("in-it")["Endpoint"]
        own, other, third = (Searcher(run, endpoint, f"{ROLE}search/{name}") for name in ("in-it", "in-no", "in-nor"))
        assert own.ask("PUT", "telemetry/_doc/1", {"at": 1})[0] == 201
        assert own.hits("telemetry") == [{"at": 1}]
        assert own.ask("PUT", "else/_doc/1", {})[1]["error"] == {"reason": "403 Forbidden", "type": "Forbidden"}
        assert [one.ask("GET", "telemetry/_search")[0] for one in (other, third)] == [403, 403]
        assert own.ask("GET", "_cluster/health")[0] == 404
        found = told(run, "/_sandbox/opensearch/documents", {"collection": "in-it"})["documents"]
        assert [one["_source"] for one in found] == [{"at": 1}]
        policies = run.client("opensearchserverless")
        policies.delete_security_policy(name="in-it", type="network")
        assert own.ask("GET", "telemetry/_search")[0] == 504
