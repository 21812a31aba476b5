cd "$root/hosts/$search/$node" 2>/dev/null || exit 0
busy=
for id in $ids; do # * is all of them
	f=${id%.pid}.pid
	pid=$(alive "$f") && kill -TERM "$pid" 2>/dev/null && busy=yes
done
[ "$ids" != '*' ] || [ -n "$busy" ] || rm -rf "$root/hosts/$search/$node"
rmdir "$root/hosts/$search" 2>/dev/null
exit 0
