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

# Builds for browsers of the HDF5 library, sources and second builds of Arrow, and features of JavaScript that Node has.
rm -rf "$modules/h5wasm/dist/esm" "$modules/h5wasm/dist/iife" "$modules/h5wasm/test" "$modules/apache-arrow/src"
find "$modules/apache-arrow" -maxdepth 1 -name 'Arrow.*.min.js' -delete
find "$modules/core-js" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +
