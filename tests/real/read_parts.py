"""Has cloud-init itself take user-data apart, and prints what its handlers made of it.

Runs inside an image, against whatever cloud-init is there: parser and handlers are its own, with
instance data of one machine beside them. The arguments are files; standard output is JSON, for each
{"config": what the cloud-config came to, "modes": of write_files as cloud-init takes them,
"scripts": what each prints when the kernel starts it, or null where it does not start,
"pem": whether OpenSSL finds a certificate in each file of write_files, "error"}.
"""

import json
import logging
import os
import ssl
import subprocess
import sys
import tempfile

from cloudinit import handlers, helpers, user_data, util
from cloudinit.config.cc_write_files import decode_perms
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.handlers.jinja_template import JinjaTemplatePartHandler
from cloudinit.handlers.shell_script import ShellScriptPartHandler

INSTANCE = {
    "v1": {"local_hostname": "controller-0", "instance_id": "i-0"},
    "ds": {"meta_data": {"local_ipv4": "10.240.0.10", "local-ipv4": "10.240.0.10"}},
}


def taken(data):
    directory = tempfile.mkdtemp()
    for name in ("instance-data.json", "instance-data-sensitive.json"):
        with open(os.path.join(directory, name), "w") as file:
            json.dump(INSTANCE, file)
    paths = helpers.Paths({"cloud_dir": directory, "run_dir": directory})
    config = CloudConfigPartHandler(paths)
    config.cloud_fn = os.path.join(directory, "cloud-config.txt")
    script = ShellScriptPartHandler(paths)
    script.script_dir = os.path.join(directory, "scripts")
    os.mkdir(script.script_dir)
    template = JinjaTemplatePartHandler(paths, sub_handlers=[config, script])
    known = helpers.ContentHandlers()
    for handler in (config, script, template):
        known.register(handler, overwrite=True)
    message = user_data.UserDataProcessor(paths).process(data)
    handlers.call_begin(config, None, "always")
    known.initialized = [config, script, template]
    pdata = {
        "handlers": known,
        "handlerdir": directory,
        "data": None,
        "frequency": "always",
        "handlercount": 0,
        "excluded": [],
    }
    handlers.walk(message, handlers.walker_callback, data=pdata)
    handlers.call_end(config, None, "always")
    with open(config.cloud_fn) as file:
        return util.load_yaml(file.read()) or {}, script.script_dir


def started(path):
    try:
        run = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    return run.stdout.decode() if run.returncode == 0 else None


def holds_certificate(text):
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=text)
        return bool(context.get_ca_certs(binary_form=True)) or context.cert_store_stats()["x509"] > 0
    except (ssl.SSLError, ValueError):
        return False


def told(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        config, scripts = taken(data)
    except Exception as error:
        return {"config": {}, "modes": [], "scripts": {}, "pem": [], "error": repr(error)}
    files = config.get("write_files", [])
    return {
        "config": config,
        "modes": ["%04o" % (decode_perms(one.get("permissions"), 0o644) & 0o7777) for one in files],
        "scripts": {
            name: started(os.path.join(scripts, name)) for name in sorted(os.listdir(scripts))
        },
        "pem": [holds_certificate(str(one.get("content", ""))) for one in files],
        "error": None,
    }


logging.disable(logging.CRITICAL)
json.dump({os.path.basename(path): told(path) for path in sys.argv[1:]}, sys.stdout, default=str)
