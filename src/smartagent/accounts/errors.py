# SPDX-License-Identifier: Apache-2.0
"""How accounts can refuse.

AccountError
    MalformedAccount    the entry does not describe an account
    AccountNotFound     there is no such account
    AccountTaken        there is one already, and it was not said to replace it
    AccountsChanged     somebody else changed it between the look and the write
    ReconnectNeeded     its provider takes the refresh token no more
    AccountRefused      its provider said no to the refresh, for another reason
    AccountUnreachable  its provider did not answer, or not in time

No text of these errors holds anything of a token, nor a provider's own words.
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class AccountError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedAccount(AccountError):
    """The entry does not describe an account."""

    code: ClassVar[str] = "malformed-account"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The account's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class AccountNotFound(AccountError):
    """There is no such account."""

    code: ClassVar[str] = "account-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such account."


class AccountTaken(AccountError):
    """There is one already, and it was not said to replace it."""

    code: ClassVar[str] = "account-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The account is connected already; say that it is to be connected again."


class AccountsChanged(AccountError):
    """Somebody else changed it between the look and the write."""

    code: ClassVar[str] = "accounts-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The account was changed meanwhile; read it again."


class ReconnectNeeded(AccountError):
    """Its provider takes the refresh token no more."""

    code: ClassVar[str] = "account-reconnect-needed"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The account must be connected again by an operator."


class AccountRefused(AccountError):
    """Its provider said no to the refresh, or something that is not understood.  `reason` is for the log."""

    code: ClassVar[str] = "account-refused"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The account's provider refused."

    def __init__(self, reason: str) -> None:
        super().__init__("ask an operator to look at the account")
        self.reason = reason


class AccountUnreachable(AccountError):
    """Its provider did not answer, or not in time."""

    code: ClassVar[str] = "account-unreachable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The account's provider does not answer."

    def __init__(self, reason: str) -> None:
        super().__init__("try again")
        self.reason = reason
