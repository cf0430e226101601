# SPDX-License-Identifier: Apache-2.0
"""`python -m smartagent.storage.migrations "what it does" MODULE ...` writes a new step."""

import sys
from importlib import import_module

from smartagent.storage.migrations.autogenerate import autogenerate

if __name__ == "__main__":
    _, sentence, *modules = sys.argv
    for module in modules:
        import_module(module)
    sys.stdout.write(f"{autogenerate(sentence)}\n")
