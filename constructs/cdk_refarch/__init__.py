"""AWS reference architectures as CDK constructs.

Names resolve on first use, so that ``import cdk_refarch`` loads no architecture and no AWS service module.
The public names and their types stand in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
