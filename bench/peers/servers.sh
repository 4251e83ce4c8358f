#!/bin/sh
# Installs the servers that the peers need, from Debian's own packages: redis-server and postgresql-15.
# Only the programs are wanted: run.mjs starts them itself, on loopback, on free ports and in a
# temporary directory, and stops them again. The packages' own services are kept from starting,
# because a second Redis or PostgreSQL on the machine would take part in the measurement.
set -eu

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

installed() {
  dpkg-query -W -f='${Status} ${Package} ${Version}\n' redis-server postgresql-15 2>/dev/null |
    sed -n 's/^install ok installed //p'
}

case "${1:-install}" in
  install)
    if [ "$(installed | wc -l)" -lt 2 ]; then
      guard=/usr/sbin/policy-rc.d
      if [ ! -e "$guard" ]; then
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $guard && chmod 755 $guard"
        trap 'as_root rm -f "$guard"' EXIT
      fi
      as_root apt-get update -qq
      as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends redis-server postgresql-15
    fi
    installed
    ;;
  check)
    installed
    [ "$(installed | wc -l)" -eq 2 ]
    ;;
  *)
    echo "usage: servers.sh [install|check]" >&2
    exit 2
    ;;
esac
