#!/bin/sh
# Checks a drill's evidence bundle with tar and openssl (3.0 or later) alone; the format is in evidence.md beside this.
# usage: verify-evidence.sh BUNDLE.tar PUBLIC.pem
# exit:  0 has a time stamp (no bundle of format 1 has), 30 invalid, 31 valid without a time stamp, 2 wrong usage
set -eu
LC_ALL=C
export LC_ALL
[ $# -eq 2 ] && [ -r "$1" ] && [ -r "$2" ] || { echo "usage: $0 BUNDLE.tar PUBLIC.pem" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad() { echo "INVALID: $1" >&2; exit 30; }

# Names before anything is unpacked: no folder, no path, none twice, none but plain files.
[ "$(head -c 4 "$1" | tr -d '\000')" = SEAL ] || bad "it does not begin with SEAL"  # nor is it compressed
tar -tf "$1" >"$folder/names" 2>/dev/null || bad "no archive, or a damaged one"
grep -Evq '^[A-Za-z0-9][A-Za-z0-9._-]*$' "$folder/names" && bad "a member's name is not of the format"
[ -z "$(sort "$folder/names" | uniq -d)" ] || bad "a member is there twice"
tar -tvf "$1" 2>/dev/null | grep -vq '^-' && bad "a member is no plain file"
mkdir "$folder/b"
tar -xf "$1" -C "$folder/b" 2>/dev/null || bad "no archive, or a damaged one"
for name in SEAL SEAL.sig MANIFEST MANIFEST.sig key.pem; do
  [ -f "$folder/b/$name" ] || bad "$name is missing"
done

# Both signatures, by the key that was given, never by the one in the bundle.
for name in MANIFEST SEAL; do
  openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in "$folder/b/$name" -sigfile "$folder/b/$name.sig" \
    >/dev/null 2>&1 || bad "$name is not signed by this key"
done

digest() { openssl dgst -sha256 -r "$1" | cut -c1-64; }
grep -qx "manifest sha256: $(digest "$folder/b/MANIFEST")" "$folder/b/SEAL" || bad "SEAL belongs to another manifest"

# What is there, but for the four in front, is what the manifest lists, each with its hash.
grep -Ev '^(SEAL|MANIFEST)([.]sig)?$' "$folder/names" | sort >"$folder/there"
cut -c67- "$folder/b/MANIFEST" | sort >"$folder/listed"
cmp -s "$folder/there" "$folder/listed" || bad "the members are not those of the manifest"
while read -r hash name; do
  [ "$(digest "$folder/b/$name")" = "$hash" ] || bad "$name does not have the hash in the manifest"
done <"$folder/b/MANIFEST"

cat "$folder/b/SEAL"
if grep -qx 'time-stamp class: none' "$folder/b/SEAL"; then
  echo "VALID, without a time stamp: when it was made is the signer's word"
  exit 31
fi
bad "this time-stamp class is not of format 1"
