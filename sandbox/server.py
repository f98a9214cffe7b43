"""The process that is the embedded AWS: MiniStack with the adapters, on loopback and TLS only.

It lives in a folder of its own, says in ``ready.json`` where it listens, and ends when its standard input does,
so that it never outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from .certificates import write_certificates

ACCOUNT = "123456789012"
"""The account that everything is deployed into; the emulator takes its credentials for the account's root user."""
REGION = "us-east-1"
LOOPBACK = "127.0.0.1"


def main(folder: Path, port: int = 0) -> None:
    """Serve until standard input ends.

    Args:
        folder: An empty folder for everything that the process writes; removed when it ends.
        port: Where to listen; 0 for a free port.
    """
    os.setpgid(0, 0)
    atexit.register(_end, folder)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    try:
        gateway, mqtt, dns = _listen(port), _listen(0), _listen_for_datagrams()
    except OSError as problem:
        remedy = "end what listens there, or choose another port"
        sys.exit(f"error: port {port} must be free on {LOOPBACK}, got {problem.strerror!r}; {remedy}")
    resolver = f"{LOOPBACK}:{dns.getsockname()[1]}"
    _configure(folder, gateway.getsockname()[1], mqtt.getsockname()[1], resolver)
    from . import adapters
    from .adapters.route53 import listener

    adapters.install()
    listener.start(dns, ACCOUNT)
    asyncio.run(_serve(folder, gateway, mqtt))


def _listen(port: int) -> socket.socket:
    """Take a port on loopback and keep it: nobody else can get it before the server is up."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    # Only a socket that listens keeps others, which set the same option, from the port.
    listener.listen(128)
    return listener


def _listen_for_datagrams() -> socket.socket:
    """Take a free port on loopback for questions to the DNS server."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((LOOPBACK, 0))
    return listener


def _configure(folder: Path, gateway: int, mqtt: int, resolver: str) -> None:
    """Set what MiniStack reads from the environment when it is imported, and what functions find in theirs."""
    scratch = folder / "tmp"
    scratch.mkdir()
    authority, certificate, key = write_certificates(folder)
    os.environ.update(
        AUTH="true",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - what the emulator takes for the root user's key
        AWS_CA_BUNDLE=str(authority),
        AWS_ENDPOINT_URL=f"https://localhost:{gateway}",
        SSL_CERT_FILE=str(authority),
        BIND_HOST=LOOPBACK,
        GATEWAY_PORT=str(gateway),
        HOME=str(folder),
        IOT_MTLS_PORT=str(mqtt),
        LOG_LEVEL=os.environ.get("SANDBOX_LOG_LEVEL", "INFO"),
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=REGION,
        MINISTACK_SSL_CERT=str(certificate),
        MINISTACK_SSL_KEY=str(key),
        RESOLVER=resolver,
        S3_DATA_DIR=str(folder / "s3"),
        STATE_DIR=str(folder / "state"),
        TMPDIR=str(scratch),
        USE_SSL="1",
    )


async def _serve(folder: Path, gateway: socket.socket, mqtt: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    from .adapters import loop

    loop.remember()
    _only_on_loopback(mqtt)
    where = {"endpoint": os.environ["AWS_ENDPOINT_URL"], "mqtt_port": mqtt.getsockname()[1]}
    where["resolver"] = os.environ["RESOLVER"]

    async def announce() -> None:
        # The connection waits in the queue of the socket until the server, once it is up, shakes hands.
        trust = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
        _, writer = await asyncio.open_connection(*gateway.getsockname(), ssl=trust, server_hostname="localhost")
        writer.close()
        partial = folder / "ready.json.partial"
        partial.write_text(json.dumps({**where, "ca": os.environ["AWS_CA_BUNDLE"]}))
        partial.rename(folder / "ready.json")

    config = Config()
    config.bind = [f"fd://{gateway.fileno()}"]
    config.certfile, config.keyfile = os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    announced = asyncio.create_task(announce())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(_with_hooks(app.app), config, shutdown_trigger=stop.wait)
    announced.cancel()
    _end(folder)


def _with_hooks(emulator: Any) -> Any:
    """The emulator, with answers of ours: which types are recorded, not emulated, and what scenarios let happen."""
    from .adapters import crashes, faults, iam_requests, lambda_times, recorded, scheduled_rules, trails
    from .adapters.delivery import git_http
    from .adapters.fleet import hooks as fleet_hooks
    from .adapters.image_builder import hooks as image_hooks
    from .adapters.route53 import hooks as route53_hooks
    from .adapters.search import hooks as search_hooks
    from .adapters.search import http as search_http
    from .adapters.ses import hooks as ses_hooks
    from .adapters.workspaces import hooks as workspaces_hooks

    hooks = {**ses_hooks.HOOKS, **fleet_hooks.HOOKS, **image_hooks.HOOKS, **route53_hooks.HOOKS}
    hooks |= {**crashes.HOOKS, **lambda_times.HOOKS, **scheduled_rules.HOOKS, **workspaces_hooks.HOOKS}
    hooks |= {**search_hooks.HOOKS, **faults.HOOKS, **iam_requests.HOOKS, **trails.HOOKS}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path")
        if path == "/_sandbox/types":
            status, said = 200, {"recorded": sorted(recorded.TYPES)}
        elif path in hooks:
            body, more = b"", scope["method"] != "GET"
            if not more:
                body = json.dumps(dict(parse_qsl(scope["query_string"].decode()))).encode()
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            status, said = await asyncio.to_thread(hooks[path], body, ACCOUNT, REGION)
        else:
            by_prefix = {git_http.PREFIX: git_http.serve, search_http.PREFIX: search_http.serve}
            found = (one for prefix, one in by_prefix.items() if str(path).startswith(prefix))
            await next(found, emulator)(scope, receive, send)
            return
        text = json.dumps(said).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return answer


def _only_on_loopback(mqtt: socket.socket) -> None:
    """Give MiniStack's MQTT listener the socket that is reserved for it; it would listen on every interface."""
    loop: Any = asyncio.get_running_loop()
    create_server = loop.create_server

    async def create(protocol: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if port == mqtt.getsockname()[1]:
            return await create_server(protocol, sock=mqtt)
        if "sock" not in options and host not in (LOOPBACK, "localhost"):
            logging.getLogger("sandbox").warning("a listener for %s:%s was put on loopback", host, port)
            host = LOOPBACK
        return await create_server(protocol, host, port, **options)

    loop.create_server = create


def _end_with_parent(folder: Path) -> None:
    """Read the process groups that the parent starts (``12``) and is done with (``-12``), and end them with it."""
    groups: set[int] = set()
    with os.fdopen(os.dup(0)) as lines:
        for number in map(int, lines):
            groups.add(number) if number > 0 else groups.discard(-number)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    _end(folder)


def _end(folder: Path) -> None:
    """Remove the folder and end this process and those that it started, such as Lambda functions."""
    sys.stderr.flush()
    for _ in range(3):  # something may still be written
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
