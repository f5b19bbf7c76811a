"""What the root of a sandbox consists of, decided from the host's layout.

The launcher (guest/launcher.py) performs the plan. Of the host there is: the system's programs and
libraries, certificates and a few files of /etc, all read-only; the interpreter as /var/lang without
the packages that someone installed into it; the runtime's own files as /var/runtime. Nothing else.
Where the zygote runs on another interpreter than the sandboxes, that one and the guest program lie
in folders that every sandbox lets go of (`hidden` in the zygote's configuration).
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lambent.domain.interpreter import Interpreter

from .interface import GuestProgram, HostFolder

STORE = "/var/rapid/store"
IMAGE = "/var/rapid/image"
"""Where a container image waits until it is the root."""
FOLDERS = "/var/rapid/folders"
HOST_PROC = "/var/rapid/proc"
ZYGOTE_LANG = "/var/rapid/lang"
"""The zygote's interpreter, where it is not the language of the sandboxes."""
PROGRAM = "/var/rapid/program"
"""The guest program, where it is no part of the runtime."""
RUNTIME = "/var/runtime"

_GUEST_DIR = Path(__file__).parent / "guest"
_SYSTEM_DIRS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC_BINDS = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
)
_ETC_JAVAS = "java-*-openjdk"
"""What Debian's Javas keep there, without which they do not start."""
_ETC_COPIES = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/openssl.cnf",
)
_PASSWD = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    "sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
)
_GROUP = "root:x:0:\nrdpgroup:x:990:\nnogroup:x:65534:\n"
_HOSTS = "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
_DIRECTORIES = (
    "/dev",
    "/etc",
    "/home",
    "/opt",
    "/proc",
    "/root",
    "/tmp",
    "/var/empty",
    "/var/lang",
    "/var/rapid/guest",
    "/var/runtime",
    "/var/task",
    "/var/tmp",
    STORE,
    IMAGE,
    HOST_PROC,
)
# As in a real python3.12 environment (recorded); the loader reads it when the zygote starts.
LD_LIBRARY_PATH = (
    "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
)
_PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootPlan:
    """Steps in their order; paths on the right are inside the new root."""

    directories: list[str]
    symlinks: list[tuple[str, str]]
    files: list[tuple[str, str]]
    """Text → path."""
    copies: list[tuple[str, str]]
    binds: list[tuple[str, str]]
    """All read-only, without devices and setuid."""
    writable_binds: list[tuple[str, str]]
    """Without devices and setuid."""
    masks: list[str]
    """Folders that appear empty, where they exist."""
    command: list[str]
    program_path: str
    """Where the zygote finds the guest program's module."""
    hidden: list[str]
    """What a sandbox lets go of before its program runs."""
    host_proc: str = HOST_PROC
    environment: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def plan_root(
    interpreter: Interpreter,
    *,
    code_root: Path,
    program: GuestProgram,
    resolv_conf: str,
    hidden: Sequence[Path] = (),
    folders: Sequence[HostFolder] = (),
) -> RootPlan:
    """The plan for `interpreter`.

    `code_root` is bound where only the jail sees it; `hidden` are folders that must not be seen
    even where they lie inside a system folder or one of `folders`, which wait where no zygote
    imports from.
    """
    symlinks: list[tuple[str, str]] = []
    binds: list[tuple[str, str]] = []
    for path in _SYSTEM_DIRS:
        if os.path.islink(path):
            symlinks.append((os.readlink(path), path))
        elif os.path.isdir(path):
            binds.append((path, path))
    directories = list(_DIRECTORIES)
    files = [
        (_PASSWD, "/etc/passwd"),
        (_GROUP, "/etc/group"),
        (_HOSTS, "/etc/hosts"),
        (_NSSWITCH, "/etc/nsswitch.conf"),
        (resolv_conf, "/etc/resolv.conf"),
    ]
    binds += [(path, path) for path in (*_ETC_BINDS, *_etc_javas()) if os.path.isdir(path)]
    copies = [(path, path) for path in _ETC_COPIES if os.path.isfile(path)]
    directories += sorted({os.path.dirname(path) for _, path in copies + binds})
    copies.append((str(_GUEST_DIR / "init.py"), "/var/rapid/init.py"))
    for module in sorted(_GUEST_DIR.glob("*.py")):
        copies.append((str(module), f"/var/rapid/guest/{module.name}"))
    itself = interpreter.executable == program.python.executable
    parts = _plan_python(interpreter) if itself else _plan_other(interpreter, program.python)
    symlinks += parts.symlinks
    binds += parts.binds
    directories += parts.directories
    if itself:
        program_path = RUNTIME
        binds += _entries(program.folder, RUNTIME)
    else:
        program_path = PROGRAM
        directories.append(PROGRAM)
        binds.append((str(program.folder.resolve()), PROGRAM))
        needs = [path for path in interpreter.needs if not _is_there(path, binds)]
        directories += [str(path if path.is_dir() else path.parent) for path in needs]
        binds += [(str(path.resolve()), str(path)) for path in needs]
    binds += [(str(path.resolve()), f"{RUNTIME}/{path.name}") for path in program.runtime_files]
    binds.append((str(code_root.resolve()), STORE))
    masks = _masks(program.python) + [str(path.resolve()) for path in hidden]
    writable_binds: list[tuple[str, str]] = []
    for staged, folder in stage(folders):
        source = folder.source.resolve()
        directories += [staged, folder.target]
        (writable_binds if folder.writable else binds).append((str(source), staged))
        for one in hidden:
            if one.resolve().is_relative_to(source):
                masks.append(f"{staged}/{one.resolve().relative_to(source)}")
    return RootPlan(
        directories=directories,
        symlinks=symlinks,
        files=files,
        copies=copies,
        binds=binds,
        writable_binds=writable_binds,
        masks=masks,
        command=[parts.executable, "-s", "/var/rapid/init.py"],
        program_path=program_path,
        hidden=parts.hidden if itself else [*parts.hidden, PROGRAM],
        environment={
            "PATH": _PATH,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LD_LIBRARY_PATH": parts.library_path,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


def _etc_javas() -> list[str]:
    return sorted(str(path) for path in Path("/etc").glob(_ETC_JAVAS))


def _is_there(path: Path, binds: Sequence[tuple[str, str]]) -> bool:
    return _is_system(path) or (str(path), str(path)) in binds


def stage(folders: Sequence[HostFolder]) -> list[tuple[str, HostFolder]]:
    """Where each waits in a zygote's root until a sandbox mounts it."""
    return [(f"{FOLDERS}/{number}", folder) for number, folder in enumerate(folders)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What an interpreter adds to a root."""

    executable: str
    """Runs the zygote."""
    library_path: str = LD_LIBRARY_PATH
    directories: list[str] = field(default_factory=list)
    symlinks: list[tuple[str, str]] = field(default_factory=list)
    binds: list[tuple[str, str]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


def _plan_python(interpreter: Interpreter) -> _Parts:
    """What makes /var/lang of a Python that is its own zygote; /usr is not taken whole."""
    python = f"python{_minor(interpreter)}"
    assert interpreter.prefix is not None
    prefix = interpreter.prefix.resolve()
    if str(prefix) != "/usr":
        relative = interpreter.executable.resolve().relative_to(prefix)
        return _Parts(executable=f"/var/lang/{relative}", binds=[(str(prefix), "/var/lang")])
    executable = f"/var/lang/bin/{python}"
    binds = [(str(interpreter.executable.resolve()), executable)]
    for folder in ("lib", "lib64"):
        stdlib = f"/usr/{folder}/{python}"
        if os.path.isdir(stdlib) and not os.path.islink(f"/usr/{folder}"):
            binds.append((stdlib, f"/var/lang/{folder}/{python}"))
    return _Parts(
        executable=executable,
        directories=["/var/lang/bin", "/var/lang/lib"],
        symlinks=[(python, "/var/lang/bin/python3"), (python, "/var/lang/bin/python")],
        binds=binds,
    )


def _plan_other(interpreter: Interpreter, zygote: Interpreter) -> _Parts:
    """A language that a Python starts: the language in /var/lang, the Python out of sight."""
    directories: list[str] = []
    symlinks: list[tuple[str, str]] = []
    binds: list[tuple[str, str]] = []
    if interpreter.prefix is not None:
        if _is_system(interpreter.prefix):
            directories.append("/var/lang/bin")
            executable = interpreter.executable
            symlinks.append((str(executable), f"/var/lang/bin/{executable.name}"))
        else:
            binds.append((str(interpreter.prefix.resolve()), "/var/lang"))
    assert zygote.prefix is not None
    prefix = zygote.prefix.resolve()
    if _is_system(prefix):
        return _Parts(
            executable=str(zygote.executable.resolve()),
            directories=directories,
            symlinks=symlinks,
            binds=binds,
        )
    relative = zygote.executable.resolve().relative_to(prefix)
    return _Parts(
        executable=f"{ZYGOTE_LANG}/{relative}",
        library_path=f"{ZYGOTE_LANG}/lib",
        directories=[*directories, ZYGOTE_LANG],
        symlinks=symlinks,
        binds=[*binds, (str(prefix), ZYGOTE_LANG)],
        hidden=[ZYGOTE_LANG],
    )


def _is_system(path: Path) -> bool:
    """Whether a sandbox sees it anyway."""
    return any(path == Path(system) or path.is_relative_to(system) for system in _SYSTEM_DIRS)


def _entries(folder: Path, target: str) -> list[tuple[str, str]]:
    return [
        (str(entry.resolve()), f"{target}/{entry.name}")
        for entry in sorted(folder.iterdir())
        if entry.name != "__pycache__"
    ]


def _masks(interpreter: Interpreter) -> list[str]:
    """Where packages of the host's lie, as far as an interpreter of this version finds them."""
    python = f"python{_minor(interpreter)}"
    folders = []
    for base in ("/var/lang/lib", "/var/lang/lib64", "/usr/lib", "/usr/local/lib"):
        folders += [f"{base}/{python}/site-packages", f"{base}/{python}/dist-packages"]
    return [*folders, "/usr/lib/python3/dist-packages"]


def _minor(interpreter: Interpreter) -> str:
    return interpreter.runtime.removeprefix("python")


def runtime_packages() -> tuple[Path, ...]:
    """boto3 and what it needs, from the server's own packages, as AWS's runtimes have them."""
    base = Path(sysconfig.get_paths()["purelib"])
    names = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
    return tuple(base / name for name in names if (base / name).exists())
