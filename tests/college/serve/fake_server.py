"""A model's server as the pool knows one, without a model: it answers under a Unix socket, and misbehaves on request.

    fake_server.py --host SOCKET --alias NAME [--delay SECONDS] [--die WORDS]

A POST is answered with what was asked. In the body of a stream, "n" is how many chunks come, "pause" the seconds between
them, and "die_after" the chunk after which the process is gone. GET /broken says how many streams lost their client.
"""

import argparse
import http.server
import json
import os
import socketserver
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--host", required=True)
parser.add_argument("--alias", default="fake")
parser.add_argument("--delay", type=float, default=0.0)
parser.add_argument("--die", default="")
options = parser.parse_args()
n_broken = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "socket"

    def log_message(self, format, *arguments):
        pass

    def reply(self, document, status=200):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply({"status": "ok", "broken": n_broken})

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_POST(self):
        global n_broken
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body = json.loads(text)
        if body.get("status"):
            return self.reply({"error": {"message": "no"}}, body["status"])
        if not body.get("stream"):
            time.sleep(body.get("pause", 0))
            return self.reply({"server": options.alias, "path": self.path, "sent": text, "usage": {"total_tokens": 7},
                               "choices": [{"message": {"role": "assistant", "content": options.alias + " says so"}}]})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for i in range(body.get("n", 3)):
                if body.get("die_after") == i:
                    os._exit(9)
                self.chunk('data: {"server": "%s", "i": %d}\n\n' % (options.alias, i))
                time.sleep(body.get("pause", 0))
            self.chunk("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            n_broken += 1
            self.close_connection = True


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def end_with_parent():
    while os.read(0, 1):
        pass
    os._exit(0)


if options.die:
    print("loading\nerror: " + options.die, file=sys.stderr)
    sys.exit(3)
threading.Thread(target=end_with_parent, daemon=True).start()
time.sleep(options.delay)
Server(options.host, Handler).serve_forever()
