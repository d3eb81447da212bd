#!/bin/sh
# What Gantry does on this machine's GPU: run.sh OUT [--minutes M] [--smoke]
#
# Nothing is fetched or installed: kit.deb beside this holds Node.js, Gantry, images and the Vulkan loader. What it needs of the
# machine is a driver for the GPU and dpkg-deb. The driver's ICD file is looked for where the loader looks, and below
# /usr/local/nvidia; elsewhere it has to be named in VK_DRIVER_FILES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gantry-gpu.XXXXXX")
trap 'rm -rf "$work"' EXIT
dpkg-deb -x "$here/kit.deb" "$work"

# Where container platforms put NVIDIA's driver, the loader does not look.
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
  for icd in /usr/local/nvidia/share/vulkan/icd.d/*.json; do
    [ ! -e "$icd" ] || export VK_ADD_DRIVER_FILES="${VK_ADD_DRIVER_FILES:+$VK_ADD_DRIVER_FILES:}$icd"
  done
fi
export HOME="${HOME:-$work}" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$work}" XDG_CACHE_HOME="$work/cache" XDG_STATE_HOME="$work/state"
export LD_LIBRARY_PATH="$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ORT_DISABLE_TELEMETRY=1
# NVIDIA's driver for Vulkan links X libraries, which servers may lack.
/sbin/ldconfig -p | grep -q 'libX11\.so\.6 ' || LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$work/lib/x11"
[ ! -d /usr/local/nvidia/lib64 ] || LD_LIBRARY_PATH="$LD_LIBRARY_PATH:/usr/local/nvidia/lib64"
"$work/bin/node" "$work/gantry/bench/gpu/run.ts" "$@" &
node=$!
trap 'kill -TERM $node 2>/dev/null; wait $node || true; exit 143' TERM
trap 'kill -INT $node 2>/dev/null; wait $node || true; exit 130' INT
wait $node
