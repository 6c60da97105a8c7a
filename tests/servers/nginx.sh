#!/bin/sh
# nginx before the files of `data`, in the foreground. PORT and TMPDIR are the lab's.
set -eu
PATH=$PATH:/usr/sbin
sed -e "s|@PORT@|127.0.0.1:$PORT|" -e "s|@TMP@|$TMPDIR|" -e "s|@DATA@|$PWD/data|" \
    -e "s|@USER@|$(id -un) $(id -gn)|" nginx.conf > "$TMPDIR/nginx.conf"
exec nginx -e stderr -c "$TMPDIR/nginx.conf"
