# SPDX-License-Identifier: Apache-2.0
# Copyright the datafusion-feast authors

"""A proxy before an HTTP server that is slow, fails, or rewrites what it passes on.

    proxy.py TARGET [options]       TARGET is host:port

Prints `port N` and then a line for each request: the status that the client got, the method and
the path. Ends when its input ends.

    --port N                listen there, as a proxy that ended did (default: any free port)
    --rtt MS                a connection and an answer take so much longer
    --mbit N                answers come at this rate
    --on TEXT               the faults below meet only requests with TEXT in the line METHOD PATH
    --times N               … and only the first N of them (default: all)
    --status CODE           answer this instead of asking the server
    --say-pass              … with the request's Authorization in its text
    --stall                 never answer
    --end before|after      end with all connections, before or after the server is asked
    --cut                   send half of the answer's body and close the connection
    --replace OLD=NEW       in answers of JSON, any number of times
    --keys-end-in S         vended keys are said to end after so many seconds
    --keys-end-after S      requests with a session token are refused so long after its first use
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time

REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
ENDS = re.compile(rb'("s3\.session-token-expires-at-ms":\s*)"\d+"')


class Message:
    """A request or an answer: the first line, the header fields and the body as they are sent."""

    def __init__(self, head: bytes, body: bytes):
        lines = head.rstrip(b"\r\n").split(b"\r\n")
        self.first = lines[0].decode("latin-1")
        self.fields = [line.decode("latin-1").split(":", 1) for line in lines[1:]]
        self.body = body

    def field(self, name: str) -> str | None:
        for key, value in self.fields:
            if key.lower() == name:
                return value.strip()
        return None

    def without(self, *names: str) -> None:
        self.fields = [field for field in self.fields if field[0].lower() not in names]

    def bytes(self) -> bytes:
        head = "\r\n".join([self.first] + [f"{key}:{value}" for key, value in self.fields])
        return head.encode("latin-1") + b"\r\n\r\n" + self.body


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """The next request; its body is counted or in chunks."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    message = Message(head, b"")
    if length := message.field("content-length"):
        message.body = await reader.readexactly(int(length))
    elif (message.field("transfer-encoding") or "").lower() == "chunked":
        while True:
            size = await reader.readuntil(b"\r\n")
            chunk = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
            message.body += size + chunk
            if len(chunk) == 2:
                break
    return message


class Proxy:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.host, port = options.target.split(":")
        self.port = int(port)
        self.left = options.times
        self.tokens: dict[str, float] = {}

    def meets_fault(self, line: str) -> bool:
        options = self.options
        faulty = options.status or options.stall or options.cut or options.end
        if not faulty or self.options.on not in line or self.left == 0:
            return False
        self.left -= 1
        return True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(self.options.rtt / 1000)
            while request := await receive(reader):
                if not await self.answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, request: Message, writer: asyncio.StreamWriter) -> bool:
        """Answers a request; whether the connection can take another one."""
        method, path, _ = request.first.split(" ", 2)
        fault = self.meets_fault(f"{method} {path}")
        if fault and self.options.stall:
            print(f"--- {method} {path}", flush=True)
            await asyncio.sleep(3600)
        if fault and self.options.end == "before":
            os._exit(0)
        if fault and self.options.status:
            text = "asked for by the test"
            if self.options.say_pass:
                text += f", of {request.field('authorization')}"
            answer = refusal(self.options.status, "ProxyFault", text)
        elif self.too_old(request.field("x-amz-security-token")):
            answer = refusal(400, "ExpiredToken", "The provided token has expired.")
        else:
            answer = self.rewritten(await self.forward(request))
        if fault and self.options.end:
            os._exit(0)
        print(answer.first.split(" ")[1], method, path, flush=True)
        await asyncio.sleep(self.options.rtt / 1000)
        data = answer.bytes()
        if fault and self.options.cut:
            writer.write(data[: len(data) - (len(answer.body) + 1) // 2])
            await writer.drain()
            return False
        await self.send(data, writer)
        counted = answer.field("content-length") or answer.field("transfer-encoding")
        return method == "HEAD" or bool(counted) or answer.first.split(" ")[1] in ("204", "304")

    def too_old(self, token: str | None) -> bool:
        limit = self.options.keys_end_after
        if token is None or limit is None:
            return False
        return time.monotonic() - self.tokens.setdefault(token, time.monotonic()) > limit

    async def forward(self, request: Message) -> Message:
        """The server's answer, over a connection for this request alone."""
        request.without("connection", "accept-encoding")
        request.fields.append(["Connection", " close"])
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(request.bytes())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        answer = Message(head, await reader.read())
        writer.close()
        answer.without("connection", "keep-alive")
        return answer

    def rewritten(self, answer: Message) -> Message:
        if "json" not in (answer.field("content-type") or "") or not answer.body:
            return answer
        body = answer.body
        if (answer.field("transfer-encoding") or "").lower() == "chunked":
            body = unchunked(body)
        for pair in self.options.replace:
            old, new = pair.split("=", 1)
            body = body.replace(old.encode(), new.encode())
        if self.options.keys_end_in is not None:
            ends = int((time.time() + self.options.keys_end_in) * 1000)
            body = ENDS.sub(rb'\g<1>"%d"' % ends, body)
        if body != answer.body:
            answer.body = body
            answer.without("content-length", "transfer-encoding")
            answer.fields.append(["Content-Length", f" {len(body)}"])
        return answer

    async def send(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        step = 64 * 1024
        for start in range(0, len(data), step):
            part = data[start : start + step]
            writer.write(part)
            await writer.drain()
            if self.options.mbit:
                await asyncio.sleep(len(part) * 8 / (self.options.mbit * 1e6))


def unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, body = body.split(b"\r\n", 1)
        length = int(size.split(b";")[0], 16)
        if length == 0:
            return whole
        whole, body = whole + body[:length], body[length + 2 :]


def refusal(status: int, code: str, text: str) -> Message:
    """An error as both a catalog's client and an S3 client would find it."""
    if status == 400:
        kind = "application/xml"
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{text}</Message></Error>"
    else:
        kind = "application/json"
        body = json.dumps({"error": {"message": text, "type": code, "code": status}})
    head = f"HTTP/1.1 {status} {REASONS.get(status, 'Fault')}\r\nContent-Type: {kind}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    return Message(head.encode(), body.encode())


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--rtt", type=float, default=0)
    parser.add_argument("--mbit", type=float, default=0)
    parser.add_argument("--on", default="")
    parser.add_argument("--times", type=int, default=-1)
    parser.add_argument("--status", type=int)
    parser.add_argument("--say-pass", action="store_true")
    parser.add_argument("--stall", action="store_true")
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--end", choices=["before", "after"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--replace", action="append", default=[])
    parser.add_argument("--keys-end-in", type=float)
    parser.add_argument("--keys-end-after", type=float)
    options = parser.parse_args()
    proxy = Proxy(options)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", options.port, limit=1 << 20)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    # Whoever started this holds the other end of its input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
