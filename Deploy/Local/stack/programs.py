"""The programs of a stack: what each is started with, in the order in which they start."""

from dataclasses import dataclass, field
from pathlib import Path

from .files import Ports
from .settings import ROOT, Settings


@dataclass
class Program:
    service: str
    name: str
    command: list[str]
    priority: int
    environment: dict[str, str] = field(default_factory=dict)
    # host:port, and whether it answers /readyz there (else: accepts connections).
    listen: str | None = None
    answers_readyz: bool = False
    # The supervisor kills it after that; a gateway gives its clients some seconds to go elsewhere.
    stop_seconds: int = 20


@dataclass
class Plan:
    settings: Settings
    bin: Path
    kafka: str
    redis: str
    turn_port: int
    relay_ports: tuple[int, int]
    secrets: dict[str, str]
    programs: list[Program]

    def of(self, service: str) -> list[Program]:
        return [p for p in self.programs if p.service == service]

    def addresses(self, service: str) -> list[str]:
        return [p.listen for p in self.of(service) if p.listen]


RELAYS = 100
HERE = ROOT / "Deploy/Local"


def plan(settings: Settings, bin_folder: Path, ports: Ports, secrets: dict[str, str]) -> Plan:
    def local(name: str) -> str:
        return f"127.0.0.1:{ports.port(name)}"

    kafka = settings.kafka or local("embedded-log")
    redis_address = None if settings.redis else local("redis")
    redis = settings.redis or f"redis://{redis_address}"
    turn_port = ports.port("coturn")
    first_relay = ports.block("relays", RELAYS)
    result = Plan(
        settings, bin_folder, kafka, redis, turn_port, (first_relay, first_relay + RELAYS - 1), secrets, programs=[])
    run = settings.run
    add = result.programs.append

    if redis_address:
        add(Program("redis", "redis", ["/usr/bin/redis-server", f"{run}/redis.conf"], 10, listen=redis_address))
    if not settings.kafka:
        add(Program(
            "embedded-log", "embedded-log", [f"{bin_folder}/embedded-log"], 10, listen=kafka,
            environment={"SWITCHBOARD_LISTEN": kafka, "SWITCHBOARD_DATA": f"{run}/data/embedded-log"}))
    add(Program("coturn", "coturn", ["/usr/bin/turnserver", "-c", f"{run}/coturn.conf"], 20, stop_seconds=3))

    def service(name: str, copies: int = 1, **more: str) -> None:
        for number in range(1, copies + 1):
            instance = f"{name}-{number}"
            listen = local(instance)
            environment = {
                "SWITCHBOARD_KAFKA": kafka,
                "SWITCHBOARD_REDIS": redis,
                "SWITCHBOARD_PARTITIONS": str(settings.partitions),
                "SWITCHBOARD_LISTEN": listen,
                "SWITCHBOARD_INSTANCE": instance,
                "SWITCHBOARD_DATA": f"{run}/data/{instance}",
            } | more
            add(Program(name, instance, [f"{bin_folder}/{name}"], 30, environment, listen, answers_readyz=True))

    turn = {"SWITCHBOARD_TURN_SECRET": secrets["turnSecret"], "SWITCHBOARD_TURN_URLS": turn_urls(settings, turn_port)}
    service(
        "token-service", settings.token_services, SWITCHBOARD_SIGNING_KEY=f"{run}/signing-key.pem",
        SWITCHBOARD_ADMIN_TOKEN=secrets["adminToken"], SWITCHBOARD_DEMO="1")
    service("room-allocator", settings.allocators)
    service("call-orchestrator", settings.orchestrators, **turn)
    service("signaling-gateway", settings.gateways, **turn)
    service("callback-dispatcher", settings.dispatchers, SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE="1")
    add(Program(
        "nginx", "nginx", [f"{HERE}/front-door", str(run)], 40, listen=f"{settings.address}:{settings.port}",
        stop_seconds=5))
    add(Program("connection-keeper", "connection-keeper", [f"{HERE}/connection-keeper", str(run)], 50))
    return result


def turn_urls(settings: Settings, port: int) -> str:
    return ",".join(f"turn:{settings.address}:{port}?transport={kind}" for kind in ("udp", "tcp"))
