"""Whether lanes on the nodes of a cluster reach what the campaign has them share: the proxy of the studies.

An address on the loopback is there for the lanes of one machine. On another it leads somewhere only through a tunnel,
so each node that is not this machine is asked to try it: a lane that cannot would use up its attempts one by one.
"""

import psutil

from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.storage_address import host_and_port, is_ours
from swarmd.state.store.files import Home
from swarmd.supervisor.backends.ray.watch import Look, look_once

_LOOPBACK_NET = "127."


def require_reach(home: Home, address: str, settings: CampaignSettings, look: Look) -> None:
    """Raises OperatorError where a living node that lends processors is another machine and cannot reach the studies.

    The cluster is asked only where the address is one of a loopback and a node is elsewhere.
    """
    storage = settings.storage
    if storage.kind != "grpc" or storage.url is None or not is_ours(host_and_port(storage.url)[0]):
        return
    elsewhere = {node.life for node in look.nodes if node.is_alive and node.cpus and not is_here(node.address)}
    if not elsewhere:
        return
    host, port = host_and_port(storage.url)
    tried = look_once(home, address, reach=f"{host}:{port}").nodes
    if lacking := sorted(node.name for node in tried if node.life in elsewhere and node.reaches is False):
        raise OperatorError(
            f"lanes on {', '.join(lacking)} cannot reach {storage.url}, an address of this machine alone; run `ssh -L "
            f"{port}:localhost:{port}` there, name an address that all nodes reach in storage.url (`swarmd storage "
            "serve --beyond-this-machine`), or say storage: {kind: journal}"
        )


def is_here(host: str) -> bool:
    """Whether that address is one of this machine's own."""
    own = {address.address.partition("%")[0] for each in psutil.net_if_addrs().values() for address in each}
    return host in own or host == "localhost" or host.startswith(_LOOPBACK_NET)
