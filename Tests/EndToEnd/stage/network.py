"""A network and a family of processes of our own.

ICE needs an address that is neither outside nor exactly 127.0.0.1, and ports must not clash with another run's. Whatever
is started in here ends with the test, even when that is killed.
"""

import os
import shutil
import subprocess
from typing import Callable, NoReturn

INSIDE = "END_TO_END_NETWORK"
MEDIA_ADDRESS = "127.0.0.2"


def is_inside() -> bool:
    return os.environ.get(INSIDE) == "1"


def enter(command: list[str], refused: Callable[[str], NoReturn]) -> NoReturn:
    """Becomes `command` in a new network; `refused(why)` where this machine does not allow one."""
    for tool in ("unshare", "ip"):
        if not shutil.which(tool, path=search_path()):
            refused(f"There is no '{tool}', which makes the network of the end-to-end tests.")
    # Who is not root keeps their own user, as redis and nginx behave by it, with rights over the new network alone.
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    unshare = ["unshare", *user, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    environment = os.environ | {INSIDE: "1", "PATH": search_path()}
    tried = subprocess.run([*unshare, "true"], env=environment, capture_output=True, text=True)
    if tried.returncode != 0:
        refused(f"This machine allows no network of our own, which the end-to-end tests need: {tried.stderr.strip()}")
    os.execvpe("unshare", [*unshare, *command], environment)


def bring_up() -> None:
    """- Throws: OSError with what could not be set up."""
    for words in (
        "link set lo up",
        "link add media0 type veth peer name media1",
        f"addr add {MEDIA_ADDRESS}/32 dev media0",
        "link set media0 up",
        "link set media1 up",
    ):
        done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(f"The network of the end-to-end tests: ip {words}: {done.stderr.strip()}")


def search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
