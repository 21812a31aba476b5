"""Where the programs are that this package works with."""

from __future__ import annotations

import os
import re
import shutil

from .version import __version__


class Missing(Exception):
    """A program is not to be found, or not to be trusted: the text says what to do."""


def path(name: str = "nascent") -> str:
    """The path of a program, ``nascent`` or ``nascent-plugins``: the one that $NASCENT
    names or has beside it, else the one that was installed with this package, else one
    in $PATH. Raises Missing."""
    chosen = os.environ.get("NASCENT")
    if chosen:
        found = shutil.which(chosen)
        if found and name != "nascent":
            found = shutil.which(os.path.join(os.path.dirname(os.path.realpath(found)), name))
        if found:
            return os.path.abspath(found)
        raise Missing(f"there is no {name} where $NASCENT says, {chosen}: set it to the path of the program nascent")
    site = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = installed(site, name) or shutil.which(name)
    if found:
        return os.path.abspath(found)
    raise Missing(f"there is no program {name} beside this package or in $PATH: install the wheel of nascent-nas, or set $NASCENT to the path of nascent")


def installed(site: str, name: str) -> str | None:
    """The program that came with the package in site, a directory of packages: in bin
    beside lib, where installers put programs, or in bin below it, as pip does with
    --target. None where the package came without, or is a directory of sources."""
    if not os.path.isdir(os.path.join(site, f"nascent_nas-{__version__}.dist-info")):
        return None
    other = foreign(site)
    if other:
        raise Missing(f"{other} in {site} is another project whose package is called nascent, too, and their files replace one another: "
                      "pip uninstall nascent nascent-nas, then install nascent-nas again")
    for way in (("..", "..", "..", "bin"), ("bin",)):
        found = shutil.which(os.path.join(site, *way, name))
        if found:
            return found
    return None


def foreign(site: str) -> str | None:
    """The distribution in site, as name and version, that is called nascent: it is not
    this project's, which is nascent-nas."""
    for entry in sorted(os.listdir(site)):
        match = re.fullmatch(r"nascent-([^-]+)(-.*)?\.(dist|egg)-info", entry, re.IGNORECASE)
        if match:
            return f"nascent {match.group(1)}"
    return None
