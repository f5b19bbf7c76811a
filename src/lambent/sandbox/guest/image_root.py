"""A container image as the root of a sandbox, in place of the zygote's.

Done once the sandbox is bound, while it is still privileged in its own namespaces. The image is one
folder of the store, composed when it was pulled (lambent.images.store): where something is mounted
here it has a real folder or file, so that no link of a stranger's leads a mount elsewhere. Nothing
of the zygote's root is left to see, the store least of all. An image may have no libc and no
Python: all that is needed afterwards is loaded already.
"""

from __future__ import annotations

import os
from typing import Any

from . import syscalls

STORE = "/var/rapid/store"
NEW_ROOT = "/var/rapid/image"
_OF_THE_HOST = ("/etc/hosts", "/etc/resolv.conf")
_FOLDERS_BELOW = "/mnt/"
_FOLDERS_OPTIONS = "mode=755,size=64k,nr_inodes=64"


def enter(settings: dict[str, Any], mount_tmp: Any) -> None:
    """Make `settings["root"]` (in the store) the root; `mount_tmp(path)` mounts its /tmp."""
    # A bind of a part of the store inherits the flags of the whole: read-only, no setuid.
    syscalls.mount(STORE + "/" + settings["root"], NEW_ROOT, "", syscalls.MS_BIND)
    mount_tmp(NEW_ROOT + "/tmp")
    recursive = syscalls.MS_BIND | syscalls.MS_REC
    syscalls.mount("/proc", NEW_ROOT + "/proc", "", recursive)
    syscalls.mount("/dev", NEW_ROOT + "/dev", "", recursive)
    for path in _OF_THE_HOST:
        syscalls.mount(path, NEW_ROOT + path, "", syscalls.MS_BIND)
    if settings["folders"]:
        _mount_folders(settings["folders"], recursive)
    os.chdir(NEW_ROOT)
    syscalls.pivot_root_here()


def _mount_folders(folders: list[list[str]], flags: int) -> None:
    """All below /mnt, as Lambda wants it; what the image has there is hidden."""
    mnt = NEW_ROOT + "/mnt"
    made = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("tmpfs", mnt, "tmpfs", made, _FOLDERS_OPTIONS)
    for staged, target in folders:
        if not target.startswith(_FOLDERS_BELOW) or ".." in target.split("/"):
            raise ValueError("a folder can be mounted below /mnt only, not at " + target)
        os.mkdir(NEW_ROOT + target)
        syscalls.mount(staged, NEW_ROOT + target, "", flags)
