"""What can go wrong with a run, as opposed to what can be wrong with one image."""

from __future__ import annotations


class GuardError(Exception):
    """The run cannot go on. The text is complete: what happened, where, and what to do."""
