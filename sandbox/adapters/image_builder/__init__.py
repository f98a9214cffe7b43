"""EC2 Image Builder: its API, its CloudFormation types, and builds that ask, run, test and distribute as on AWS.

A build takes about a second. What is real in it, and what is not:

- The roles are asked for each step, and a refusal fails the image where it happens. The instance's role is asked as the
  agent would: Systems Manager, components, and their keys. Without an execution role the service-linked role acts.
- Commands of ``ExecuteBash`` run in a jail: namespaces of their own without network, capabilities and ``/proc``, the
  machine's ``/usr`` for reading only, and a file tree that is the instance's and is kept from the build to the test.
  What a jail cannot have, such as package managers, services and ``curl``, is stood for: see ``amazon_linux.py``. Where
  the machine does not permit namespaces, nothing runs, and a step fails if one of its lines is ``false`` or ``exit``
  with a status.
- Components of AWS succeed without doing anything, and so do actions other than ``ExecuteBash`` and those for files.
- AMIs are records that can be described, and launched as long as they are registered and not disabled.
- Schedules, new versions of parent images, findings of scans and the age of images are told over ``hooks.py``.
- Containers, workflows of one's own, sharing with organizations, licenses, export, fast launch and SNS are missing.
"""

from __future__ import annotations

from typing import Any


def install_types() -> None:
    """Provision the CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for Image Builder, and have EC2 know its AMIs; must run after moto's services are installed."""
    from ministack import app
    from ministack.core import iam_actions, router

    from . import amis, protocol

    scope = protocol.SERVICE
    app.SERVICE_HANDLERS[scope] = protocol.handle
    router.SERVICE_PATTERNS.setdefault(scope, {})
    iam_actions.SERVICE_TO_IAM_NAMESPACE[scope] = scope
    iam_actions._BOTOCORE_SERVICE_MAP[scope] = [scope]
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, *rest: Any) -> Any:
        if service == scope:
            _, body, query, region, account = rest
            return protocol.resource_arn(method, path, body, query, region, account)
        return extract(service, method, path, *rest)

    iam_actions.extract_resource_arn = extract_resource_arn
    amis.install()
