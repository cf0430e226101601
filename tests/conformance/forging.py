# SPDX-License-Identifier: Apache-2.0
"""Tokens that must not work, made from one that does.

`forged` are what somebody makes who has seen the token and the public keys.  `mismade` are signed with
the right key, and yet two readers could disagree about them, or they say what no such token says.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from smartagent.crypto import EcSigningKey, RsaSigningKey, Signer, SigningKey, b64u, system_entropy, unb64u

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point (RFC 8032 section 5.1)."""
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EVE = SigningKey.generate(system_entropy)
EVES = {"EdDSA": EVE, "ES256": EcSigningKey.generate(system_entropy), "RS256": RsaSigningKey.generate()}
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]
"""The points whose order divides 8: as keys they accept signatures that nobody made."""
NON_CANONICAL = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
"""Other spellings of points, which RFC 8032 section 5.1.3 does not decode."""
BAD_NUMBERS = ["1e400", "-1", "0", "null", "true", '"soon"', "[4102444800]", "{}", "NaN", "Infinity"]


@dataclass(frozen=True)
class Original:
    """A good token: what it says, and the key that signs it."""

    header: dict
    claims: dict
    key: Signer

    def sign(self, header=None, claims=None, key=None):
        head = json.dumps(self.header if header is None else header)
        body = json.dumps(self.claims if claims is None else claims)
        return raw(head, body, key or self.key)

    def with_header(self, *, key=None, **changes):
        header = {name: value for name, value in (self.header | changes).items() if value is not None}
        return self.sign(header, key=key)


def raw(head, body, key):
    """Sign these very bytes."""
    head, body = (part.encode() if isinstance(part, str) else part for part in (head, body))
    signing_input = f"{b64u(head)}.{b64u(body)}"
    return f"{signing_input}.{b64u(key.sign(signing_input.encode()))}"


def forged(good, published):
    """Return the tokens of one who has no private key of the house's, by name.

    `published` are the public keys of the house by their ids, as its key set has them.
    """
    return {
        **_unsigned(good),
        **_keyed_with_what_is_public(good),
        **_by_another_key(good, published),
        **_named_keys(good),
        **_brought_keys(good),
        **_touched_signatures(good),
    }


def mismade(good, *, ours=False):
    """Return the tokens that the right key signed, and that are refused all the same.

    What the house signs with its own keys (`ours`) names no claim twice, so nobody looks whether it does.
    """
    claims = {} if ours else _claims_twice(good)
    return {**_other_spellings(good), **_names_twice(good), **claims, **_extensions(good), **_sizes(good)}


def mistimed(good, name="exp"):
    """Return tokens whose instant is none."""
    return {
        f"{name} {number[:8]}": raw(json.dumps(good.header), _replaced(good.claims, name, number), good.key)
        for number in BAD_NUMBERS
    }


def _unsigned(good):
    token = good.sign()
    found = {}
    for alg in ("none", "None", "NONE", "nOnE", "", " none", "none\u0000", "null"):
        head, body, _ = good.with_header(alg=alg).split(".")
        found[f"alg {alg!r} and no signature"] = f"{head}.{body}."
        found[f"alg {alg!r} and a signature"] = f"{head}.{body}.{token.split('.')[2]}"
    for alg in (None, 0, True, ["EdDSA"], {"alg": "EdDSA"}):
        head = b64u(json.dumps({**good.header, "alg": alg}).encode())
        found[f"alg {alg!r}"] = f"{head}.{token.split('.')[1]}."
    head = b64u(json.dumps({n: v for n, v in good.header.items() if n != "alg"}).encode())
    return found | {"no alg": f"{head}.{token.split('.')[1]}."}


def _keyed_with_what_is_public(good):
    jwk = good.key.public.jwk()
    secrets = {
        "nothing": b"",
        "the JWK": json.dumps(jwk).encode(),
        "the compact JWK": json.dumps(jwk, separators=(",", ":")).encode(),
        "a coordinate as text": jwk.get("x", jwk.get("n", "")).encode(),
        "a coordinate": unb64u(jwk.get("x", jwk.get("n", ""))),
        "the thumbprint": good.key.public.thumbprint.encode(),
    }
    if jwk["kty"] == "OKP":
        spki = bytes.fromhex("302a300506032b6570032100") + unb64u(jwk["x"])
        pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki) + b"-----END PUBLIC KEY-----\n"
        secrets |= {"the SPKI": spki, "the PEM": pem, "the stripped PEM": pem.strip()}
    found = {}
    for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for name, secret in secrets.items():
            head, body, _ = good.with_header(alg=alg).split(".")
            mac = hmac.digest(secret, f"{head}.{body}".encode(), digest)
            found[f"{alg} with {name}"] = f"{head}.{body}.{b64u(mac)}"
    return found


def _by_another_key(good, published):
    found = {}
    for alg, eve in EVES.items():
        found[f"eve's {alg} under our kid"] = good.with_header(alg=alg, key=eve)
        found[f"eve's {alg} under its own kid"] = good.with_header(
            alg=alg, kid=eve.public.thumbprint, key=eve
        )
        for kid, key in published.items():
            own = min(key.algorithms)
            found[f"eve's {alg} called {own} under the kid of our {own} key"] = good.with_header(
                alg=own, kid=kid, key=eve
            )
            found[f"eve's {alg} under the kid of our {own} key"] = good.with_header(alg=alg, kid=kid, key=eve)
    for alg in (
        "RS256",
        "ES256",
        "PS256",
        "ES384",
        "ES512",
        "ES256K",
        "Ed448",
        "eddsa",
        "EDDSA",
        "ED25519",
        "A128KW",
    ):
        if alg not in good.key.public.algorithms:
            found[f"our signature called {alg}"] = good.with_header(alg=alg)
    return found


def _named_keys(good):
    kids = {
        "a path": "../../../../dev/null",
        "a file": "file:///etc/passwd",
        "SQL": "' OR '1'='1' --",
        "SQL that picks a key": "x' UNION SELECT 'c2VjcmV0' -- ",
        "a URL": "https://evil.example/jwks.json",
        "a command": "$(id)|`id`;id",
        "very long": "k" * 4000,
        "a little too long": "k" * 257,
        "unknown": "no-such-key",
        "empty": "",
        "a NUL": "\u0000",
        "a line": "a\r\nset-cookie: a=b",
    }
    found = {f"kid is {name}": good.with_header(kid=kid, key=EVE, alg="EdDSA") for name, kid in kids.items()}
    for kid in (7, ["a"], {"a": 1}, True):
        found[f"kid is {kid!r}"] = good.with_header(kid=kid, key=EVE, alg="EdDSA")
    return found


def _brought_keys(good):
    url = "https://evil.example/keys"
    jwk = {**EVE.public.jwk(), "kid": "eve"}
    brought = {
        "jku": {"jku": url},
        "x5u": {"x5u": url},
        "x5c": {"x5c": [base64.b64encode(b"\x30\x03\x02\x01\x00").decode()]},
        "x5t": {"x5t": b64u(bytes(20)), "x5t#S256": b64u(bytes(32))},
        "jwk": {"jwk": jwk},
        "jwk under our kid": {"jwk": {**jwk, "kid": good.header.get("kid", "")}},
        "jwk and jku": {"jwk": jwk, "jku": url},
        "jwk that is no object": {"jwk": [jwk]},
        "jwk that is a secret": {"jwk": {"kty": "oct", "k": b64u(b"secret")}},
    }
    brought = {name: ({"jwk": None} if "jwk" in good.header else {}) | more for name, more in brought.items()}
    found = {
        f"eve brings {name}": good.with_header(alg="EdDSA", key=EVE, **more)
        for name, more in brought.items()
        # A proof of possession brings its key: then it is eve's own, and proves no more than that.
        if not (
            "jwk" in good.header
            and name.startswith("jwk")
            and isinstance(more["jwk"], dict)
            and more["jwk"].get("kty") == "OKP"
        )
    }
    found["eve brings jwk and its kid"] = good.with_header(alg="EdDSA", key=EVE, kid="eve", jku=url)
    return found


