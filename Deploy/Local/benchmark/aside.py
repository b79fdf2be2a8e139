"""What goes on beside a measurement: an event loop on a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine


class Aside:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "Aside":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.do(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def do(self, work: Coroutine):
        """Waits for it; its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def _cancel_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
