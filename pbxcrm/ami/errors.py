"""The exceptions of the ami room: one tree, so that a caller can catch `AmiError` and nothing else."""

# ruff: noqa: N818 - named for what happened, as a person would say it

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbxcrm.ami.frames import Frame


class AmiError(Exception):
    """Something went wrong on the wire to Asterisk; the message is written for a person."""


class BadHeader(AmiError, ValueError):
    """An action that must not be sent: unknown name or key, or a value that could smuggle in a second action."""


class BadStream(AmiError):
    """What arrives is not AMI. `.frames` holds the frames that were complete before the fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.frames: list[Frame] = []


class FrameTooBig(BadStream):
    """A frame is larger, or has more headers, than any that Asterisk sends."""


class LinkDown(AmiError):
    """There is no logged-in connection to Asterisk, or it was lost before the answer came.

    `kind` is the sort of trouble in one word, for logging each sort once: idle, refused, unreachable, tls, not-ami,
    login, silent, closed, restart, garbage, stopped.
    """

    def __init__(self, reason: str, kind: str = "closed") -> None:
        super().__init__(reason)
        self.kind = kind


class ActionTimeout(AmiError):
    """The action was sent and no answer came in time: whether Asterisk did it is not known."""


class ActionRefused(AmiError):
    """Asterisk answered `Response: Error`; the message is Asterisk's own."""


class LoginRefused(LinkDown):
    """Asterisk refused the user name or the secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "login")
