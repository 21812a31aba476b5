echo "system $(uname -s) $(uname -m)"
[ -z "$hash" ] || [ ! -x "$root/bin/$hash/nascent" ] || echo has
cd "$root/hosts/$search/$node" 2>/dev/null || exit 0
for f in *.pid; do
	[ -e "$f" ] || continue
	id=${f%.pid}
	if alive "$f" >/dev/null; then
		echo "run $id"
	elif [ -n "$fetch" ]; then
		echo "end $id"
		tail -c 4096 "$id.log" | sed 's/^/| /'
		echo
		rm -f "$id.pid" "$id.log"
	fi
done
