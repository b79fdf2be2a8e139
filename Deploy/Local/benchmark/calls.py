"""The figures of `make bench`: what each run told, their medians, and the table."""

from statistics import median

from .page import table
from .switchboard import BESIDE, GATEWAY, SERVICES

# DESIGN's first budgets, by rate where they depend on it; microseconds and bytes.
CPU_PER_CALL_MAX = {1000: 1500, 200: 3000}
RING_MAX = {200: (10_000, 50_000)}
LOGIN_CPU_MAX = 400
CONNECTION_BYTES_MAX = 4096
TOKENS_PER_CORE_MIN = 8000
WEBHOOKS_PER_CORE_MIN = 4000


def figures(measured: list[dict]) -> dict[str, float]:
    """One run's figures by name."""
    found: dict[str, float] = {}
    for one in measured:
        cpu = {cost["name"]: cost["cpuMicroseconds"] for cost in one["costs"]}
        grown = {cost["name"]: cost["grownKilobytes"] * 1024 for cost in one["costs"]}
        if one["what"] == "tokens" and cpu.get("token-service"):
            found["tokens.per.core"] = (one["count"] - failed(one)) / (cpu["token-service"] / 1e6)
        if one["what"] == "webhooks":
            found["webhooks.per.core"] = one["count"] / one["cpuSeconds"]
        if one["what"] == "idle":
            logins = max(one["count"] - failed(one), 1)
            server = GATEWAY if GATEWAY in cpu else "ejabberd"
            found["login.bytes"] = grown[server] / logins
            found["login.failed"] = failed(one)
            found |= {f"login.{name}": spent / logins for name, spent in cpu.items()}
            found["login.ours"] = sum(cpu.get(name, 0) for name in SERVICES) / logins
        if one["what"] == "calls":
            rate = one["rate"]
            begun = max(one["begun"], 1)
            for name in ("ring", "setup", "lateness"):
                found |= {f"{rate}.{name}.{at}": one[name][at] for at in ("p50", "p99", "max")}
            found |= {f"{rate}.cpu.{name}": spent / begun for name, spent in cpu.items()}
            found[f"{rate}.cpu.ours"] = sum(cpu.get(name, 0) for name in SERVICES) / begun
            found |= {f"{rate}.{name}": one[name] for name in ("begun", "finished", "unfinished", "skipped")}
            found[f"{rate}.failed"] = failed(one)
    return found


def failed(one: dict) -> int:
    return sum(one["failures"].values())


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: median(run[name] for run in runs if name in run) for name in names}


def rows(own: dict[str, float], peer: dict[str, float], rates: list[int]) -> list[list[str]]:
    def us(known: dict, name: str) -> str:
        return f"{known[name]:,.0f}" if name in known else "–"

    def pair(known: dict, name: str) -> str:
        if known.get(f"{name}.p50", -1) < 0:
            return "–"
        return f"{known[f'{name}.p50'] / 1000:.2f} / {known[f'{name}.p99'] / 1000:.2f}"

    def judged(value: float | None, limit: float) -> str:
        """The budget, and by how much it is missed."""
        if value is None or value <= limit:
            return f"≤ {limit:,}"
        return f"≤ {limit:,}: **missed**, × {value / limit:.1f}"

    result = []
    for rate in rates:
        limits = RING_MAX.get(rate)
        budget = f"≤ {limits[0] // 1000} / ≤ {limits[1] // 1000}" if limits else "–"
        missed = limits and any(own.get(f"{rate}.ring.{at}", 0) > limit for at, limit in zip(("p50", "p99"), limits))
        result += [
            [f"**{rate} calls/s** dial → ring, p50 / p99 ms", pair(own, f"{rate}.ring"), pair(peer, f"{rate}.ring"),
             f"{budget}: **missed**" if missed else budget],
            ["dial → connected, p50 / p99 ms", pair(own, f"{rate}.setup"), pair(peer, f"{rate}.setup"), "–"],
            ["calls: finished of begun; unfinished, skipped, errors", *(counts(k, rate) for k in (own, peer)), "none"],
            ["CPU µs per call, services", us(own, f"{rate}.cpu.ours"), us(peer, f"{rate}.cpu.ejabberd"),
             judged(own.get(f"{rate}.cpu.ours"), CPU_PER_CALL_MAX[rate]) if rate in CPU_PER_CALL_MAX else "–"],
        ]
        result += [[f"– {name}", us(own, f"{rate}.cpu.{name}"), "", ""] for name in SERVICES]
        result += [[f"apart: {name}", us(own, f"{rate}.cpu.{name}"), "", ""] for name in BESIDE]
        result += [["apart: the load itself", us(own, f"{rate}.cpu.load"), us(peer, f"{rate}.cpu.load"), ""]]
    result += [
        ["**login** CPU µs, services", us(own, "login.ours"), us(peer, "login.ejabberd"),
         judged(own.get("login.ours"), LOGIN_CPU_MAX)],
        ["– gateway / allocator / dispatcher",
         " / ".join(us(own, f"login.{n}") for n in (GATEWAY, "room-allocator", "callback-dispatcher")), "", ""],
        ["apart: broker / Redis", " / ".join(us(own, f"login.{n}") for n in ("embedded-log", "redis")), "", ""],
        ["bytes per idle connection", us(own, "login.bytes"), us(peer, "login.bytes"),
         judged(own.get("login.bytes"), CONNECTION_BYTES_MAX)],
        ["tokens per second of token-service's core", us(own, "tokens.per.core"), "–",
         f"≥ {TOKENS_PER_CORE_MIN:,}" + (
             ": **missed**" if own.get("tokens.per.core", TOKENS_PER_CORE_MIN) < TOKENS_PER_CORE_MIN else "")],
        ["webhooks per second of callback-dispatcher's core, rendered, signed and posted",
         us(own, "webhooks.per.core"), "–",
         f"≥ {WEBHOOKS_PER_CORE_MIN:,}" + (
             ": **missed**" if own.get("webhooks.per.core", WEBHOOKS_PER_CORE_MIN) < WEBHOOKS_PER_CORE_MIN else "")],
    ]
    return result


def counts(known: dict[str, float], rate: int) -> str:
    if f"{rate}.begun" not in known:
        return "–"
    finished, begun, unfinished, skipped, failures = (
        known[f"{rate}.{name}"] for name in ("finished", "begun", "unfinished", "skipped", "failed"))
    return f"{finished:.0f} of {begun:.0f}; {unfinished:.0f}, {skipped:.0f}, {failures:.0f}"


def report(own: list[dict], peer: list[dict], peer_name: str, rates: list[int]) -> str:
    return table(["", "Switchboard", peer_name, "budget"], rows(medians(own), medians(peer), rates))
