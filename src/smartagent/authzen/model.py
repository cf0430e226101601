# SPDX-License-Identifier: Apache-2.0
"""The information model, as it is on the wire.  Members that are not known are ignored.

Spec: Authorization API 1.0, sections "Information Model", "Access Evaluation API", "Access Evaluations API".
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Semantics(StrEnum):
    """When a batch ends."""

    EXECUTE_ALL = "execute_all"
    DENY_ON_FIRST_DENY = "deny_on_first_deny"
    PERMIT_ON_FIRST_PERMIT = "permit_on_first_permit"


class Entity(msgspec.Struct, frozen=True):
    """A subject or a resource."""

    type: str
    id: str
    properties: dict[str, object] = {}


class Action(msgspec.Struct, frozen=True):
    """What is to be done."""

    name: str
    properties: dict[str, object] = {}


class Evaluation(msgspec.Struct, frozen=True):
    """May this subject do this with that?"""

    subject: Entity
    action: Action
    resource: Entity
    context: dict[str, object] = {}


class Options(msgspec.Struct, frozen=True):
    """How a batch is to be executed."""

    evaluations_semantic: Semantics = Semantics.EXECUTE_ALL


class Batch(msgspec.Struct, frozen=True):
    """Several evaluations; what stands beside them is what they have in common."""

    evaluations: list[dict[str, object]] = []
    options: Options = Options()
    subject: dict[str, object] = {}
    action: dict[str, object] = {}
    resource: dict[str, object] = {}
    context: dict[str, object] = {}


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Yes or no.  `context` says by which rules, or why not, for the service and not for its users."""

    decision: bool
    context: Mapping[str, object] = {}


class Answers(msgspec.Struct, frozen=True):
    """The answers to a batch, in its order, as far as it was executed."""

    evaluations: list[Answer]
