#!/usr/bin/env bash
# A folder → the real senders that journey tests use, where this is a Debian machine and we are root.
# rsyslog is installed; syslog-ng's load generator conflicts with it in the package database and is only unpacked.
set -euo pipefail
place=$1
mkdir -p "$place"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "no apt-get or not root: tests with rsyslogd and loggen will be skipped" >&2
  exit 0
fi
if ! command -v rsyslogd >/dev/null || ! ls /usr/lib/*/rsyslog/omelasticsearch.so >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rsyslog rsyslog-elasticsearch libglib2.0-0 >/dev/null
fi
if [ ! -x "$place/usr/bin/loggen" ]; then
  (
    cd "$place"
    apt-get download -qq syslog-ng-core 2>/dev/null || { apt-get update -qq && apt-get download -qq syslog-ng-core; }
    dpkg -x syslog-ng-core_*.deb . && rm -f syslog-ng-core_*.deb
  )
fi
