# SPDX-License-Identifier: Apache-2.0
"""Upstreams that take tokens: the house's own, verified by a foreign library, and those of accounts elsewhere."""

import asyncio
import json

import aiohttp
import jwt
import pytest

from smartagent.sdk import Agent
from tests.backends.standins import StandIn
from tests.e2e.site import ROLE
from tests.interop.authority import Authority

pytestmark = pytest.mark.e2e
