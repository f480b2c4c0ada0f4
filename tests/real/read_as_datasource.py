"""Lets cloud-init itself fetch user-data, read it and write its files, and prints what came of it.

Runs inside an image, in a network namespace of its own, against whatever cloud-init is there.
Only the transport is played: a metadata service at 169.254.169.254, a disk, a hypervisor's tool,
and the words of the firmware. Every class and function that reads is cloud-init's own.

Standard input: JSON, a list of {"name", "datasource", "held": a path, "companions": {...}}, where
`held` is the file that the cloud's API keeps after a client sent it. Standard output: cloud-init's
version and, of each case, {"name", "absent": true} where this version has no such datasource,
{"name", "error"}, or {"name", "raw", "kind", "document", "hostname", "runcmd",
"script", "files": {path: [mode, owner, sha256]}}; "raw" and "document" are digests.

The clouds are in `played_clouds.py`.
"""

import contextlib
import hashlib
import http.server
import importlib
import inspect
import json
import logging
import os
import pwd
import shutil
import sys
import tempfile
import threading
import time
import traceback
from unittest import mock

from cloudinit import distros, dmi, handlers, helpers, net, util, version
from cloudinit.config import cc_write_files
from cloudinit.net import dhcp
from played_clouds import DATASOURCES, METADATA

EPHEMERAL = ("EphemeralDHCPv4", "EphemeralIPv4Network", "EphemeralIPNetwork")


class Service(http.server.BaseHTTPRequestHandler):
    """The metadata service: answers with what `routes` holds, and with 404 where it holds nothing."""

    routes = {}

    def do_GET(self):
        body = self.routes.get(self.path)
        self.send_response(200 if body is not None else 404)
        body = body or b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def log_message(self, *_):
        pass


def fetch(cloud, module, case, directory):
    """What the datasource hands to cloud-init: its raw user-data, and the message made of it."""
    seed = os.path.join(directory, "seed")
    os.makedirs(seed)
    with open(case["held"], "rb") as held:
        Service.routes = cloud.serve(held.read(), case["companions"], seed)
    name = cloud.__name__
    with contextlib.ExitStack() as stack:
        play = getattr(cloud, "play", lambda *_: {})
        config = dict(getattr(cloud, "config", {}), **play(stack, module, seed))
        stack.enter_context(mock.patch.object(dmi, "read_dmi_data", cloud.dmi.get))
        for place in (module, net, dhcp, optional("cloudinit.net.ephemeral")):
            for ephemeral in EPHEMERAL:
                if hasattr(place, ephemeral):
                    stack.enter_context(mock.patch.object(place, ephemeral, mock.MagicMock()))
        stack.enter_context(mock.patch.object(time, "sleep", never))
        settings = {
            "datasource_list": [name],
            "datasource": {name: dict(config, max_wait=5, timeout=5, retries=1)},
            "system_info": {"distro": "debian"},
        }
        paths = helpers.Paths({"cloud_dir": directory, "run_dir": directory})
        distro = distros.fetch("debian")("debian", settings, paths)
        source = getattr(module, "DataSource" + name)(settings, distro, paths)
        if hasattr(source, "seed_dirs"):
            source.seed_dirs = [os.path.join(seed, "nocloud")]
        if not source.get_data():
            raise RuntimeError("the datasource found nothing")
        return source.get_userdata_raw(), source.get_userdata()


def never(_seconds):
    raise RuntimeError("the datasource wants to wait: the stand-in lacks an answer")


def optional(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def payload(message):
    parts = []
    handlers.walk(
        message,
        lambda _data, _name, body, headers: parts.append((headers["Content-Type"], body)),
        data=None,
    )
    [part] = parts
    return part


def written(config):
    """Has `write_files` write for real, as root of an empty tree, and lists that tree."""
    root = tempfile.mkdtemp()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.mkdir(os.path.join(root, "etc"))
            for name in ("passwd", "group"):
                shutil.copy(os.path.join("/etc", name), os.path.join(root, "etc", name))
            os.chroot(root)
            os.chdir("/")
            os.umask(0o022)
            arguments = ["write-files", config["write_files"]]
            if "owner" in inspect.signature(cc_write_files.write_files).parameters:
                arguments.append("root:root")
            cc_write_files.write_files(*arguments)
            os._exit(0)
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-4000:])
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as said:
        trouble = said.read()
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError(trouble)
    files = listed(root)
    shutil.rmtree(root)
    return files


def listed(root):
    files = {}
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            shown = path[len(root):]
            if shown in ("/etc/passwd", "/etc/group"):
                continue
            status = os.lstat(path)
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            owner = "%d:%d" % (status.st_uid, status.st_gid)
            files[shown] = ["%04o" % (status.st_mode & 0o7777), owner, digest]
    return files


# What the same document becomes, by its digest: the parser and `write_files` see it once.
KNOWN = {}


def read(message):
    kind, body = payload(message)
    if isinstance(body, str):
        body = body.encode()
    digest = hashlib.sha256(body).hexdigest()
    if (kind, digest) not in KNOWN:
        config = util.load_yaml(body)
        KNOWN[kind, digest] = {
            "kind": kind,
            "document": digest,
            "hostname": config.get("hostname"),
            "runcmd": config["runcmd"],
            "script": util.shellify(config["bootcmd"]),
            "files": written(config),
        }
    return KNOWN[kind, digest]


def fetched(case):
    """The case with what its datasource found, and what is still to be read of it."""
    cloud = DATASOURCES[case["datasource"]]
    module = optional("cloudinit.sources.DataSource" + cloud.__name__)
    if module is None:
        return {"name": case["name"], "absent": True}
    directory = tempfile.mkdtemp()
    try:
        raw, message = fetch(cloud, module, case, directory)
    except Exception:
        return {"name": case["name"], "error": traceback.format_exc()}
    finally:
        shutil.rmtree(directory)
    raw = raw if isinstance(raw, bytes) else raw.encode()
    digest = hashlib.sha256(raw).hexdigest()
    return {"name": case["name"], "raw": digest, "message": message}


def finished(found):
    if "message" not in found:
        return found
    try:
        return dict(found, **read(found.pop("message")))
    except Exception:
        return {"name": found["name"], "error": traceback.format_exc()}


def main():
    logging.disable(logging.CRITICAL)
    pwd.getpwnam("root")  # loads what a lookup needs while it can be found
    server = http.server.HTTPServer((METADATA, 80), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        found = [fetched(case) for case in json.load(sys.stdin)]
    finally:
        server.shutdown()
        thread.join()
    cases = [finished(one) for one in found]  # forks, so no thread may run any more
    json.dump({"version": version.version_string(), "cases": cases}, sys.stdout)


main()
