# SPDX-License-Identifier: Apache-2.0
"""Fuzzes one target by coverage: python -m tests.fuzz.run <target> <corpus> [-runs=N | -max_total_time=SECONDS].

The first two bytes say where the others are cut.  What it finds is written to the working directory as `crash-...`.
"""

import logging
import sys

import atheris

# It says each module that it instruments.
logging.disable()
with atheris.instrument_imports(include=["smartagent.gateway"], enable_loader_override=False):
    from tests.fuzz.targets import TARGETS


def main():
    target = TARGETS[sys.argv.pop(1)]

    def one(data):
        target(data[2:], [data[0], int.from_bytes(data[:2])] if len(data) > 1 else [])

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
