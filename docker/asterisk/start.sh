#!/bin/sh
# Fill in the configuration's words between @ signs and run Asterisk in the foreground. The same job that
# tests/pbx/bed/asterisk.py does for the tests. From the environment (defaults below):
#   PBX_RUN, AMI_PORT, AMI_PERMIT, SIP_PORT, RTP_START, RTP_END; AMI_SECRET and PHONE_SECRET, or the same with _FILE.
set -eu
here=$(dirname "$(readlink -f "$0")")
run=${PBX_RUN:-/var/lib/pbx}

secret() { # NAME: its value, or its file's first line; letters, digits and - only, for it goes into configuration files
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    if [ -z "$value" ] && [ -n "$file" ]; then value=$(head -n 1 "$file"); fi
    case $value in
        "") echo "$1 is not set: give a long random word in $1 or in a file named by $1_FILE." >&2; exit 1 ;;
        *[!A-Za-z0-9-]*) echo "$1 may hold letters, digits and - only. Nothing was started." >&2; exit 1 ;;
    esac
    printf %s "$value"
}
ami_secret=$(secret AMI_SECRET)
phone_secret=$(secret PHONE_SECRET)

modules=${PBX_MODULES:-$(find /usr/lib -type d -path '*/asterisk/modules' | head -n 1)}
data=${PBX_DATA:-/usr/share/asterisk}
umask 077
for folder in etc lib spool run log/cdr-csv log/cel-custom agi data/sounds; do mkdir -p "$run/$folder"; done
ln -sfn "$data/documentation" "$run/data/documentation"
spoken=$(find "$data/sounds" -mindepth 1 -maxdepth 1 -type d -name 'en*' | head -n 1)
ln -sfn "$spoken" "$run/data/sounds/en"

for file in "$here"/*.conf "${PBX_DIALPLAN:-$here/../dialplan}"/*.conf; do
    sed -e "s|@RUN@|$run|g" -e "s|@MODULES@|$modules|g" -e "s|@DATA@|$run/data|g" \
        -e "s|@AMI_ADDRESS@|${AMI_ADDRESS:-0.0.0.0}|g" -e "s|@AMI_PORT@|${AMI_PORT:-5038}|g" \
        -e "s|@AMI_SECRET@|$ami_secret|g" -e "s|@AMI_PERMIT@|${AMI_PERMIT:-127.0.0.1/255.255.255.255}|g" \
        -e "s|@SIP_ADDRESS@|${SIP_ADDRESS:-0.0.0.0}|g" -e "s|@SIP_PORT@|${SIP_PORT:-5060}|g" \
        -e "s|@PHONE_SECRET@|$phone_secret|g" \
        -e "s|@RTP_START@|${RTP_START:-20000}|g" -e "s|@RTP_END@|${RTP_END:-20099}|g" \
        -e "s|@CEL_MANAGER@|no|g" -e "s|@TECH@|PJSIP|g" -e "s|@OUT_PRE@|PJSIP/|g" -e "s|@OUT_POST@|@trunk|g" \
        "$file" >"$run/etc/$(basename "$file")"
done
for name in acl ccss pjproject udptl; do : >"$run/etc/$name.conf"; done

exec ${PBX_ASTERISK:-asterisk} -f -C "$run/etc/asterisk.conf"
