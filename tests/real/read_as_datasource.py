"""Lets cloud-init itself fetch user-data, read it and write its files, and prints what came of it.

Runs inside an image, in a network namespace of its own, against whatever cloud-init is there.
Only the transport is played: a metadata service at 169.254.169.254, a disk, a hypervisor's tool,
and the words of the firmware. Every class and function that reads is cloud-init's own.

Standard input: JSON, a list of {"name", "datasource", "held": a path, "companions": {...}}, where
`held` is the file that the cloud's API keeps after a client sent it. Standard output: cloud-init's
version and, of each case, {"name", "absent": true} where this version has no such datasource,
{"name", "error"}, or {"name", "raw", "kind", "document", "hostname", "runcmd",
"script", "files": {path: [mode, owner, sha256]}}; "raw" and "document" are digests.

To add a datasource, add a class with `dmi` and `serve` and put it into DATASOURCES.
"""

import base64
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

METADATA = "169.254.169.254"
HOSTNAME = "controller-0"
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


def text(held):
    """A metadata value that travels as a string; other bytes cannot."""
    return held.decode("utf-8")


class Ec2:
    dmi = {"system-uuid": "ec2e1916-9099-7caf-fd21-012345abcdef"}
    dmi["system-serial-number"] = dmi["system-uuid"]
    config = {"metadata_urls": ["http://" + METADATA]}

    def serve(held, _companions, _seed):
        routes = {"/latest/api/token": b"token"}
        for version in ("2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"):
            data = {
                "/meta-data/": b"instance-id\nlocal-hostname",
                "/meta-data/instance-id": b"i-0123456789abcdef0",
                "/meta-data/local-hostname": HOSTNAME.encode(),
                "/user-data": held,
                "/dynamic/instance-identity": b"document",
                "/dynamic/instance-identity/document": b'{"region": "us-east-1"}',
            }
            routes.update(("/%s%s" % (version, path), body) for path, body in data.items())
        return routes


class GCE:
    dmi = {"system-product-name": "Google Compute Engine"}
    config = {"metadata_url": "http://%s/computeMetadata/v1/" % METADATA}

    def serve(held, companions, _seed):
        attributes = dict(companions, **{"user-data": text(held)})
        root = "/computeMetadata/v1/"
        return {
            root + "instance/id": b"4711",
            root + "instance/zone": b"projects/1/zones/us-central1-a",
            root + "instance/hostname": HOSTNAME.encode(),
            root + "instance/attributes/?recursive=True": json.dumps(attributes).encode(),
            root + "project/attributes/?recursive=True": b"{}",
        }


class Azure:
    dmi = {
        "chassis-asset-tag": "7783-7084-3265-9085-8269-3286-77",
        "system-uuid": "12345678-1234-1234-1234-123456789012",
    }

    def serve(held, _companions, seed):
        """`held` is what the API got: base64 already."""
        wa, arm = "http://schemas.microsoft.com/windowsazure", "http://www.w3.org/2001/XMLSchema"
        document = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" '
            'xmlns:wa="%s" xmlns:i="%s-instance"><wa:ProvisioningSection><wa:Version>1.0'
            "</wa:Version><LinuxProvisioningConfigurationSet "
            'xmlns="%s" xmlns:i="%s-instance"><ConfigurationSetType>LinuxProvisioningConfiguration'
            "</ConfigurationSetType><HostName>%s</HostName><UserName>operator</UserName>"
            "<DisableSshPasswordAuthentication>true</DisableSshPasswordAuthentication>"
            "<CustomData>%s</CustomData></LinuxProvisioningConfigurationSet>"
            "</wa:ProvisioningSection><wa:PlatformSettingsSection><wa:Version>1.0</wa:Version>"
            "<wa:PlatformSettings><wa:KmsServerHostname>kms</wa:KmsServerHostname>"
            "</wa:PlatformSettings></wa:PlatformSettingsSection></Environment>"
        ) % (wa, arm, wa, arm, HOSTNAME, text(held))
        os.makedirs(os.path.join(seed, "azure"))
        with open(os.path.join(seed, "azure", "ovf-env.xml"), "w") as file:
            file.write(document)
        return {}

    def play(stack, module, seed):
        """No DVD, no wire server, no metadata beside it."""
        data = {"data_dir": os.path.join(seed, "waagent")}
        here = [os.path.join(seed, "azure")]
        replaced = {
            "list_possible_azure_ds_devs": lambda: [],
            "list_possible_azure_ds": lambda *_: here,
            "get_metadata_from_imds": lambda *_, **__: {},
            "get_boot_telemetry": lambda: None,
            "get_system_info": lambda: None,
        }
        for name, function in replaced.items():
            if hasattr(module, name):
                stack.enter_context(mock.patch.object(module, name, function))
        for name in ("_setup_ephemeral_networking", "get_metadata_from_imds", "_report_ready"):
            if hasattr(module.DataSourceAzure, name):
                function = lambda *_, **__: {}  # noqa: E731
                stack.enter_context(mock.patch.object(module.DataSourceAzure, name, function))
        return data


