root=${XDG_CACHE_HOME:-$HOME/.cache}/nascent
node=$(uname -n)
boot=$(cat /proc/sys/kernel/random/boot_id)

# born PID: when a process was started, in ticks since this boot; fails if it has ended
born() {
	read -r line <"/proc/$1/stat" || return 1
	set -- ${line##*) } # state and then the fourth field of proc(5)
	case $1 in Z | X) return 1 ;; esac
	shift 19
	echo "$1"
} 2>/dev/null

# alive FILE: prints the pid of the host that the file is of; fails if it has ended
alive() {
	read -r pid since which <"$1" || return 1
	[ "$which" = "$boot" ] && [ "$(born "$pid")" = "$since" ] && echo "$pid"
} 2>/dev/null
