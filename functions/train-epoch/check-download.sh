#!/bin/sh
# What an npm package downloaded when it was installed (deps/, lib/), by one digest: check-download.sh PACKAGE [SHA256]
# Without a digest to compare with it is told, so that it can be set.
set -eu
cd "$1"
wanted="${2:-}"
files="$(find deps lib -type f | LC_ALL=C sort)"
test -n "$files" || { echo "$1: nothing was downloaded to deps/ and lib/" >&2; exit 1; }
digest="$(echo "$files" | xargs -d '\n' sha256sum | sha256sum | cut -c1-64)"
if test -n "$wanted" && test "$wanted" != "$digest"; then
  echo "$1: what was downloaded has the digest $digest, and not $wanted" >&2
  exit 1
fi
echo "$1: what was downloaded has the digest $digest"
