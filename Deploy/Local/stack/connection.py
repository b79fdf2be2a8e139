""".run/connection.json: what tools and tests need to know of a running stack."""

import json
import shlex
from pathlib import Path

from . import files
from .programs import HERE, Plan


def lasting(plan: Plan) -> dict:
    """What stays the same while the stack runs."""
    settings = plan.settings
    control = shlex.join([str(HERE / "control"), str(settings.run)])
    return {
        "baseUrl": settings.base_url,
        "demoUrl": f"{settings.base_url}/demo/",
        "appKey": None,
        "appSecret": None,
        "development": {"appKey": None, "appSecret": None},
        "adminToken": plan.secrets["adminToken"],
        "kafkaBootstrap": plan.kafka,
        "redisUrl": plan.redis,
        "gateways": [f"ws://{address}/ws" for address in plan.addresses("signaling-gateway")],
        "services": {s: plan.addresses(s) for s in dict.fromkeys(p.service for p in plan.programs if p.answers_readyz)},
        "pids": {},
        "control": {"stop": f"{control} stop", "start": f"{control} start"},
    }


def write(run: Path, processes: list[dict]) -> None:
    """Writes the file anew with the processes as supervisord tells them."""
    document = files.load(run / "connection-base.json")
    keys = files.load(run / "data/token-service-1/first-application.json")
    document |= {name: keys[name] for name in ("appKey", "appSecret", "development") if name in keys}
    pids: dict[str, list[int]] = {}
    for process in sorted(processes, key=lambda process: process["name"]):
        if process["group"] != "connection-keeper":
            pids.setdefault(process["group"], [])
            if process["pid"]:
                pids[process["group"]].append(process["pid"])
    document["pids"] = pids
    text = json.dumps(document, indent=2) + "\n"
    path = run / "connection.json"
    if not path.exists() or path.read_text() != text:
        files.write(path, text)
