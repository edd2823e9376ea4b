#!/usr/bin/env python3
"""Gives a genuine Mesos in local mode the unprefixed paths of a stand-alone master and agent.

    prefix_proxy.py LISTEN_PORT MESOS_PORT

Stand-alone, libprocess sends a request without a known first path component to the process it was told to delegate
to. In local mode it delegates to nobody: only /master/... and /slave(1)/... answer. Here `/api/v1/executor` goes to the
agent and everything else that names no process goes to the master. Answers pass through byte by byte, so that clients
see the genuine chunking; of requests only the first line changes.
"""
import asyncio
import sys

PROCESSES = {
    "master", "slave(1)", "slave%281%29", "metrics", "files", "system", "version", "help", "logging", "__processes__",
}


def routed(target):
    path = target.lstrip("/")
    if path.startswith("api/v1/executor"):
        return "/slave(1)/" + path
    return target if path.split("?")[0].split("/")[0] in PROCESSES else "/master/" + path


async def pass_chunks(reader, writer):
    """One chunked body, up to and including its last chunk and trailers."""
    while True:
        size_line = await reader.readuntil(b"\r\n")
        writer.write(size_line)
        size = int(size_line.split(b";")[0], 16)
        if size == 0:
            line = b""
            while line != b"\r\n":
                line = await reader.readuntil(b"\r\n")
                writer.write(line)
            return
        writer.write(await reader.readexactly(size + 2))
        await writer.drain()


async def requests(reader, writer):
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        first, rest = head.split(b"\r\n", 1)
        method, target, version = first.decode("latin-1").split(" ", 2)
        writer.write(" ".join((method, routed(target), version)).encode("latin-1") + b"\r\n" + rest)
        headers = dict(
            (name.strip().lower(), value.strip().lower())
            for name, _, value in (line.partition(b":") for line in rest.split(b"\r\n") if line)
        )
        if headers.get(b"transfer-encoding") == b"chunked":
            await pass_chunks(reader, writer)
        else:
            writer.write(await reader.readexactly(int(headers.get(b"content-length", 0))))
        await writer.drain()


async def answers(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def serve(client_reader, client_writer):
    upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    ways = [
        asyncio.create_task(requests(client_reader, upstream_writer)),
        asyncio.create_task(answers(upstream_reader, client_writer)),
    ]
    # When either side has said its last word, so has the other: nobody here half-closes.
    _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in pending:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
    client_writer.close()
    upstream_writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), limit=64 << 20)
    async with server:
        await server.serve_forever()


asyncio.run(main())
