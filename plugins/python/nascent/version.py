"""The SDK's version, and that of the protocol that it speaks."""

__version__ = "0.2.0"

PROTOCOL = 1  # docs/exec.md
