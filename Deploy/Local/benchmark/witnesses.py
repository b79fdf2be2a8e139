"""Who is there while services are restarted under load, beside the load's users: an app server that asks for tokens. What
it saw, by the service that was restarted meanwhile."""

import time
from collections import Counter
from contextlib import ExitStack

from .app_server import AppServer
from .aside import Aside
from .page import table

HEAD = [
    "restarted", "tokens issued, and logged in with", "asked again", "lost", "token after, p50 / p99 / max ms",
    "logged in after, ms"]
BEFORE = "nothing"
PROBLEMS_TOLD = 3


class Witnesses:
    def __init__(self, server, tokens_per_second: int):
        self._server, self._rate = server, tokens_per_second
        self._eras: list[tuple[float, str]] = []

    def __enter__(self) -> "Witnesses":
        with ExitStack() as stack:
            aside = stack.enter_context(Aside())
            self._app_server = AppServer(aside, self._server.known, self._rate)
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
        """Waits for the tokens that are under way."""
        self._app_server.end()

    # What they say

    def problems_with_tokens(self) -> list[str]:
        askings = self._app_server.askings
        lost = [asking.problem for asking in askings if asking.problem]
        seen = Counter(self._era(asking.at) for asking in askings if asking.let_in_after is not None)
        problems = [f"{len(lost)} tokens are lost: {'; '.join(lost[:PROBLEMS_TOLD])}"] if lost else []
        return problems + [
            f"nobody was given a token while {service} was restarted" for _, service in self._eras if not seen[service]]

    # What is told

    def asked_again(self) -> dict[str, Counter]:
        """Why, how often, by the service that was restarted."""
        found: dict[str, Counter] = {}
        for asking in self._app_server.askings:
            found.setdefault(self._era(asking.at), Counter()).update(asking.again)
        return {service: reasons for service, reasons in found.items() if reasons}

    def table(self) -> str:
        return table(HEAD, [self._row(service) for service in dict.fromkeys(service for _, service in self._eras)])

    def described(self) -> str:
        return f"{self._rate} tokens/s asked for at the front door, every second one for a user that was new."

    def _row(self, service: str) -> list[str]:
        askings = [asking for asking in self._app_server.askings if self._era(asking.at) == service]
        issued = [asking.issued_after for asking in askings if asking.issued_after is not None]
        let_in = [asking.let_in_after for asking in askings if asking.let_in_after is not None]
        again = sum(len(asking.again) for asking in askings)
        return [
            service, str(len(let_in)), str(again), str(len(askings) - len(let_in)), spread(issued), spread(let_in)]

    def _era(self, at: float) -> str:
        return next((service for begun, service in reversed(self._eras) if begun <= at), BEFORE)


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "–"
    known = sorted(seconds)
    return " / ".join(f"{known[int((len(known) - 1) * share)] * 1000:.0f}" for share in (0.5, 0.99, 1))
