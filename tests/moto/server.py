"""Serves moto on a port that the system chooses, and prints it. Ends when standard input does, so
that it never outlives the tests that started it."""

import os
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def end_with_standard_input():
    sys.stdin.buffer.read()
    os._exit(0)


class OneAtATime:
    """moto looks at a condition and then writes, with nothing that keeps another request out
    between the two: DynamoDB's writes are atomic, so are these."""

    def __init__(self, application):
        self.application = application
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            return list(self.application(environ, start_response))


application = OneAtATime(DomainDispatcherApplication(create_backend_app))
server = make_server("127.0.0.1", 0, application, threaded=True)
threading.Thread(target=end_with_standard_input, daemon=True).start()
print(server.port, flush=True)
server.serve_forever()
