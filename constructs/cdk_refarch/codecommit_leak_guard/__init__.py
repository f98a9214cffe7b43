"""Pushes to AWS CodeCommit that carry AWS credentials, found and answered within seconds."""

from .codecommit_leak_guard import CodeCommitLeakGuard
from .values import LeakNotification, LeakResponse

__all__ = ["CodeCommitLeakGuard", "LeakNotification", "LeakResponse"]
