"""The SDK's version, and that of the protocol that it speaks."""

__version__ = "0.3.0"

PROTOCOL = 1  # docs/exec.md
