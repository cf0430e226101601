# SPDX-License-Identifier: Apache-2.0
"""The measurements.  `make bench` runs them; no test ever looks at a time."""
