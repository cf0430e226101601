# SPDX-License-Identifier: Apache-2.0
"""Runs a program and writes down what TLS gives it, decrypted: listen.py <program> [word ...]."""

import runpy
import ssl
import sys
from pathlib import Path

_read = ssl.SSLSocket.read


def read(self, *limit):
    taken = _read(self, *limit)
    data = bytes(limit[1][:taken]) if len(limit) > 1 and limit[1] is not None else taken
    with Path("heard").open("ab") as file:
        file.write(data)
    return taken


ssl.SSLSocket.read = read
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
