#!/bin/sh
# mmdebstrap customize hook. $1 = image root, $2 = folder with dcops' wheels unpacked for the image's Python.
# What every node shares goes here; what differs between nodes is written into its overlay by `dcops lab up`.
set -eu
root=$1
wheels=$2

# dcops' Python: the packages were fetched outside, with hashes; only their scripts need the right interpreter.
chroot "$root" python3 -m venv --without-pip /opt/dcops/venv
venv="$root/opt/dcops/venv"
site=$(echo "$venv"/lib/python3.*/site-packages)
if [ -d "$wheels/bin" ]; then
    for script in "$wheels"/bin/*; do
        if head -c 2 "$script" | grep -q '#!' && head -n 1 "$script" | grep -q python; then
            sed -i '1s|.*|#!/opt/dcops/venv/bin/python3|' "$script"
        fi
        chmod 755 "$script"
        cp "$script" "$venv/bin/"
    done
    rm -r "$wheels/bin"
fi
cp -r "$wheels/." "$site/"
# The checkout is bound in read-only, so what is compiled of it goes to a cache of its own; Python then looks there for
# everything else, too.
for prefix in "" /var/cache/dcops/pycache; do
    chroot "$root" env PYTHONPYCACHEPREFIX=$prefix /opt/dcops/venv/bin/python3 -m compileall -q -j 0 \
        /opt/dcops/venv/lib /usr/lib/python3.13 >/dev/null 2>&1 || true
done
mkdir -p "$root/opt/dcops/src" "$root/etc/dcops" "$root/var/lib/dcops"
chmod 700 "$root/var/lib/dcops"
for name in dcops dcops-exporter; do
    case $name in dcops) module=dcops ;; *) module=exporters ;; esac
    cat >"$root/usr/local/bin/$name" <<WRAPPER
#!/bin/sh
export DCOPS_HOME="\${DCOPS_HOME:-/opt/dcops/src}" DCOPS_STATE="\${DCOPS_STATE:-/var/lib/dcops}"
export PATH="/opt/dcops/venv/bin:\$PATH" PYTHONPATH=/opt/dcops/src PYTHONPYCACHEPREFIX=/var/cache/dcops/pycache
exec /opt/dcops/venv/bin/python3 -m $module "\$@"
WRAPPER
    chmod 755 "$root/usr/local/bin/$name"
done

# Reach: sixteen nodes are polled at once; the host keys of the package would be the same everywhere.
rm -f "$root"/etc/ssh/ssh_host_*
cat >"$root/etc/ssh/sshd_config.d/twin.conf" <<'SSHD'
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
MaxStartups 200:30:400
PasswordAuthentication no
PermitRootLogin prohibit-password
SSHD
: >"$root/etc/machine-id"
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
mkdir -p "$root/root/.ssh"
chmod 700 "$root/root/.ssh"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"

# Routers: all daemons ready, sub-agents allowed into snmpd's socket folder (snmpd makes it root:root 0750).
sed -i -e 's/^bgpd=.*/bgpd=yes/' -e 's/^bfdd=.*/bfdd=yes/' -e 's/^vrrpd=.*/vrrpd=yes/' -e 's/^staticd=.*/staticd=yes/' \
    -e 's/^zebra_options=.*/zebra_options="  -A 127.0.0.1 -s 90000000 -M snmp"/' \
    -e 's/^bgpd_options=.*/bgpd_options="   -A 127.0.0.1 -M snmp"/' "$root/etc/frr/daemons"
echo 'd /var/agentx 0750 root frr' >"$root/etc/tmpfiles.d/agentx.conf"
# vtysh writes the configuration as its user; the package leaves the folder to frr alone.
chmod 775 "$root/etc/frr"
chroot "$root" useradd -m -s /usr/bin/vtysh -G frrvty,frr netops

# The twin has no IPv6, and snmpd does not start when one of its addresses is missing.
sed -i 's/^agentaddress.*/agentaddress 127.0.0.1/' "$root/etc/snmp/snmpd.conf"

# A container has no clock of its own to set: chrony runs, measures and serves, but never steps.
mkdir -p "$root/etc/systemd/system/chrony.service.d" "$root/etc/systemd/journald.conf.d"
printf '[Unit]\nConditionCapability=\n' >"$root/etc/systemd/system/chrony.service.d/twin.conf"
echo 'DAEMON_OPTS="-x -F 0"' >"$root/etc/default/chrony"
printf '[Journal]\nSystemMaxUse=64M\n' >"$root/etc/systemd/journald.conf.d/twin.conf"

for unit in systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-resolved.service \
    systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer dpkg-db-backup.timer \
    console-getty.service getty@tty1.service systemd-firstboot.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
systemctl --root="$root" preset-all >/dev/null 2>&1
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/*.log