class OpenStack:
    dmi = {"system-product-name": "OpenStack Nova"}
    config = {"metadata_urls": ["http://" + METADATA]}

    def serve(held, _companions, _seed):
        metadata = {"uuid": "1", "hostname": HOSTNAME, "name": HOSTNAME}
        root = "/openstack/2018-08-27/"
        return {
            "/openstack": b"2018-08-27\nlatest",
            "/openstack/": b"2018-08-27\nlatest",
            root + "meta_data.json": json.dumps(metadata).encode(),
            root + "user_data": held,
        }


class Hetzner:
    dmi = {"system-manufacturer": "Hetzner", "system-serial-number": "4711"}

    def serve(held, _companions, _seed):
        metadata = "instance-id: 4711\nhostname: %s\n" % HOSTNAME
        text(held)
        return {
            "/hetzner/v1/metadata": metadata.encode(),
            "/hetzner/v1/metadata/instance-id": b"4711",
            "/hetzner/v1/metadata/private-networks": b"[]",
            "/hetzner/v1/userdata": held,
        }


class DigitalOcean:
    dmi = {"system-manufacturer": "DigitalOcean", "system-serial-number": "4711"}
    config = {"use_ip4LL": False}

    def serve(held, _companions, _seed):
        metadata = {"droplet_id": 4711, "hostname": HOSTNAME, "user_data": text(held)}
        return {"/metadata/v1.json": json.dumps(metadata).encode()}


class Oracle:
    dmi = {"chassis-asset-tag": "OracleCloud.com", "system-uuid": "4711"}

    def serve(held, _companions, _seed):
        instance = {
            "id": "ocid1.instance.1",
            "hostname": HOSTNAME,
            "displayName": HOSTNAME,
            "ociAdName": "ad-1",
            "metadata": {"user_data": text(held)},
        }
        vnic = {"macAddr": "02:00:00:00:00:01", "privateIp": "10.240.0.10"}
        return {
            "/opc/v2/instance/": json.dumps(instance).encode(),
            "/opc/v2/vnics/": json.dumps([vnic]).encode(),
        }


class VMware:
    dmi = {"system-product-name": "VMware Virtual Platform", "system-uuid": "4711"}
    TOOL = "#!/bin/sh\ncat \"%s/${1#info-get guestinfo.}\" 2>/dev/null || true\n"

    def serve(held, companions, seed):
        values = dict(companions, userdata=text(held))
        directory = os.path.join(seed, "guestinfo")
        os.makedirs(directory)
        for key, value in values.items():
            with open(os.path.join(directory, key), "w") as file:
                file.write(value)
        tool = os.path.join(seed, "vmware-rpctool")
        with open(tool, "w") as file:
            file.write(VMware.TOOL % directory)
        os.chmod(tool, 0o755)
        return {}

    def play(stack, module, seed):
        path = "%s:%s" % (seed, os.environ["PATH"])
        stack.enter_context(mock.patch.dict(os.environ, PATH=path))
        if hasattr(module, "VMWARE_RPCTOOL"):  # found once, when the module is loaded
            tool = os.path.join(seed, "vmware-rpctool")
            stack.enter_context(mock.patch.object(module, "VMWARE_RPCTOOL", tool))
        return {}


class Akamai:
    dmi = {"system-manufacturer": "Akamai", "system-serial-number": "4711"}
    config = {"allow_ipv6": False}

    def serve(held, _companions, _seed):
        return {
            "/v1/token": b"token",
            "/v1/instance": b'{"id": 4711}',
            "/v1/user-data": held,
        }


class NoCloud:
    dmi = {}

    def serve(held, companions, seed):
        directory = os.path.join(seed, "nocloud")
        os.makedirs(directory)
        files = {name: value.encode() for name, value in companions.items()}
        for name, value in dict(files, **{"user-data": held}).items():
            with open(os.path.join(directory, name), "wb") as file:
                file.write(value)
        return {}

    def play(stack, module, _seed):
        """The seed directory alone: no disk is asked."""
        stack.enter_context(mock.patch.object(util, "find_devs_with", lambda *_, **__: []))
        return {"fs_label": None}


CLASSES = (GCE, Ec2, Azure, OpenStack, Hetzner, DigitalOcean, Oracle, VMware, Akamai, NoCloud)
DATASOURCES = {one.__name__: one for one in CLASSES}


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
