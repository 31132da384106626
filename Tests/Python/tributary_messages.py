# SPDX-License-Identifier: Apache-2.0
"""Gives the generated classes of Protocols/tributary.proto, made by protoc on the fly."""

import importlib
import pathlib
import subprocess
import sys
import tempfile

PROTOCOLS = pathlib.Path(__file__).resolve().parents[2] / "Protocols"


def load():
    """Runs protoc into a temporary folder and imports the module that it makes."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["protoc", f"--proto_path={PROTOCOLS}", f"--python_out={folder}", "tributary.proto"]
        subprocess.run(command, check=True, cwd=PROTOCOLS)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("tributary_pb2")
        finally:
            sys.path.remove(folder)
