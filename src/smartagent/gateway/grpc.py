# SPDX-License-Identifier: Apache-2.0
"""gRPC: what is one of its calls, and how a refusal is said to its clients.

Spec: gRPC over HTTP/2, "Requests" and "Responses"; google.rpc.Code for the numbers.
"""

from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.edge import Reply

_CONTENT_TYPE: Final = "application/grpc"
_STATUS: Final = {
    202: 14,  # UNAVAILABLE: somebody has to decide first, then it can be asked again
    400: 3,  # INVALID_ARGUMENT
    401: 16,  # UNAUTHENTICATED
    403: 7,  # PERMISSION_DENIED
    404: 5,  # NOT_FOUND
    405: 12,  # UNIMPLEMENTED
    409: 10,  # ABORTED
    413: 8,  # RESOURCE_EXHAUSTED
    429: 8,
    501: 12,
    502: 14,  # UNAVAILABLE
    503: 14,
    504: 4,  # DEADLINE_EXCEEDED
}
_INTERNAL: Final = 13
_SHOWN_AS_IT_IS: Final = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


class _Problem(msgspec.Struct):
    """What of a refusal's body a message can say."""

    title: str = ""
    detail: str = ""


def is_grpc(fields: dict[str, str]) -> bool:
    """Tell whether a request in HTTP/2 is a gRPC call.  gRPC-Web is ordinary HTTP."""
    kind = fields.get("content-type", "").lower()
    rest = kind.removeprefix(_CONTENT_TYPE)
    return rest != kind and rest[:1] in {"", "+", ";"} and fields.get("te", "").lower() == "trailers"


def grpc_answer(reply: Reply) -> bytes:
    """Return an answer of the gateway's own as gRPC says it: all in the head ("Trailers-Only"), whose status is 200."""
    problem = msgspec.convert(reply.body, _Problem, from_attributes=True)
    message = quote(f"{problem.title} {problem.detail}".strip(), safe=_SHOWN_AS_IT_IS)
    lines = [f"{name}: {value}\r\n" for name, value in reply.headers]
    status = _STATUS.get(reply.status, _INTERNAL)
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: {_CONTENT_TYPE}\r\ngrpc-status: {status}\r\n"
        f"grpc-message: {message}\r\n{''.join(lines)}\r\n"
    )
    return head.encode("latin-1")
