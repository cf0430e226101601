# SPDX-License-Identifier: Apache-2.0
"""What a trusted issuer's entry may say, pure.

Written once and believed for long: what is too broad, or cannot mean what its author thinks, is
refused here and not found out when a token comes.
"""

import re
from typing import Final

from smartagent.federation.claims import MAX_CONDITIONS, MAX_NAME_CHARS, is_line, why_no_pattern
from smartagent.federation.destinations import parse_destination
from smartagent.federation.errors import FetchRefused, MalformedIssuer, TrustsEverybody
from smartagent.federation.kinds import why_too_broad
from smartagent.federation.model import Purpose, Rule, TrustedIssuer

MAX_LIFE_SECONDS: Final = 86_400
MIN_LIFE_SECONDS: Final = 60
MAX_RULES: Final = 32
MAX_AUDIENCES: Final = 8
MAX_JWKS_KEYS: Final = 32
MAX_ISSUER_CHARS: Final = 512
ALGORITHMS: Final = frozenset({"RS256", "ES256", "EdDSA", "Ed25519"})
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def check_issuer(entry: TrustedIssuer, *, own_issuer: str, allow_http: bool) -> TrustedIssuer:
    """Return the entry when it can be trusted to mean what it says.

    Args:
        entry: As written, with defaults filled in.
        own_issuer: The house's own, which is never an outside one.
        allow_http: For tests and a developer's machine: its documents may be fetched without TLS.

    Raises:
        MalformedIssuer: A field is not what it should be; names the field.
        TrustsEverybody: A rule admits more than anybody means to, and the entry does not allow that.
    """
    if not _NAME.fullmatch(entry.name):
        raise MalformedIssuer("name", "a name is 1 to 63 of a-z, 0-9 and inner hyphens")
    _check_identity(entry, own_issuer)
    _check_source(entry, allow_http=allow_http)
    _check_uses(entry)
    _check_rules(entry)
    return entry


def _check_identity(entry: TrustedIssuer, own_issuer: str) -> None:
    if not is_line(entry.issuer, MAX_ISSUER_CHARS) or entry.issuer != entry.issuer.strip():
        raise MalformedIssuer(
            "issuer", f"the `iss` of its tokens, to the letter: 1 to {MAX_ISSUER_CHARS} characters"
        )
    if entry.issuer.rstrip("/") == own_issuer:
        # Else what this house issues for one thing would be good for another.
        raise MalformedIssuer("issuer", "this is the house itself")


def _check_source(entry: TrustedIssuer, *, allow_http: bool) -> None:
    if entry.jwks and entry.jwks_uri:
        raise MalformedIssuer("jwks_uri", "give the keys or where they are, not both")
    if len(entry.jwks) > MAX_JWKS_KEYS:
        raise MalformedIssuer("jwks", f"at most {MAX_JWKS_KEYS} keys")
    if entry.jwks:
        return
    field, url = ("jwks_uri", entry.jwks_uri) if entry.jwks_uri else ("issuer", entry.issuer)
    try:
        parse_destination(url, allow_http=allow_http)
    except FetchRefused as error:
        raise MalformedIssuer(field, f"keys cannot be fetched from there: {error}") from None
    if "?" in url and not entry.jwks_uri:
        raise MalformedIssuer("issuer", "an issuer that is discovered has no query")


def _check_uses(entry: TrustedIssuer) -> None:
    if not entry.purposes or len(set(entry.purposes)) != len(entry.purposes):
        raise MalformedIssuer("purposes", f"one or more of {', '.join(Purpose)}, each once")
    if not 0 < len(entry.audiences) <= MAX_AUDIENCES:
        raise MalformedIssuer("audiences", f"1 to {MAX_AUDIENCES} of them")
    if not all(is_line(audience, MAX_ISSUER_CHARS) for audience in entry.audiences):
        raise MalformedIssuer("audiences", f"an audience is one line of 1 to {MAX_ISSUER_CHARS} characters")
    if not entry.algorithms or not ALGORITHMS.issuperset(entry.algorithms):
        raise MalformedIssuer("algorithms", f"one or more of {', '.join(sorted(ALGORITHMS))}")
    if not MIN_LIFE_SECONDS <= entry.max_life_seconds <= MAX_LIFE_SECONDS:
        raise MalformedIssuer("max_life_seconds", f"{MIN_LIFE_SECONDS} to {MAX_LIFE_SECONDS}")


def _check_rules(entry: TrustedIssuer) -> None:
    if len(entry.rules) > MAX_RULES:
        raise MalformedIssuer("rules", f"at most {MAX_RULES} of them")
    if Purpose.WORKLOAD in entry.purposes and not entry.rules:
        raise MalformedIssuer("rules", "a workload becomes what a rule says; give one")
    for number, rule in enumerate(entry.rules, 1):
        if Purpose.WORKLOAD in entry.purposes and not rule.role:
            raise MalformedIssuer("rules", f"rule {number} does not say which role a workload gets")
        _check_conditions(number, rule)
        too_broad = "" if entry.allow_broad else why_too_broad(entry.kind, rule)
        if too_broad:
            raise TrustsEverybody(number, too_broad)


def _check_conditions(number: int, rule: Rule) -> None:
    if len(rule.claims) > MAX_CONDITIONS:
        raise MalformedIssuer("rules", f"rule {number} has more than {MAX_CONDITIONS} conditions")
    for name, pattern in rule.claims.items():
        if not is_line(name, MAX_NAME_CHARS):
            raise MalformedIssuer(
                "rules", f"rule {number}: a claim's name has 1 to {MAX_NAME_CHARS} characters"
            )
        wrong = why_no_pattern(pattern)
        if wrong:
            raise MalformedIssuer("rules", f"rule {number}, {name}: {wrong}")
