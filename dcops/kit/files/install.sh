#!/bin/sh
# Installs what this recovery kit holds on a Debian machine, without a network: Debian packages, a Python environment,
# dcops. Run it as root in the unpacked kit, after the hash of MANIFEST was compared with a share's sheet.
# Safe to run again. Starts no service. Needs what every Debian has: sh, coreutils, tar, dpkg, apt.
set -eu
LC_ALL=C
export LC_ALL
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
die() { echo "install.sh: $1" >&2; exit "${2:-1}"; }
cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || die "run it as root"
if [ ! -f KIT ] || [ ! -f MANIFEST ]; then die "this is no unpacked kit: unpack the archive, run the install.sh in it"; fi
if [ ! -d packages ] || [ ! -d wheels ]; then
  die "this kit holds no packages: unpack source.tar and run its script/bootstrap, which needs a network" 7
fi
sha256sum --check --strict --quiet MANIFEST || die "a file is not as the manifest says: copy the archive again" 30

wanted=$(sed -n 's/^packages: Debian \([a-z]*\), .*/\1/p' KIT)
here=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
[ "$here" = "$wanted" ] || die "the packages are for Debian $wanted, this machine is ${here:-something else}" 7

echo "Debian packages"
# What is installed in that version or a later one is left alone. No package may start a service or make a database.
set --
for file in packages/*.deb; do
  fields=$(dpkg-deb -f "$file" Package Version)
  name=$(echo "$fields" | sed -n 's/^Package: //p')
  new=$(echo "$fields" | sed -n 's/^Version: //p')
  old=$(dpkg-query -W -f '${Status} ${Version}' "$name" 2>/dev/null | sed -n 's/^[a-z]* ok installed //p') || old=
  if [ -z "$old" ] || dpkg --compare-versions "$old" lt "$new"; then set -- "$@" "./$file"; fi
done
if [ $# -gt 0 ]; then
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/dcops.conf
  # These files and nothing else: no source of this machine is asked, whether it answers or not.
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
    --no-install-recommends install "$@" >install.log 2>&1 \
    || { tail -n 20 install.log >&2; die "the packages could not be installed"; }
fi
echo "  $# installed"

echo "Python packages, each checked by its hash"
[ -x /opt/dcops/venv/bin/python3 ] || python3 -m venv /opt/dcops/venv
/opt/dcops/venv/bin/python3 -m pip install -q --disable-pip-version-check --no-index --find-links wheels --no-deps \
  --require-hashes -r requirements.txt

echo "dcops"
mkdir -p /opt/dcops/src
tar -xf source.tar -C /opt/dcops/src --no-same-owner
cat >/usr/local/bin/dcops <<'WRAPPER'
#!/bin/sh
export DCOPS_HOME="${DCOPS_HOME:-/opt/dcops/src}" DCOPS_STATE="${DCOPS_STATE:-/var/lib/dcops}"
export PATH="/opt/dcops/venv/bin:$PATH" PYTHONPATH=/opt/dcops/src PYTHONPYCACHEPREFIX=/var/cache/dcops/pycache
exec /opt/dcops/venv/bin/python3 -m dcops "$@"
WRAPPER
chmod 755 /usr/local/bin/dcops
echo "installed: $(/usr/local/bin/dcops --version)"
