"""Reads user-data with cloud-init's own code and prints, as JSON, what it would do.

Runs inside a rehearsal image, against whatever version of cloud-init that image has.
"""

import hashlib
import inspect
import json
import sys
import tempfile
from unittest import mock

from cloudinit import handlers, helpers, user_data, util
from cloudinit.config import cc_write_files


def read(path):
    directory = tempfile.mkdtemp()
    paths = helpers.Paths({"cloud_dir": directory, "run_dir": directory})
    with open(path, "rb") as document:
        message = user_data.UserDataProcessor(paths).process(document.read())
    parts = []
    handlers.walk(
        message,
        lambda data, name, payload, headers: parts.append((headers["Content-Type"], payload)),
        data=None,
    )
    [(kind, payload)] = parts
    config = util.load_yaml(payload)
    return kind, config


def written(config):
    files = []

    def write_file(path, content, mode=0o644, **_):
        content = content if isinstance(content, bytes) else content.encode()
        digest = hashlib.sha256(content).hexdigest()
        files.append({"path": path, "mode": "%04o" % mode, "sha256": digest})

    arguments = ["write-files", config["write_files"]]
    if "owner" in inspect.signature(cc_write_files.write_files).parameters:
        arguments.append("root:root")
    with mock.patch.object(util, "write_file", write_file), mock.patch.object(
        util, "chownbyname", lambda *_: None
    ):
        cc_write_files.write_files(*arguments)
    return files


def main():
    results = []
    for path in sys.argv[1:]:
        kind, config = read(path)
        results.append(
            {
                "kind": kind,
                "hostname": config.get("hostname"),
                "files": written(config),
                "runcmd": config["runcmd"],
                "script": util.shellify(config["bootcmd"]),
            }
        )
    json.dump(results, sys.stdout)


main()
