"""A server of one's own to which notices can be sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Listener:
    """A server to which notices can be sent."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def address(self) -> str:
        return f"json://user:hunter2@127.0.0.1:{self.server.server_port}/hush"


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener that is there meanwhile."""
    listener = Listener()
    listener.thread.start()
    yield listener
    listener.server.shutdown()
    listener.thread.join()
    listener.server.server_close()
