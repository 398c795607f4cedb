"""`image2poem serve`: open everything, take the port, serve until Ctrl-C."""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys

import uvicorn

from image2poem.errors import SettingsError
from image2poem.matcher import ImageToPoem
from image2poem.serve.app import create_app
from image2poem.settings import Settings


def run(settings: Settings, host: str, port: int) -> None:
    """Serve the page and the API.

    Raises:
        Image2PoemError: corpus, index or models aren't there, or the port is taken.
    """
    listening = _listen(host, port)
    matcher = ImageToPoem(settings).open()
    # no access log: people's words and addresses are nobody's business, and /metrics counts
    config = uvicorn.Config(
        create_app(matcher),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    at = listening.getsockname()
    name = f"[{at[0]}]" if ":" in at[0] else at[0]
    print(f"Image2Poem is at http://{name}:{at[1]}/  (Ctrl-C ends it)", file=sys.stderr, flush=True)
    if not ipaddress.ip_address(at[0]).is_loopback and not settings.serve_api_key:
        hint = "whoever reaches this address may use it; IMAGE2POEM_SERVE_API_KEY asks them for a key"
        print(hint, file=sys.stderr, flush=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C is the ordinary end here, not an interruption
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        print(file=sys.stderr)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=2048, reuse_port=False)
        # what asyncio sets only on sockets of its own making, else an answer's body may wait 40 ms for its header's receipt
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"can't listen at {host} port {port} ({reason}); choose another with --host or --port"
        ) from None
