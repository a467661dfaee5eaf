#!/usr/bin/env bash
# Puts OpenAI's official JavaScript client, which the tests of the server run, into BUILD/openai. Does nothing without
# Node.js 18, or when it is there already; a machine without a registry is told so, and the test that wants it skips.
# Usage: scripts/openai-client.sh [BUILD]
set -u
cd "$(dirname "$0")/.."
out=${1:-build}/openai
from=tests/serve/openai
command -v node >/dev/null && command -v npm >/dev/null || exit 0
mkdir -p "$out"
cp "$from/client.mjs" "$out/"
cmp -s "$from/package-lock.json" "$out/package-lock.json" && [ -d "$out/node_modules/openai" ] && exit 0
cp "$from/package.json" "$from/package-lock.json" "$out/"
timeout 120 npm ci --prefix "$out" --no-audit --no-fund --loglevel=error >/dev/null ||
    { rm -f "$out/package-lock.json"; echo "openai-client.sh: npm cannot install the client; its test will be skipped" >&2; }
