"""The load through aiohttp. See support.py."""

import asyncio

import aiohttp
from support import CHUNK, Load, options_read

options = options_read("aiohttp")


async def body_length(response):
    if not (options.stream or options.save):
        return len(await response.read())
    length = 0
    file = open(options.save, "wb") if options.save else None
    try:
        async for chunk in response.content.iter_chunked(CHUNK):
            length += len(chunk)
            if file:
                file.write(chunk)
    finally:
        if file:
            file.close()
    return length


async def main():
    connector = aiohttp.TCPConnector(limit=0, ssl=False if options.insecure else None)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        async def perform():
            async with session.get(options.url) as response:
                return response.status, await body_length(response)
        load = Load("aiohttp", options, perform)
        await load.run()
    return load

asyncio.run(main()).print()
