# SPDX-License-Identifier: Apache-2.0
"""What the room refuses.

ClientsError
    InvalidRedirectUri              an address that answers may not be sent to       invalid_redirect_uri
    InvalidClientMetadata           anything else that a client says of itself       invalid_client_metadata
    UnapprovedSoftwareStatement     software statements are not taken                unapproved_software_statement
    TooManyRegistrations            registering more often than anybody has to       temporarily_unavailable
    ClientNotFound                  there is no such client
    ClientChanged                   somebody else changed it meanwhile
    ClientUnusable                  its description cannot be fetched, or is none
    MalformedResource               an entry that cannot be meant
    ResourceNotFound                there is no such resource
    ResourceChanged                 somebody else changed it meanwhile
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class ClientsError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class InvalidRedirectUri(ClientsError):
    """An answer with a code may not be sent there.

    Spec: RFC 7591 section 3.2.2, RFC 8252 sections 7 and 8.
    """

    code: ClassVar[str] = "redirect-uri-invalid"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The redirect URI cannot be used."
    oauth_code: ClassVar[str] = "invalid_redirect_uri"


class InvalidClientMetadata(ClientsError):
    """What a client says of itself cannot be registered.

    Spec: RFC 7591 section 3.2.2.
    """

    code: ClassVar[str] = "client-metadata-invalid"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The client's metadata cannot be registered."
    oauth_code: ClassVar[str] = "invalid_client_metadata"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class UnapprovedSoftwareStatement(ClientsError):
    """No publisher of software statements is trusted.

    Spec: RFC 7591 section 3.2.2.
    """

    code: ClassVar[str] = "software-statement-unapproved"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "Software statements are not taken here."
    oauth_code: ClassVar[str] = "unapproved_software_statement"


class TooManyRegistrations(ClientsError):
    """Somebody registers clients faster than they can be needed."""

    code: ClassVar[str] = "too-many-registrations"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many clients were registered."

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"try again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class ClientNotFound(ClientsError):
    """There is no such client."""

    code: ClassVar[str] = "client-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such client."


class ClientChanged(ClientsError):
    """Somebody else changed or removed the client meanwhile."""

    code: ClassVar[str] = "client-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The client was changed meanwhile."


class ClientUnusable(ClientsError):
    """The description that a client's id leads to cannot be fetched, or is not one.

    Spec: draft-ietf-oauth-client-id-metadata-document section 4.
    """

    code: ClassVar[str] = "client-unusable"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The client's description cannot be used."
    oauth_code: ClassVar[str] = "invalid_client"


class MalformedResource(ClientsError):
    """The entry of a resource is not what it should be."""

    code: ClassVar[str] = "malformed-resource"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The resource is malformed."


class ResourceNotFound(ClientsError):
    """There is no such resource."""

    code: ClassVar[str] = "resource-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such resource."


class ResourceChanged(ClientsError):
    """Somebody else changed the resource meanwhile."""

    code: ClassVar[str] = "resource-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The resource was changed meanwhile."
