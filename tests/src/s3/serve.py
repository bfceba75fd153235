"""Serves moto's S3 on a free port of loopback until standard input ends; writes the port first.

Requests are handled one at a time: a conditional create looks and writes in two steps, and a real S3 does both in one.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

one_at_a_time = threading.Lock()
moto = DomainDispatcherApplication(create_backend_app)


def serve(environment, start_response):
    with one_at_a_time:
        return list(moto(environment, start_response))


def end_with_the_test():
    sys.stdin.buffer.read()
    os._exit(0)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code="-", size="-"):
        pass


server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=Quiet)
print(server.port, flush=True)
threading.Thread(target=end_with_the_test, daemon=True).start()
server.serve_forever()
