"""The ports that a server has beside its own, on loopback, as other local tools have them."""

from __future__ import annotations

from collections.abc import Callable

from lambent.domain.arns import Account, parse_function_ref
from lambent.gateway.emulator_route import EmulatorRoute
from lambent.http.server import HttpServer
from lambent.invoke.invoker import Invoker
from lambent.settings import Settings, parse_emulators

LOOPBACK = "127.0.0.1"


async def listen_beside(
    settings: Settings,
    http: HttpServer,
    invoker: Invoker,
    account: Account,
    step: Callable[[str, bytes], bytes],
) -> list[tuple[str, str]]:
    """Listen wherever the settings say so; what a person is told of each port.

    `step` is `Recursion.step`. Raises PortTaken.
    """
    told = []
    if settings.sam_port:
        port = await http.listen(LOOPBACK, settings.sam_port, option="--sam-port")
        told.append(("sam", f"http://{LOOPBACK}:{port}"))
    for name, wanted in parse_emulators(settings.rie):
        ref = parse_function_ref(name, account)
        route = EmulatorRoute(invoker, ref, step=step)
        port = await http.listen(LOOPBACK, wanted, route, option="--rie")
        told.append(("rie", f"http://{LOOPBACK}:{port} runs {name}"))
    return told
