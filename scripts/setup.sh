#!/usr/bin/env bash
# Installs the Debian packages that Tilewright is built from (through sudo when not root). Sourced by the other scripts.
# Does nothing when all are there. TILEWRIGHT_SKIP_SETUP=1 leaves the machine as it is.
set -euo pipefail

tilewright_packages=(
  g++ gcc cmake ninja-build ccache pkg-config git ca-certificates
  llvm-19-dev liblld-19-dev zlib1g-dev libzstd-dev          # code generation and linking
  libxgboost-dev                                            # cost model
  nlohmann-json3-dev libcli11-dev libfmt-dev libxxhash-dev  # plumbing
  libgtest-dev libgmock-dev                                 # tests
  clang-19                                                  # second C compiler for the C back end
  libdnnl-dev libopenblas-dev                               # peers in the benchmarks
)

tilewright_setup() {
  [ "${TILEWRIGHT_SKIP_SETUP:-0}" = 1 ] && return 0
  local missing=() package
  for package in "${tilewright_packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "error: not root and no sudo; install: ${missing[*]}" >&2; return 1; }
    sudo=(sudo)
  fi
  echo "== installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >/dev/null || true
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# tilewright_configure FOLDER [cmake arguments...]
tilewright_configure() {
  local folder=$1
  shift
  cmake -S "$tilewright_root" -B "$folder" -G Ninja "$@" >"$folder.configure.log" 2>&1 || {
    cat "$folder.configure.log" >&2
    return 1
  }
  rm -f "$folder.configure.log"
}

tilewright_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
