set -e
mask=$(umask)
umask 077

# What others have left: programs of old, and searches of which nothing runs here.
touch -c "$root/bin/$hash"
find "$root/bin" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} + || :
for d in "$root"/hosts/*/"$node"; do
	busy=
	for f in "$d"/*.pid; do
		! alive "$f" >/dev/null || busy=yes
	done
	[ -n "$busy" ] || [ ! -d "$d" ] || find "$d" -maxdepth 0 -mtime +1 -exec rm -rf {} + || :
done

mkdir -p "$root/hosts/$search/$node"
cd "$root/hosts/$search/$node"
cat >.ticket
mv .ticket ticket.json
umask "$mask"
shell=$(command -v bash || command -v sh)
for id in $ids; do
	setsid "$shell" -l -c "$command" "$root/bin/$hash/nascent" "$PWD/ticket.json" "$@" </dev/null >"$id.log" 2>&1 &
	echo "$! $(born $!) $boot" >".$id"
	mv ".$id" "$id.pid"
done
