"""The Docker engine of this machine: the only file that talks to it, through the `docker` SDK.

The low-level client: a listing with the other one fails when a container ends meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import SetupError
from .labels import LAB, Found
from .problems import NotThereError, refused
from .watch import EVENTS, Stream

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["Container", "Engine", "State"]

_LINES = 12  # of a container's log, in a message
_LOG = {"max-size": "1m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container to start.

    `network` is a network's id, or `container:ID` for that container's own; `address` the one it
    gets there. `entrypoint`: the image's own unless given. `folders`: those of this machine, and
    where they are in it. It has no capability but `capabilities`.
    """

    image: str
    command: tuple[str, ...]
    labels: Mapping[str, str]
    network: str
    entrypoint: tuple[str, ...] | None = None
    address: str = ""
    folders: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    init: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """How a container is."""

    running: bool
    code: int = 0
    out_of_memory: bool = False

    def __str__(self) -> str:
        if self.running:
            return "runs"
        return f"ended with code {self.code}" + (" (out of memory)" if self.out_of_memory else "")


class Engine:
    """An engine on this machine. Thread-safe. Its calls raise SetupError."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client.api

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def subnets(self) -> list[str]:
        """The subnets that its networks have."""
        with self._asked("its networks"):
            found = self._client.networks()
        return [
            config["Subnet"]
            for network in found
            for config in (network.get("IPAM") or {}).get("Config") or ()
            if "Subnet" in config
        ]

    def network(self, name: str, subnet: str, labels: Mapping[str, str]) -> str:
        """Make a network; its id. Raises SubnetTakenError."""
        from docker.types import IPAMConfig, IPAMPool

        with self._asked(f"network {name}"):
            made = self._client.create_network(
                name,
                driver="bridge",
                ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]),
                labels=dict(labels),
            )
        return str(made["Id"])

    def start(self, what: Container) -> str:
        """Make and start a container; its id. One that does not start stays, for its log."""
        from docker.types import LogConfig  # json: it can be read, whatever the engine's own is

        client = self._client
        with self._asked(f"a container of {what.image}"):
            made = client.create_container(
                what.image,
                command=list(what.command),
                entrypoint=None if what.entrypoint is None else list(what.entrypoint),
                environment=dict(what.environment),
                labels=dict(what.labels),
                host_config=client.create_host_config(
                    binds={ours: {"bind": theirs} for ours, theirs in what.folders.items()},
                    cap_drop=["ALL"],
                    cap_add=list(what.capabilities),
                    init=what.init,
                    log_config=LogConfig(type=LogConfig.types.JSON, config=_LOG),
                    network_mode=what.network,
                    security_opt=["no-new-privileges"],
                    sysctls=dict(what.sysctls),
                ),
                networking_config=self._endpoint(what),
                use_config_proxy=False,  # the user's proxy is for the user's programs
            )
            client.start(made["Id"])
        return str(made["Id"])

    def _endpoint(self, what: Container) -> Any:
        if not what.address:
            return None
        endpoint = self._client.create_endpoint_config(ipv4_address=what.address)
        return {"EndpointsConfig": {what.network: endpoint}}

    def stop(self, ident: str, patience: int) -> None:
        """Have it end, in order if it does so within `patience` seconds; it has ended on return."""
        with self._asked(f"container {ident[:12]}"):
            self._client.stop(ident, timeout=patience)

    def kill(self, ident: str) -> None:
        """End it at once; it has ended on return."""
        with self._asked(f"container {ident[:12]}"):
            self._client.kill(ident)

    def pause(self, ident: str) -> None:
        """Stop all that runs in it where it stands."""
        with self._asked(f"container {ident[:12]}"):
            self._client.pause(ident)

    def unpause(self, ident: str) -> None:
        """Let it go on."""
        with self._asked(f"container {ident[:12]}"):
            self._client.unpause(ident)

    def disconnect(self, ident: str, network: str) -> None:
        """Take it from a network: its interface there is gone on return."""
        with self._asked(f"container {ident[:12]}"):
            self._client.disconnect_container_from_network(ident, network)

    def reconnect(self, ident: str, network: str, address: str) -> None:
        """Put it on a network again, at this address: another one unless asked for."""
        with self._asked(f"container {ident[:12]}"):
            self._client.connect_container_to_network(ident, network, ipv4_address=address)

    def watch(self, lab: str) -> Stream:
        """What happens to a lab's containers from now on."""
        told = {"type": "container", "label": _label(lab), "event": list(EVENTS)}
        with self._asked("its events"):
            return _Events(self._client.events(decode=True, filters=told))

    def run(self, ident: str, command: tuple[str, ...]) -> str:
        """Run a command in a container; what it prints. Raises SetupError if it fails."""
        with self._asked(f"container {ident[:12]}"):
            made = self._client.exec_create(ident, list(command))["Id"]
            told = bytes(self._client.exec_start(made)).decode("utf-8", "replace")
            code = self._client.exec_inspect(made)["ExitCode"]
        if code:
            raise SetupError(f"`{command[0]}` in container {ident[:12]} failed", seen=told.strip())
        return told

    def state(self, ident: str) -> State:
        """How a container is. Raises NotThereError."""
        with self._asked(f"container {ident[:12]}"):
            told = self._client.inspect_container(ident)["State"]
        return State(bool(told["Running"]), int(told["ExitCode"]), bool(told["OOMKilled"]))

    def last_lines(self, ident: str) -> list[str]:
        """The end of what a container has printed; nothing if that can't be had."""
        try:
            with self._asked(f"the log of {ident[:12]}"):
                told = self._client.logs(ident, stdout=True, stderr=True, tail=_LINES)
        except SetupError:
            return []
        return [line.decode("utf-8", "replace").rstrip() for line in bytes(told).splitlines()]

    def printed(self, ident: str, since: float) -> bytes:
        """What a container has printed from then on, each line with its time (UTC)."""
        with self._asked(f"the log of {ident[:12]}"):
            return bytes(
                self._client.logs(ident, stdout=True, stderr=True, since=since, timestamps=True)
            )

    def containers(self, lab: str | None = None) -> list[Found]:
        """Those of a lab, or of every one, in whatever state."""
        with self._asked("its containers"):
            found = self._client.containers(all=True, filters={"label": [_label(lab)]})
        return [Found(one["Id"], one["Labels"] or {}) for one in found]

    def networks(self, lab: str | None = None) -> list[Found]:
        """Those of a lab, or of every one."""
        with self._asked("its networks"):
            found = self._client.networks(filters={"label": [_label(lab)]})
        return [Found(one["Id"], one["Labels"] or {}) for one in found]

    def remove_container(self, ident: str) -> None:
        """Kill and remove it; nothing if it is gone."""
        try:
            with self._asked(f"container {ident[:12]}"):
                self._client.remove_container(ident, v=True, force=True)
        except NotThereError:
            pass

    def remove_network(self, ident: str) -> None:
        """Remove it; nothing if it is gone."""
        try:
            with self._asked(f"network {ident[:12]}"):
                self._client.remove_network(ident)
        except NotThereError:
            pass

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        """Turn what the SDK raises into what is told."""
        from docker.errors import APIError, DockerException

        try:
            yield
        except APIError as error:
            status = None if error.response is None else error.response.status_code
            told = str(error.explanation or error)
            raise refused(doing, error, status=status, told=told) from error
        except (DockerException, OSError) as error:  # what requests raises is an OSError
            raise refused(doing, error, status=None, told="") from error


class _Events:
    """The SDK's stream of events. Its answer is let go of by whoever reads: nobody else may."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        """The events, until it is closed or the engine goes away."""
        try:
            yield from self._stream
        finally:
            self._stream._response.close()

    def close(self) -> None:
        """End it, from whatever thread."""
        with suppress(OSError):  # it has ended by itself
            self._stream.close()


def _label(lab: str | None) -> str:
    return LAB if lab is None else f"{LAB}={lab}"
