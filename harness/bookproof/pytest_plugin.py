"""The pytest plugin (entry point ``pytest11``): options and markers; everything else is imported when it is needed."""

from __future__ import annotations
