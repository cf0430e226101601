# SPDX-License-Identifier: Apache-2.0
"""The steps of the schema, and what makes and renders them.

A new step is written by `python -m smartagent.storage.migrations "what it does" MODULE ...`,
where the modules are those that define tables (each room's `store`); then read it, for it is
generated, and run the tests in `tests/stores/test_migrations.py`.
"""
