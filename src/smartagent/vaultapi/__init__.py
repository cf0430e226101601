# SPDX-License-Identifier: Apache-2.0
"""The parts of HashiCorp Vault's HTTP API that programs use to get credentials, served from leases."""

from smartagent.vaultapi.errors import LeaseUnknown, LoginRefused, VaultApiError
from smartagent.vaultapi.means import Means
from smartagent.vaultapi.routes import vaultapi_routes
from smartagent.vaultapi.service import VaultApi

__all__ = [
    "LeaseUnknown",
    "LoginRefused",
    "Means",
    "VaultApi",
    "VaultApiError",
    "vaultapi_routes",
]
