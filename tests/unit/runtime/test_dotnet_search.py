"""Finding .NETs by the layout of their files, and compilers for the bootstrap."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.app.dotnet_bootstrap import find_compilers, make_bootstraps
from lambent.runtime.families import dotnet
from lambent.runtime.families.start import Link

ELF = b"\x7fELF" + b"\0" * 60


def install_dotnet(folder: Path, *versions: str, binary: bytes = ELF, mode: int = 0o755) -> Path:
    """A fake installation that holds several frameworks; gives its folder."""
    folder.mkdir(parents=True)
    (folder / "dotnet").write_bytes(binary)
    (folder / "dotnet").chmod(mode)
    for version in versions:
        framework = folder / "shared" / "Microsoft.NETCore.App" / version
        framework.mkdir(parents=True)
        (framework / "libcoreclr.so").write_bytes(ELF)
    return folder


def installed(root: Path, setting: str = "", **environ: str) -> dict[str, str]:
    each = dotnet.find_installed(setting, environ, root=str(root))
    return {name: f"{one.version} {one.executable.parent}" for name, one in each.items()}


def test_the_frameworks_of_an_installation_are_runtimes_and_the_newest_release_wins(
    tmp_path: Path,
) -> None:
    old = install_dotnet(tmp_path / "usr/lib/dotnet", "3.1.32", "5.0.17", "8.0.1", "9.0.0")
    new = install_dotnet(tmp_path / "home/.dotnet", "8.0.11", "10.0.0", "2.1.30")
    assert installed(tmp_path, HOME=str(tmp_path / "home")) == {
        "dotnetcore3.1": f"3.1.32 {old}",
        "dotnet8": f"8.0.11 {new}",
        "dotnet10": f"10.0.0 {new}",
    }


def test_dotnet_root_and_the_path_are_looked_in(tmp_path: Path) -> None:
    six = install_dotnet(tmp_path / "six", "6.0.36")
    eight = install_dotnet(tmp_path / "eight", "8.0.1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dotnet").symlink_to(eight / "dotnet")
    found = installed(tmp_path, DOTNET_ROOT=str(six), PATH=f"relative:{tmp_path / 'bin'}")
    assert found == {"dotnet6": f"6.0.36 {six}", "dotnet8": f"8.0.1 {eight}"}


def test_a_script_a_binary_that_may_not_be_run_and_half_an_installation_are_none(
    tmp_path: Path,
) -> None:
    install_dotnet(tmp_path / "usr/share/dotnet", "8.0.1", binary=b"#!/bin/sh\n")
    install_dotnet(tmp_path / "usr/lib/dotnet", "8.0.1", mode=0o644)
    half = install_dotnet(tmp_path / "opt/dotnet", "8.0.1")
    (half / "shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so").unlink()
    assert installed(tmp_path) == {}


def test_a_named_dotnet_wins_and_has_to_hold_its_runtime(tmp_path: Path) -> None:
    install_dotnet(tmp_path / "usr/lib/dotnet", "8.0.11")
    mine = install_dotnet(tmp_path / "mine", "6.0.1", "8.0.1")
    for path in (mine, mine / "dotnet"):
        assert installed(tmp_path, f"dotnet8={path}") == {"dotnet8": f"8.0.1 {mine}"}
    with pytest.raises(ValueError, match=r"LAMBENT_DOTNETS: dotnet10=.*: that is a dotnet6"):
        installed(tmp_path, f"dotnet10={mine}")
    with pytest.raises(ValueError, match="No such file"):
        installed(tmp_path, "dotnet8=/nowhere/dotnet")


def test_a_runtime_is_there_once_its_bootstrap_is_compiled(tmp_path: Path) -> None:
    root = install_dotnet(tmp_path / "usr/lib/dotnet", "6.0.36", "8.0.11")
    made = tmp_path / "made"
    setting = f"{dotnet.BOOTSTRAPS}{made}"
    assert dotnet.find(setting, {}, root=str(tmp_path)) == {}
    assembly = dotnet.assembly_in(made, "dotnet8")
    assembly.parent.mkdir(parents=True)
    assembly.write_bytes(b"MZ")
    [(runtime, one)] = dotnet.find(setting, {}, root=str(tmp_path)).items()
    assert (runtime, one.prefix, one.brings[0]) == ("dotnet8", root, assembly)
    assert [path.name for path in one.brings] == [dotnet.ASSEMBLY, "start.sh"]
    methods = dotnet.start(one, handler="A::B::C", memory_mib=256, variables={})
    assert methods.link is Link.FRAMES
    assert methods.environment["DOTNET_GCTotalPhysicalMemory"] == "10000000"
    assert dotnet.start(one, handler="A", memory_mib=256, variables={}).link is Link.HTTP


def test_compilers_are_those_of_sdks_newest_first_then_the_paths(tmp_path: Path) -> None:
    root = install_dotnet(tmp_path / "usr/lib/dotnet", "8.0.11")
    for version in ("8.0.404", "8.0.99"):
        compiler = root / "sdk" / version / "Roslyn" / "bincore" / "csc.dll"
        compiler.parent.mkdir(parents=True)
        compiler.touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mcs").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "mcs").chmod(0o755)
    found = dotnet.find_installed("", {}, root=str(tmp_path)).values()
    compilers = find_compilers(found, {"PATH": str(tmp_path / "bin")})
    assert [command[-1].removeprefix(str(tmp_path)) for command in compilers] == [
        "/usr/lib/dotnet/sdk/8.0.404/Roslyn/bincore/csc.dll",
        "/usr/lib/dotnet/sdk/8.0.99/Roslyn/bincore/csc.dll",
        "/bin/mcs",
    ]


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    root = install_dotnet(tmp_path / "dotnet", "8.0.11")
    setting = f"dotnet8={root}"
    with pytest.raises(ValueError, match=r"there is no C# compiler"):
        list(make_bootstraps(setting, tmp_path / "made", {}))
    (tmp_path / "mcs").write_text("#!/bin/sh\necho 'error CS9999: no' >&2\nexit 1\n")
    (tmp_path / "mcs").chmod(0o755)
    with pytest.raises(ValueError, match="error CS9999: no"):
        list(make_bootstraps(setting, tmp_path / "made", {"PATH": str(tmp_path)}))
    assert not [path for path in (tmp_path / "made").rglob("*") if path.is_file()]
