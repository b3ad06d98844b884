"""Lambda's Runtime API for one process of the function, so that the process can be killed at any moment.

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
    """Gives out invocations, one at a time, and takes their answers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Exchange)
        self.invocations, self.answers = queue.Queue(), queue.Queue()
        # When the process asked for an invocation.
        self.polls = queue.Queue()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self.invocations.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        # Who is killed hangs up.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; the second must not wait until the first is acknowledged.
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
        self.reply(200, event, headers)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        answer = self.rfile.read(length)
        # Who is killed may leave half an answer.
        if len(answer) == length:
            self.server.answers.put(json.loads(answer))
            self.reply(202, {"status": "OK"})

    def reply(self, status, body, headers={}):
        body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Function:
    """A process of the function. It serves invocations until it is killed."""

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
        """Invokes it. Its seconds until the deadline begin when it takes the invocation."""
        self.seconds = seconds
        self.api.invocations.put((request_id, seconds, event))

    def answer(self):
        """What it answers; none when its time is over, or when it was killed."""
        until = time.monotonic() + self.seconds
        while True:
            alive = self.process.poll() is None and time.monotonic() < until
            try:
                return self.api.answers.get(timeout=0.02 if alive else 0.001)
            except queue.Empty:
                if not alive:
                    return None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.api.stop()
