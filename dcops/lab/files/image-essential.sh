#!/bin/sh
# mmdebstrap essential hook, $1 = image root: keep packages from starting services or making a database cluster.
set -eu
root=$1
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# One cluster in the image would give every node the same database system identifier.
mkdir -p "$root/etc/postgresql-common"
echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
# Everything is disabled but what a node needs to be reached and watched; preset-all applies it at the end.
mkdir -p "$root/etc/systemd/system-preset"
cat >"$root/etc/systemd/system-preset/00-twin.preset" <<'PRESET'
enable ssh.service
enable snmpd.service
enable systemd-tmpfiles-clean.timer
disable *
PRESET
