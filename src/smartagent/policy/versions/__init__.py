# SPDX-License-Identifier: Apache-2.0
"""What roles and policies said before: every version that was ever in force, who wrote it, when and why."""
