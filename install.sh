#!/bin/sh
# Installs shunt's newest release: picks the archive for this machine, checks its SHA-256, copies one
# file. Asks for no password and changes nothing else. What it can be told:
#   SHUNT_REPOSITORY  OWNER/NAME on GitHub; releases carry this script with the right one filled in
#   SHUNT_VERSION     a tag such as v0.1.0, instead of the newest
#   SHUNT_BASE_URL    where the archive and SHA256SUMS lie, instead of GitHub
#   SHUNT_DIR         where to put it, instead of /usr/local/bin or, where that is not writable, ~/.local/bin
set -eu

fail() {
  echo "error: $1" >&2
  exit 1
}

repository=${SHUNT_REPOSITORY:-OWNER/shunt}
releases=https://github.com/$repository/releases
if [ -n "${SHUNT_VERSION:-}" ]; then
  base=${SHUNT_BASE_URL:-$releases/download/$SHUNT_VERSION}
else
  base=${SHUNT_BASE_URL:-$releases/latest/download}
fi
case $base in */OWNER/shunt/*) fail "Set SHUNT_REPOSITORY to the OWNER/NAME whose releases to install" ;; esac

case $(uname -m) in
  x86_64 | amd64) cpu=x86_64 ;;
  aarch64 | arm64) cpu=aarch64 ;;
  *) fail "There is no binary for $(uname -m); shunt.js runs on any Deno from 2.9 on" ;;
esac
case $(uname -s) in
  Linux) target=$cpu-unknown-linux-gnu ;;
  Darwin) target=$cpu-apple-darwin ;;
  *) fail "There is no binary for $(uname -s) here; Windows has a .zip among the releases" ;;
esac
archive=shunt-$target.tar.gz

case ${SHUNT_DIR:-/} in /*) ;; *) SHUNT_DIR=$PWD/$SHUNT_DIR ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fetch() {
  if command -v curl >/dev/null; then
    curl -fsSL --retry 2 -o "$folder/$1" "$base/$1"
  else
    wget -qO "$folder/$1" "$base/$1"
  fi || fail "Cannot fetch $base/$1"
}
fetch "$archive"
fetch SHA256SUMS

cd "$folder"
grep -E "^[0-9a-f]{64} [ *]$archive\$" SHA256SUMS >sum || fail "SHA256SUMS does not list $archive"
if command -v sha256sum >/dev/null; then
  sha256sum -c sum >/dev/null
else
  shasum -a 256 -c sum >/dev/null
fi || fail "The checksum of $archive is wrong: nothing was installed"
tar -xzf "$archive" shunt
./shunt version >version || fail "The binary does not run here (Linux needs glibc); shunt.js runs on any Deno from 2.9 on"

if [ -n "${SHUNT_DIR:-}" ]; then
  to=$SHUNT_DIR
elif [ -w /usr/local/bin ]; then
  to=/usr/local/bin
else
  to=$HOME/.local/bin
fi
mkdir -p "$to"
# Beside it first: a shunt that runs keeps its file.
cp shunt "$to/.shunt.new"
chmod 755 "$to/.shunt.new"
mv "$to/.shunt.new" "$to/shunt"
echo "Installed $(cat version) as $to/shunt"
case :$PATH: in *:"$to":*) ;; *) echo "Add $to to PATH" ;; esac
