"""Stands before an emulator of EC2: keeps what a client really sent, and refuses what it is told.

Usage: ec2_gate.py PORT EMULATOR-PORT DIR. Each request is a line of DIR/requests: its parameters
as JSON. A RunInstances for an address in DIR/refused, one a line, is answered with
InsufficientInstanceCapacity, and one with more user-data than EC2 takes as EC2 does: the emulator
takes any size. Says `ready` once the emulator listens.
"""

import base64
import http.client
import http.server
import json
import os
import socket
import sys
import time
import urllib.parse

PORT, EMULATOR, DIRECTORY = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
MOST_OF_USER_DATA = 16384
ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>%s</Code>'
    "<Message>%s</Message></Error></Errors><RequestID>1</RequestID></Response>"
)


def refused():
    try:
        with open(os.path.join(DIRECTORY, "refused")) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


class Gate(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        with open(os.path.join(DIRECTORY, "requests"), "a") as log:
            log.write(json.dumps(sent) + "\n")
        if sent.get("Action") == "RunInstances":
            # EC2 says 500 for want of capacity, which a client tries again; 400 ends it at once.
            if self.address(sent) in refused():
                return self.refuse("InsufficientInstanceCapacity", "There is no capacity left")
            if len(base64.b64decode(sent.get("UserData", ""))) > MOST_OF_USER_DATA:
                limit = "User data is limited to %d bytes" % MOST_OF_USER_DATA
                return self.refuse("InvalidParameterValue", limit)
        connection = http.client.HTTPConnection("127.0.0.1", EMULATOR)
        headers = {key: value for key, value in self.headers.items()}
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        self.reply(answer.status, answer.getheader("Content-Type"), answer.read())

    def address(self, sent):
        return sent.get("PrivateIpAddress") or sent.get("NetworkInterface.1.PrivateIpAddress")

    def refuse(self, code, message):
        self.reply(400, "text/xml", (ERROR % (code, message)).encode())

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind or "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def wait_for_the_emulator():
    until = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", EMULATOR)).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


wait_for_the_emulator()
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Gate)
print("ready", flush=True)
server.serve_forever()
