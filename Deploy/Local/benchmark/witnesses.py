"""Who is there while services are restarted under load, beside the load's users: an app server that asks for tokens, and
readers of callbacks, by webhook and on the topic. What each saw, by the service that was restarted meanwhile."""

import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime

from .app_server import AppServer
from .aside import Aside
from .callbacks import Findings, Topic
from .page import table
from .webhook_reader import Arrival, WebhookReader
from .webhooks import add_endpoint

TOKENS = [
    "restarted", "tokens issued, and logged in with", "asked again", "lost", "token after, p50 / p99 / max ms",
    "logged in after, ms"]
WEBHOOKS = ["restarted", "webhooks of calls", "missing", "repeats", "after the fact, p50 / p99 / max ms"]
BEFORE = "nothing"


class Witnesses:
    def __init__(self, server, tokens_per_second: int):
        self._server, self._rate = server, tokens_per_second
        self._eras: list[tuple[float, str]] = []
        self._calls: set[str] = set()
        self._topic = Topic()
        self._arrivals: dict[str, Arrival] = {}

    def __enter__(self) -> "Witnesses":
        with ExitStack() as stack:
            aside = stack.enter_context(Aside())
            self._reader = stack.enter_context(WebhookReader(aside))
            self._app_server = AppServer(aside, self._server.known, self._rate)
            add_endpoint(self._server, self._reader.url, ("call.*",))
            self._leaving = stack.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._leaving.close()

    # What they do

    def begin(self) -> None:
        """From here on tokens are asked for."""
        self._app_server.begin()

    def turn_to(self, service: str) -> None:
        """What happens from here on happens while this one is restarted."""
        self._eras.append((time.time(), service))

    def end(self) -> None:
        """Waits for the tokens that are under way; callbacks come as long as they come."""
        self._app_server.end()

    # What they say

    def problems_with_tokens(self) -> list[str]:
        findings = Findings()
        askings = self._app_server.askings
        findings.add("a token is lost", [asking.problem for asking in askings if asking.problem])
        seen = Counter(self._era(asking.at) for asking in askings if asking.let_in_after is not None)
        findings.add("nobody was given a token while this was restarted", [
            service for _, service in self._eras if not seen[service]])
        return findings.problems

    def problems_with_callbacks(self, lines: list[str], calls: set[str]) -> list[str]:
        """`lines`: all that the topic has. `calls`: that were decided."""
        self._calls, self._topic, self._arrivals = calls, Topic.of(lines), self._reader.so_far()
        return self._topic.check(calls).problems + self._topic.check_webhooks(self._arrivals).problems

    # What is told

    def asked_again(self) -> dict[str, Counter]:
        """Why, how often, by the service that was restarted."""
        found: dict[str, Counter] = {}
        for asking in self._app_server.askings:
            found.setdefault(self._era(asking.at), Counter()).update(asking.again)
        return {service: reasons for service, reasons in found.items() if reasons}

    def tables(self) -> str:
        services = list(dict.fromkeys(service for _, service in self._eras))
        return "\n\n".join([
            table(TOKENS, [self._tokens(service) for service in services]),
            table(WEBHOOKS, [self._webhooks(service) for service in services])])

    def described(self) -> str:
        """What stands in no row."""
        counts = Counter(event["subject"].partition("/")[0] for event in self._topic.events.values())
        return (
            f"{self._rate} tokens/s asked for at the front door, every second one for a user that was new. On the topic "
            f"{counts['calls']} callbacks of {len(self._calls)} calls and {counts['rooms']} of their rooms; "
            f"{self._topic.repeats} stand there twice.")

    def _tokens(self, service: str) -> list[str]:
        askings = [asking for asking in self._app_server.askings if self._era(asking.at) == service]
        issued = [asking.issued_after for asking in askings if asking.issued_after is not None]
        let_in = [asking.let_in_after for asking in askings if asking.let_in_after is not None]
        again = sum(len(asking.again) for asking in askings)
        return [
            service, str(len(let_in)), str(again), str(len(askings) - len(let_in)), spread(issued), spread(let_in)]

    def _webhooks(self, service: str) -> list[str]:
        came = {
            identity: arrival for identity, arrival in self._arrivals.items() if self._era(arrival.at) == service}
        delays = [
            arrival.at - happened_at(self._topic.events[identity]) for identity, arrival in came.items()
            if identity in self._topic.events]
        missing = sum(
            self._era(happened_at(event)) == service for identity, event in self._topic.events.items()
            if event["subject"].startswith("calls/") and identity not in self._arrivals)
        repeats = sum(self._era(at) == service for at in self._reader.repeated_at)
        return [service, str(len(came)), str(missing), str(repeats), spread(delays)]

    def _era(self, at: float) -> str:
        return next((service for begun, service in reversed(self._eras) if begun <= at), BEFORE)


def happened_at(event: dict) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "–"
    known = sorted(seconds)
    return " / ".join(f"{known[int((len(known) - 1) * share)] * 1000:.0f}" for share in (0.5, 0.99, 1))
