"""The load through tornado's client on libcurl. See support.py."""

import asyncio

import pycurl
from support import Load, options_read
from tornado.curl_httpclient import CurlAsyncHTTPClient
from tornado.httpclient import HTTPRequest

options = options_read("tornado")


def prepare(curl):
    if options.http2:
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.PIPEWAIT, 1)


async def perform_with(client):
    length, file = 0, open(options.save, "wb") if options.save else None

    def on_chunk(chunk):
        nonlocal length
        length += len(chunk)
        if file:
            file.write(chunk)

    streaming = options.stream or options.save
    response = await client.fetch(HTTPRequest(
        options.url, prepare_curl_callback=prepare, validate_cert=not options.insecure,
        connect_timeout=300, request_timeout=300,
        streaming_callback=on_chunk if streaming else None))
    if file:
        file.close()
    return response.code, length if streaming else len(response.body)


async def main():
    client = CurlAsyncHTTPClient(max_clients=options.inflight or options.connections)
    load = Load("tornado", options, lambda: perform_with(client))
    await load.run()
    return load

asyncio.run(main()).print()
