"""What of the host a sandbox's root holds."""

from __future__ import annotations

from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.sandbox.interface import GuestProgram
from lambent.sandbox.root_plan import STORE, RootPlan, plan_root


def plan(folder: Path, interpreter: Interpreter) -> RootPlan:
    program = folder / "program"
    program.mkdir()
    (program / "bootstrap.py").touch()
    (program / "__pycache__").mkdir()
    (folder / "code").mkdir()
    package = folder / "boto3"
    package.mkdir()
    return plan_root(
        interpreter,
        code_root=folder / "code",
        program=GuestProgram(python=interpreter, folder=program, runtime_files=(package,)),
        resolv_conf="nameserver 192.0.2.1\n",
        hidden=[folder / "code"],
    )


def an_interpreter(prefix: str) -> Interpreter:
    return Interpreter(
        runtime="python3.11",
        version="",
        executable=Path(prefix) / "bin" / "python3.11",
        prefix=Path(prefix),
    )


def test_an_interpreters_prefix_becomes_var_lang(tmp_path: Path) -> None:
    prefix = tmp_path / "3.11.7"
    found = plan(tmp_path, an_interpreter(str(prefix)))
    assert (str(prefix), "/var/lang") in found.binds
    assert found.command[0] == "/var/lang/bin/python3.11"


def test_of_usr_only_the_interpreters_own_parts_become_var_lang(tmp_path: Path) -> None:
    found = plan(tmp_path, an_interpreter("/usr"))
    assert found.command[0] == "/var/lang/bin/python3.11"
    assert "/var/lang" not in [target for _, target in found.binds]
    assert "/var/lang/bin/python3.11" in [target for _, target in found.binds]


def test_packages_of_the_host_are_masked(tmp_path: Path) -> None:
    found = plan(tmp_path, an_interpreter("/usr"))
    assert "/var/lang/lib/python3.11/site-packages" in found.masks
    assert "/usr/lib/python3/dist-packages" in found.masks


def test_code_and_data_are_hidden_and_only_the_jail_sees_the_store(tmp_path: Path) -> None:
    found = plan(tmp_path, an_interpreter("/usr"))
    code = str((tmp_path / "code").resolve())
    assert code in found.masks
    assert [target for source, target in found.binds if source == code] == [STORE]


def test_the_program_and_the_sdk_are_in_var_runtime_without_caches(tmp_path: Path) -> None:
    found = plan(tmp_path, an_interpreter("/usr"))
    inside = [target for _, target in found.binds if target.startswith("/var/runtime/")]
    assert inside == ["/var/runtime/bootstrap.py", "/var/runtime/boto3"]


def test_no_folder_of_people_or_of_running_services_is_bound(tmp_path: Path) -> None:
    found = plan(tmp_path, an_interpreter("/usr"))
    for source, _ in found.binds:
        assert not source.startswith(("/home", "/run", "/var", "/etc/shadow", "/proc", "/sys"))
