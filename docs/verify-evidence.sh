#!/bin/sh
# Checks a drill's evidence bundle with tar and openssl (3.0 or later) alone; the format is in evidence.md beside this.
# usage: verify-evidence.sh BUNDLE.tar PUBLIC.pem [TSA-ROOT.pem]
# exit:  0 valid and sealed, 30 invalid, 31 valid without a time stamp that could be checked, 2 wrong usage
set -eu
LC_ALL=C
export LC_ALL
{ [ $# -eq 2 ] || { [ $# -eq 3 ] && [ -r "$3" ]; }; } && [ -r "$1" ] && [ -r "$2" ] ||
  { echo "usage: $0 BUNDLE.tar PUBLIC.pem [TSA-ROOT.pem]" >&2; exit 2; }
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

# Signatures, by the key that was given, never by the one in the bundle.
signed() {
  openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$folder/b/$1" -sigfile "$folder/b/$1.sig" \
    >/dev/null 2>&1 || bad "$1 is not signed by this key"
}
key=$2
signed MANIFEST
signed SEAL

digest() { openssl dgst -sha256 -r "$1" | cut -c1-64; }
line() { sed -n "s/^$1: //p" "$folder/b/SEAL"; }
[ "$(line 'manifest sha256')" = "$(digest "$folder/b/MANIFEST")" ] || bad "SEAL belongs to another manifest"

# What is there, but for those in front, is what the manifest lists, each with its hash.
grep -Ev '^((SEAL|MANIFEST|STAMP)([.]sig)?|SEAL[.]tsr)$' "$folder/names" | sort >"$folder/there"
cut -c67- "$folder/b/MANIFEST" | sort >"$folder/listed"
cmp -s "$folder/there" "$folder/listed" || bad "the members are not those of the manifest"
while read -r hash name; do
  [ "$(digest "$folder/b/$name")" = "$hash" ] || bad "$name does not have the hash in the manifest"
done <"$folder/b/MANIFEST"

class=$(line 'time-stamp class')
stamps=$(grep -Ec '^(SEAL[.]tsr|STAMP([.]sig)?)$' "$folder/names" || true)
case $class in
  none) [ "$stamps" = 0 ] || bad "page one says no time stamp, and one is here" ;;
  self | independent) [ "$stamps" = 3 ] || bad "page one says $class, and the time stamp is missing" ;;
  *) bad "this time-stamp class is not of the format" ;;
esac
if [ "$class" != none ]; then # the answer is signed as a whole, parts of it by nobody else
  signed STAMP
  [ "$(cat "$folder/b/STAMP")" = "$(digest "$folder/b/SEAL.tsr")  SEAL.tsr" ] || bad "SEAL.tsr is not what was signed"
  cat "$folder/b/SEAL" "$folder/b/SEAL.sig" >"$folder/stamped"
  openssl ts -reply -in "$folder/b/SEAL.tsr" -text >"$folder/told" 2>/dev/null || bad "the time stamp cannot be read"
  when=$(sed -n 's/^Time stamp: //p' "$folder/told")
  at=$(date -u -d "$when" +%s 2>/dev/null) || bad "the time stamp's time cannot be read"
  ended=$(date -u -d "$(line 'run ended')" +%s 2>/dev/null) || bad "the run's end cannot be read"
  [ $((ended - at)) -le 61 ] || bad "the time stamp is from before the run's end"
fi
if [ "$class" != none ] && [ $# -eq 3 ]; then
  # The certificates must have been valid at the token's time: today they may have expired.
  openssl ts -verify -in "$folder/b/SEAL.tsr" -data "$folder/stamped" -CAfile "$3" -attime "$at" >/dev/null 2>&1 ||
    bad "the time stamp is not this authority's, or over something else"
fi

cat "$folder/b/SEAL"
if [ "$class" = none ]; then
  echo "VALID, without a time stamp: when it was made is the signer's word"
  exit 31
elif [ $# -eq 2 ]; then
  echo "VALID, its time stamp of $when not checked: give the authority's root as third argument"
  exit 31
fi
echo "VALID and sealed: $when, $((at - ended)) s after the run's end. Is that within the policy's time?"
