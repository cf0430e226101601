# SPDX-License-Identifier: Apache-2.0
"""SCIM 2.0: directories tell of people and groups, and of those who leave.

Spec: RFC 7643 (schemas), RFC 7644 (protocol).
"""

__all__: list[str] = []
