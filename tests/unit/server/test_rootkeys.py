# SPDX-License-Identifier: Apache-2.0
"""Keys that come from the root key."""

from smartagent.crypto import open_note
from smartagent.kernel import Secret
from smartagent.server.rootkeys import log_signer, nonce_key

ONE = Secret(b"1" * 32)
TWO = Secret(b"2" * 32)


def test_every_node_with_the_same_root_key_has_the_same_keys():
    assert nonce_key(ONE).reveal() == nonce_key(Secret(b"1" * 32)).reveal()
    assert log_signer(ONE).vkey == log_signer(Secret(b"1" * 32)).vkey


def test_each_purpose_and_each_root_key_has_a_key_of_its_own():
    assert nonce_key(ONE).reveal() != nonce_key(TWO).reveal()
    assert log_signer(ONE).vkey != log_signer(TWO).vkey
    assert nonce_key(ONE).reveal() != ONE.reveal()


def test_what_the_log_key_signed_opens_with_its_public_key():
    signer = log_signer(ONE)

    assert open_note(signer.sign("a\nb\n"), signer.vkey) == "a\nb\n"
    assert signer.vkey.startswith("smartagent/log/")
