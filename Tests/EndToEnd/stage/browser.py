"""People at the demo page, each in a browser process whose camera shows one colour."""

from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from . import clips
from .line import Line
from .runner import stage
from .stack import PORT
from .waiting import SECONDS, until

CHROMIUM = "/usr/bin/chromium-headless-shell"
PROBE = (Path(__file__).parent / "probe.js").read_text()
FLAGS = [
    "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
]


class Browsers:
    """One process per colour."""

    def __init__(self):
        self._playwright = sync_playwright().start()
        self._by_colour = {}
        for colour in clips.COLOURS:
            file = clips.clip(stage.folder, colour)
            self._by_colour[colour] = self._playwright.chromium.launch(
                executable_path=CHROMIUM, headless=True, args=[*FLAGS, f"--use-file-for-fake-video-capture={file}"])

    def person(self, name: str, colour: str, behind_relay: bool = False) -> "Person":
        """Somebody new at the demo page, with a line of their own; `behind_relay`: in a network that lets no other media
        through."""
        return Person(self._by_colour[colour], name, colour, behind_relay)

    def close(self):
        for browser in self._by_colour.values():
            browser.close()
        self._playwright.stop()


class Person:
    def __init__(self, browser, name: str, colour: str, behind_relay: bool):
        self.name, self.user, self.colour = name, name.lower(), colour
        self.line = Line(PORT)
        self.context = browser.new_context(
            base_url=self.line.base, permissions=["camera", "microphone"], viewport={"width": 960, "height": 640})
        self.context.add_init_script(f"window.isBehindRelay = {str(behind_relay).lower()};\n{PROBE}")
        self.page = self.context.new_page()
        self.page.expose_function("recordExchange", record_exchange)
        self.complaints: list[str] = []
        self.is_gone = False
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        stage.recorder.watch(self.page, label=self.user)

    def join(self) -> "Person":
        self.page.goto("/demo/")
        self.page.get_by_test_id("name-input").fill(self.name)
        self.page.get_by_test_id("join").click()
        self.wait_status("idle")
        return self

    def use_gateway(self, number: int):
        """Goes past the front door, and any cut of the line, from the next time the page is loaded."""
        url = stage.stack.known["gateways"][number]

        def token(route):
            answer = route.fetch()
            route.fulfill(response=answer, json=answer.json() | {"url": url})

        self.page.unroute("**/demo/token?*")
        self.page.route("**/demo/token?*", token)

    def leave(self):
        """Logs out, and is gone."""
        self.page.get_by_test_id("leave").click()
        self.page.get_by_test_id("name-input").wait_for()
        self.close()

    def close(self):
        if not self.is_gone:
            self.is_gone = True
            self.context.close()
            self.line.close()

    # What a person does

    def sees(self, other: "Person"):
        self.page.wait_for_selector(f"[data-testid=call-video-{other.user}]:enabled", timeout=SECONDS * 1000)

    def calls(self, other: "Person", kind: str = "video"):
        self.sees(other)
        self.page.get_by_test_id(f"call-{kind}-{other.user}").click()

    def press(self, control: str):
        self.page.get_by_test_id(control).click()

    # What a person sees

    def status(self) -> str:
        return self.page.get_by_test_id("status").get_attribute("data-state")

    def wait_status(self, *states: str, seconds: float = SECONDS):
        until(f"{self.name}'s page says {' or '.join(states)}", lambda: self._is(states), seconds)

    def wait_visible(self, control: str, seconds: float = SECONDS):
        self.page.get_by_test_id(control).wait_for(timeout=seconds * 1000)

    def wait_hidden(self, control: str, seconds: float = SECONDS):
        self.page.get_by_test_id(control).wait_for(state="hidden", timeout=seconds * 1000)

    def text(self, control: str) -> str:
        return self.page.get_by_test_id(control).inner_text()

    def wait_text(self, control: str, words: str, seconds: float = SECONDS):
        def look():
            seen = self.text(control)
            assert words in seen, seen
            return True

        until(f"{self.name}'s {control} says '{words}'", look, seconds)

    def wait_rung_by(self, other: "Person"):
        self.wait_visible("incoming")
        assert other.name in self.text("incoming"), self.text("incoming")

    # What comes through the peer connection

    def received(self) -> dict:
        return self.page.evaluate("probe.received()")

    def wait_picture_of(self, other: "Person", link: int = 1, seconds: float = SECONDS):
        """The other's colour, and frames that go on coming, over the `link`th peer connection of this page or a later one."""
        def look():
            now = self.received()
            assert now["links"] >= link and now["frames"] > first.setdefault(now["links"], now["frames"]) + 2, now
            pixel = self.page.evaluate("probe.colour('remote-video')")
            assert clips.is_colour(pixel, other.colour), f"{now}, pixel {pixel}"
            return now

        first: dict[int, int] = {}
        return until(f"{self.name} sees {other.name} in {other.colour}", look, seconds)

    def wait_sound(self, seconds: float = SECONDS):
        """The fake microphone beeps once a second."""
        def look():
            now = self.received()
            assert now["packets"] > first["packets"] and now["energy"] > first["energy"], now
            return True

        first = self.received()
        until(f"{self.name} hears something", look, seconds)

    def call_id(self) -> str:
        return self.page.evaluate("switchboard.getCurrentCallSession().callId")

    def screenshot(self, name: str):
        folder = stage.folder / "screenshots"
        folder.mkdir(exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")

    def _is(self, states):
        seen = self.status()
        assert seen in states, seen
        return True


def record_exchange(seen: dict):
    stage.recorder.exchange(
        seen["method"], seen["path"], seen["status"], response_body=seen["body"], content_type=seen["type"])
