#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a virtual environment with what the Python tests need: setup.sh VENV_DIR
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=${1:?usage: setup.sh VENV_DIR}
python3 -m venv --help >/dev/null 2>&1 || {
    echo "python3 with the venv module is missing; install it with: apt-get install python3-venv" >&2
    exit 69
}
command -v protoc >/dev/null || {
    echo "protoc is missing; install it with: apt-get install protobuf-compiler" >&2
    exit 69
}
stamp="$venv/requirements.installed"
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi
