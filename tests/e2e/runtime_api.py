"""The Lambda Runtime API for one process of the function, which a test can kill at any time.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.server
import json
import queue
import subprocess
import sys
import threading
import time

ARN = "arn:aws:lambda:eu-west-1:111122223333:function:packwatch"


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Serves queued invocations, one at a time, and collects the responses."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.invocations, self.responses = queue.Queue(), queue.Queue()
        # Times, from the monotonic clock, at which the process polled for an invocation.
        self.polls = queue.Queue()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self.invocations.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        # A killed process closes its connection.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The headers and the body are two writes: with Nagle's algorithm the second waits until the
    # first is acknowledged.
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.polls.put(time.monotonic())
        invocation = self.server.invocations.get()
        if not invocation:
            self.close_connection = True
            return
        request_id, seconds, event = invocation
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(round(1000 * (time.time() + seconds))),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
        }
        self.send_json(200, event, headers)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        response = self.rfile.read(length)
        # A killed process may leave an incomplete response.
        if len(response) == length:
            self.server.responses.put(json.loads(response))
            self.send_json(202, {"status": "OK"})

    def send_json(self, status, body, headers={}):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Function:
    """A process of the function. It serves invocations until `kill`."""

    def __init__(self, binary, environment, output, *arguments):
        self.api, self.seconds = RuntimeApi(), 0
        self.process = subprocess.Popen(
            [binary, *arguments],
            env={**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_port}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def invoke(self, request_id, seconds, event={}):
        """Queues an invocation. Its deadline is `seconds` after the process receives it."""
        self.seconds = seconds
        self.api.invocations.put((request_id, seconds, event))

    def response(self):
        """Waits for the response.

        Returns `None` after the deadline, or if the process ended without one.
        """
        deadline = time.monotonic() + self.seconds
        while True:
            alive = self.process.poll() is None and time.monotonic() < deadline
            try:
                return self.api.responses.get(timeout=0.02 if alive else 0.001)
            except queue.Empty:
                if not alive:
                    return None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.api.stop()
