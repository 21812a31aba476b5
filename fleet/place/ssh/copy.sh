set -e
mkdir -p "$root/bin"
new=$(mktemp -d "$root/bin/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT
gzip -dc | tar -xf - -C "$new"
chmod 755 "$new"
mv -T "$new" "$root/bin/$hash" 2>/dev/null || [ -x "$root/bin/$hash/nascent" ]
