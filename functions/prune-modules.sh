#!/bin/sh
# Takes out of an image's node_modules what Node on x86-64 Linux never reads. The only argument is that folder.
set -eu
modules=$1

# Libraries for other systems and processors.
for platform in darwin win32 linux/arm64; do rm -rf "$modules/onnxruntime-node/bin/napi-v6/$platform"; done
find "$modules/tokenizers" -name '*.node' ! -name '*.linux-x64-gnu.node' -delete

# Maps and types, which only people and compilers read.
find "$modules" -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

# TensorFlow.js is there eight times over; Node takes the files that end in .node.js. Its tests are there too.
find "$modules/@tensorflow" -type f -path '*/dist/*' \
  \( -name 'tf*.js' ! -name '*.node.js' ! -name 'tfjs*' -o -name '*.externs.js' -o -name '*_test.js' \) -delete
