"""Finds a seed with cloud-init's own NoCloud datasource and prints, as JSON, what it took.

Runs inside a rehearsal image, against whatever version of cloud-init that image has. The kernel
may know no ISO 9660: what mounting would show, somebody else has unpacked into a directory.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from cloudinit import helpers, util
from cloudinit.net import eni, netplan, network_state
from cloudinit.sources import DataSourceNoCloud

disk, unpacked = sys.argv[1:]


def find_devs_with(criteria=None, *_, **__):
    """What cloud-init asks of blkid about all devices, asked about this one."""
    key, value = criteria.split("=")
    asked = ["blkid", "-p", "-o", "value", "-s", key, disk]
    found = subprocess.run(asked, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    return [disk] if found == value else []


def mount_cb(device, callback, data=None, **_):
    assert device == disk, device
    return callback(unpacked, data)


def datasource():
    directory = tempfile.mkdtemp()
    paths = helpers.Paths({"cloud_dir": directory, "run_dir": directory})
    source = DataSourceNoCloud.DataSourceNoCloud({}, None, paths)
    with mock.patch.object(util, "find_devs_with", find_devs_with), mock.patch.object(
        util, "mount_cb", mount_cb
    ), mock.patch.object(source, "ds_cfg", {}):
        assert source._get_data(), "the datasource found nothing"
    return source


def rendered(renderer, state):
    """What a renderer writes, below a directory and nowhere else."""
    target = tempfile.mkdtemp()
    renderer.render_network_state(network_state=state, target=target)
    files = [path for path in Path(target).rglob("*") if path.is_file()]
    return {path.name: path.read_text() for path in files}


def main():
    source = datasource()
    config = source.network_config
    result = {
        "instance_id": source.metadata["instance-id"],
        "hostname": source.metadata.get("local-hostname"),
        "user_data": util.decode_binary(source.userdata_raw),
        "network": config,
    }
    if config:
        state = network_state.parse_net_config_data(config)
        # By default a path from the root, and newer versions ask netplan's own library to write.
        aside = netplan.Renderer({"netplan_path": "etc/netplan/seed.yaml"})
        with mock.patch.object(
            netplan, "netplan_api_write_yaml_file", lambda _: False, create=True
        ):
            result["netplan"] = rendered(aside, state)
        result["ifupdown"] = rendered(eni.Renderer(), state)
        result["interfaces"] = list(state.iter_interfaces())
    json.dump(result, sys.stdout, default=str)


main()
