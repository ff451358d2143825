"""More requests than a server can do: so many a second, whether it answers or not, each on a connection of its own."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from tests.support.servers import slow

#: For such an answer nobody waits any longer.
_GIVEN_UP_SECONDS = 30


def burst(url: str, request: bytes, per_second: float, seconds: float, source: str) -> list[slow.Refusal]:
    """What each request was told, in the order in which they were sent, from this address of the machine.

    The request is to ask for its connection to be closed. Status 0 is an answer that never came.
    """
    return asyncio.run(_burst(url, request, per_second, round(per_second * seconds), source))


async def _burst(url: str, request: bytes, per_second: float, number: int, source: str) -> list[slow.Refusal]:
    began = time.monotonic()
    asked = []
    for count in range(number):
        if (early := began + count / per_second - time.monotonic()) > 0:
            await asyncio.sleep(early)
        asked.append(asyncio.create_task(_ask(url, request, source)))
    return await asyncio.gather(*asked)


async def _ask(url: str, request: bytes, source: str) -> slow.Refusal:
    sent, address = time.monotonic(), urlsplit(url)
    try:
        async with asyncio.timeout(_GIVEN_UP_SECONDS):
            reader, writer = await asyncio.open_connection(address.hostname, address.port, local_addr=(source, 0))
            writer.write(request)
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        answer = b""
    return slow.told(answer, time.monotonic() - sent)
