#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prepares a Debian 12 machine: checks for Swift, installs the system libraries that are missing. Sourced by the others.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=(libuv1-dev libprotobuf-c-dev libxxhash-dev zlib1g-dev libzstd-dev libsqlite3-dev pkg-config)

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# Swift 6.1 or newer must be there: it comes from swift.org, not from Debian.
need_swift() {
    command -v swift >/dev/null || fail "Swift is not installed. Get 6.1 or newer for Debian 12 from \
https://www.swift.org/install/linux (unpack it and put its usr/bin on PATH), then run this again."
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    case $version in
        6.[1-9]* | 6.[1-9][0-9]* | [7-9].* | [1-9][0-9].*) ;;
        *) fail "Swift ${version:-?} is too old: 6.1 or newer is needed, see https://www.swift.org/install/linux" ;;
    esac
}

# Installs the Debian packages of its arguments that are missing.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "these packages are missing and need root to install: ${missing[*]}
As root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    command -v apt-get >/dev/null || fail "these packages are missing, and there is no apt-get: ${missing[*]}"
    say "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null 2>&1 || {
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
    } || fail "apt-get could not install: ${missing[*]}"
}

need_swift
need_packages "${packages[@]}"
