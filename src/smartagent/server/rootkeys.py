# SPDX-License-Identifier: Apache-2.0
"""The keys that are derived from the root key: one for each purpose, the same on every node."""

from smartagent.crypto import CertificateAuthority, NoteSigner, SigningKey, derive, sha256
from smartagent.kernel import Secret


def nonce_key(root: Secret[bytes]) -> Secret[bytes]:
    """Return the key that nonces are made and recognised with."""
    return derive(root, "smartagent/v1/nonce")


def dpop_nonce_key(root: Secret[bytes]) -> Secret[bytes]:
    """Return the key that the nonces of DPoP proofs are made and recognised with."""
    return derive(root, "smartagent/v1/dpop-nonce")


def form_key(root: Secret[bytes]) -> Secret[bytes]:
    """Return the key that marks the forms of our own pages."""
    return derive(root, "smartagent/v1/form")


def user_code_key(root: Secret[bytes]) -> Secret[bytes]:
    """Return the key that hides the codes that people type for a device."""
    return derive(root, "smartagent/v1/user-code")


def placeholder_key(root: Secret[bytes]) -> Secret[bytes]:
    """Return the key that placeholders are made with."""
    return derive(root, "smartagent/v1/placeholder")


def gateway_ca(root: Secret[bytes], names: str) -> CertificateAuthority:
    """Return the authority that signs for the hosts that the forward proxy speaks for.

    Args:
        root: The root key.
        names: The only names that it may speak for, with blanks between them; empty for any.
    """
    seed = derive(root, "smartagent/v1/gateway-ca")
    mark = sha256(derive(root, "smartagent/v1/gateway-ca-name").reveal()).hex()[:16]
    return CertificateAuthority(seed, f"SmartAgent gateway {mark}", names.lower().split())


def log_signer(root: Secret[bytes]) -> NoteSigner:
    """Return the key that signs checkpoints, under a name of its own.

    The name comes from the key and not from the issuer's URL, because a log keeps its name for
    life and an authority may move.
    """
    key = SigningKey.from_seed(derive(root, "smartagent/v1/log"))
    return NoteSigner(f"smartagent/log/{sha256(key.public.raw).hex()[:16]}", key)
