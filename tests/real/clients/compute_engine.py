"""Plays Compute Engine to the real gcloud, as far as `instances create` and `describe` go.

Usage: compute_engine.py PORT DIR. Each request is a line of DIR/requests, as JSON; the names in
DIR/refused, one a line, are not created, for want of quota. It answers as the API does where a
name is taken and where a metadata value is too long (REST reference, `instances.insert` and
`Metadata`), so that a client sees here what it would see there.
"""

import http.server
import json
import os
import re
import sys

PORT, DIRECTORY = int(sys.argv[1]), sys.argv[2]
ROOT = "http://127.0.0.1:%d" % PORT
MOST_OF_A_VALUE = 262144
INSTANCES = {}
OPERATIONS = {}


class Refused(Exception):
    """An answer other than 200."""


def refuse(code, reason, message):
    error = {"reason": reason, "domain": "global", "message": message}
    raise Refused(code, {"error": {"code": code, "message": message, "errors": [error]}})


def refused_names():
    try:
        with open(os.path.join(DIRECTORY, "refused")) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def insert(zone, instance):
    name = instance["name"]
    link = "%s/instances/%s" % (zone, name)
    if name in INSTANCES:
        refuse(409, "alreadyExists", "The resource '%s' already exists" % link)
    for number, item in enumerate(instance["metadata"]["items"]):
        if len(item["value"].encode()) > MOST_OF_A_VALUE:
            field = "resource.metadata.items[%d].value" % number
            refuse(400, "invalid", "Value for field '%s' is too large" % field)
    operation = {"name": "operation-%d" % len(OPERATIONS), "status": "DONE", "progress": 100}
    operation["operationType"] = "insert"
    operation["targetLink"] = ROOT + link
    operation["zone"] = ROOT + zone
    operation["selfLink"] = "%s%s/operations/%s" % (ROOT, zone, operation["name"])
    if name in refused_names():
        error = {"code": "QUOTA_EXCEEDED", "message": "Quota 'CPUS' exceeded. Limit: 2.0"}
        operation["error"] = {"errors": [error]}
        operation["httpErrorStatusCode"] = 403
    else:
        more = {"status": "RUNNING", "id": str(len(INSTANCES) + 1)}
        more["zone"], more["selfLink"] = ROOT + zone, ROOT + link
        INSTANCES[name] = dict(instance, **more)
    OPERATIONS[operation["name"]] = operation
    return operation


def known(table, name, kind):
    if name not in table:
        refuse(404, "notFound", "The resource '%s/%s' was not found" % (kind, name))
    return table[name]


def answer(method, path, body):
    zone = re.match(r"/compute/v1/projects/[^/]+/zones/[^/]+", path)
    rest = path[zone.end():] if zone else path
    parts = rest.strip("/").split("/")
    if zone and parts[0] == "instances" and len(parts) == 1:
        if method == "POST":
            return insert(zone.group(), body)
        return {"items": list(INSTANCES.values())}
    if zone and parts[0] == "instances" and method == "GET" and len(parts) == 2:
        return known(INSTANCES, parts[1], "instances")
    if zone and parts[0] == "operations":
        return known(OPERATIONS, parts[1], "operations")
    if method == "GET" and re.fullmatch(r"/compute/v1/projects/[^/]+(/(zones|regions)/[^/]+)?", path):
        return {"name": parts[-1] or path.rsplit("/", 1)[1], "status": "UP", "selfLink": ROOT + path}
    refuse(404, "notFound", "%s %s: the stand-in has no such answer" % (method, path))


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(body) if body else None
        path = self.path.split("?")[0]
        with open(os.path.join(DIRECTORY, "requests"), "a") as log:
            log.write(json.dumps({"method": self.command, "path": path, "body": body}) + "\n")
        try:
            code, said = 200, answer(self.command, path, body)
        except Refused as refused:
            code, said = refused.args
        said = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Service)
print("ready", flush=True)
server.serve_forever()