def _touched_signatures(good):
    head, body, signature = good.sign().split(".")
    signed = unb64u(signature)
    size = len(signed)
    touched = {
        "empty": b"",
        "zero": bytes(size),
        "all ones": b"\xff" * size,
        "cut": signed[:-1],
        "longer": signed + b"\0",
        "twice": signed + signed,
        "one bit": bytes([signed[0] ^ 1]) + signed[1:],
        "last bit": signed[:-1] + bytes([signed[-1] ^ 0x80]),
        "halves swapped": signed[size // 2 :] + signed[: size // 2],
        "a hash of it": hashlib.sha512(signed).digest()[:size].ljust(size, b"\0"),
    }
    if size == 64 and isinstance(good.key, SigningKey):
        touched["S + L"] = signed[:32] + (int.from_bytes(signed[32:], "little") + ORDER).to_bytes(
            32, "little"
        )
        for number, point in enumerate(SMALL_ORDER):
            touched[f"R of small order {number}"] = bytes.fromhex(point) + bytes(32)
    found = {f"signature {name}": f"{head}.{body}.{b64u(other)}" for name, other in touched.items()}
    other = b64u(json.dumps({**good.claims, "sub": "agt_00000000000000000000000000"}).encode())
    found["other claims under the signature"] = f"{head}.{other}.{signature}"
    found["another header over the signature"] = (
        f"{b64u(json.dumps({**good.header, 'x': 1}).encode())}.{body}.{signature}"
    )
    return found


def _other_spellings(good):
    head, body, signature = good.sign().split(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters[letters.index(signature[-1]) ^ 1]
    members = {"payload": body, "protected": head, "signature": signature}
    general = {"payload": body, "signatures": [{"protected": head, "signature": signature}]}
    return {
        "padding behind the header": f"{head}=.{body}.{signature}",
        "padding behind the payload": f"{head}.{body}==.{signature}",
        "padding behind the signature": f"{head}.{body}.{signature}==",
        "stray last bits": f"{head}.{body}.{signature[:-1]}{last}",
        "a blank within": f"{head}.{body[:8]} {body[8:]}.{signature}",
        "a line within": f"{head}.{body}.{signature[:8]}\n{signature[8:]}",
        "a tab before a dot": f"{head}.{body}\t.{signature}",
        "the other alphabet": f"{head}.{body}.{'+/' + signature[2:]}",
        "percent": f"{head}%2E{body}%2E{signature}",
        "beyond ASCII": f"{head}.{body}.{signature[:-1]}\u212a",
        "four parts": f"{head}.{body}.{signature}.",
        "five parts": f"{head}..{body}.{signature}.",
        "two parts": f"{head}.{body}",
        "no payload": f"{head}..{signature}",
        "no header": f".{body}.{signature}",
        "dots": "....",
        "the JSON form": json.dumps(members, separators=(",", ":")),
        "the general JSON form": json.dumps(general, separators=(",", ":")),
    }


def _names_twice(good):
    head, body = json.dumps(good.header), json.dumps(good.claims)
    twice = {
        "alg twice": (f'{{"alg":"none",{head[1:]}', body),
        "alg twice, none last": (f'{head[:-1]},"alg":"none"}}', body),
        "alg twice, spelt with an escape": (f'{head[:-1]},"\\u0061lg":"none"}}', body),
        "kid twice": (
            f'{{"kid":"x",{head[1:]}' if "kid" in good.header else f'{{"kid":"x","kid":"y",{head[1:]}',
            body,
        ),
        "typ twice": (f'{{"typ":"x",{head[1:]}', body),
    }
    return {name: raw(*parts, good.key) for name, parts in twice.items()}


def _claims_twice(good):
    head, body = json.dumps(good.header), json.dumps(good.claims)
    found = {}
    for name, value in good.claims.items():
        if isinstance(value, str | int):
            said = json.dumps("other" if isinstance(value, str) else value + 1)
            found[f"{name} twice"] = raw(head, f'{{"{name}":{said},{body[1:]}', good.key)
    return found


def _extensions(good):
    inner = good.sign()
    found = {
        "crit of a known claim": good.with_header(crit=["exp"]),
        "crit of alg": good.with_header(crit=["alg"]),
        "crit of b64": good.with_header(crit=["b64"], b64=False),
        "crit of what we may not know": good.with_header(crit=["x"], x=1),
        "crit of nothing": good.with_header(crit=[]),
        "crit that is text": good.with_header(crit="exp"),
        "b64 without crit": good.with_header(b64=False),
        "b64 as it is": good.with_header(b64=True),
        "zip": good.with_header(zip="DEF"),
        "enc": good.with_header(enc="A256GCM"),
        "jku of our own": good.with_header(jku="https://auth.example/.well-known/jwks.json"),
        "typ that is no text": good.with_header(typ=["at+jwt"]),
        "a token within a token": raw(json.dumps({**good.header, "cty": "JWT"}), inner, good.key),
        "a token as JSON text within a token": raw(json.dumps(good.header), json.dumps(inner), good.key),
    }
    for name, body in {
        "no JSON": b"\xff\xfe",
        "UTF-16": json.dumps(good.claims).encode("utf-16"),
        "a mark before the JSON": b"\xef\xbb\xbf" + json.dumps(good.claims).encode(),
        "two JSON texts": json.dumps(good.claims).encode() * 2,
        "a list": json.dumps([good.claims]).encode(),
        "a number": b"7",
        "null": b"null",
        "nothing": b"",
    }.items():
        found[f"claims are {name}"] = raw(json.dumps(good.header), body, good.key)
    for name, head in {
        "a list": "[]",
        "null": "null",
        "no JSON": "{",
        "a mark": "\ufeff{}",
        "single quotes": "{'alg':'EdDSA'}",
    }.items():
        found[f"header is {name}"] = raw(head, json.dumps(good.claims), good.key)
    return found


def _sizes(good):
    deep = "[" * 5000
    head = json.dumps(good.header)
    return {
        "more bytes than are read": good.sign(claims={**good.claims, "x": "x" * 9000}),
        "a header of many bytes": good.with_header(x="x" * 9000),
        "a header that is deep": raw(
            head[:-1] + ',"x":' + "[" * 1000 + "]" * 1000 + "}", json.dumps(good.claims), good.key
        ),
        "a header that never ends": raw(head[:-1] + ',"x":' + deep, json.dumps(good.claims), good.key),
        "claims that never end": raw(head, json.dumps(good.claims)[:-1] + ',"x":' + deep, good.key),
        "a megabyte": good.sign() + "A" * 1_000_000,
    }


def _replaced(claims, name, text):
    others = json.dumps({key: value for key, value in claims.items() if key != name})
    return f'{others[:-1]},"{name}":{text}}}'
