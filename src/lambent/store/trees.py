"""Trees of files that are put together by hard links."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path


def link_tree(source: str, target: str) -> None:
    """Hard-link what is in `source` over `target`; what was there and is no folder goes.

    Symlinks are taken as they are, never followed; folders keep their modes.
    """
    with os.scandir(source) as entries:
        for entry in entries:
            path = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if not is_folder(path):
                    remove(path)
                    os.mkdir(path)
                os.chmod(path, stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode))
                link_tree(entry.path, path)
                continue
            remove(path)
            try:
                os.link(entry.path, path, follow_symlinks=False)
            except OSError as error:  # of one file a file system bears so many links only
                if error.errno != errno.EMLINK:
                    raise
                shutil.copy2(entry.path, path, follow_symlinks=False)


def is_folder(path: str) -> bool:
    """Itself, not by a link."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def remove(path: str) -> None:
    """A file, a link, a folder with all in it, or nothing."""
    if is_folder(path):
        shutil.rmtree(path)
        return
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def rename_folder(source: Path, target: Path) -> bool:
    """False where `target` is there already."""
    try:
        os.rename(source, target)
    except OSError:
        if target.is_dir():
            return False
        raise
    return True
