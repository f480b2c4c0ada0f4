"""What each cloud shows of a machine: the words of its firmware, its metadata service, its disk.

A class is named after the datasource in cloud-init that reads there. `dmi` is what the firmware
says, `config` the datasource's own settings; `serve(held, companions, seed)` returns the answers of
the metadata service and writes files below `seed`; `play(stack, module, seed)`, where there is one,
replaces what else that datasource would touch, and returns more settings.

To add a datasource, add a class, and name it in CLASSES.
"""

import json
import os
from unittest import mock

from cloudinit import util

METADATA = "169.254.169.254"
HOSTNAME = "controller-0"


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
