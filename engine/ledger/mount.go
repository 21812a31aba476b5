package ledger

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mount is the file system of a search directory.
type mount struct {
	kind    int64    // what statfs(2) says
	device  string   // MAJOR:MINOR, as the mount table names it
	options []string // of the mount, and of what is mounted; nil where the table does not list it
}

// mountOf asks the operating system.
func mountOf(root *os.Root) (m mount, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return m, err
	}
	defer dir.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return m, err
	}
	info, err := dir.Stat()
	if err != nil {
		return m, err
	}
	m.kind = int64(fs.Type)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		dev := uint64(stat.Dev)
		m.device = fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
	}
	table, _ := os.ReadFile("/proc/self/mountinfo")
	m.options = optionsOf(string(table), m.device)
	return m, nil
}

// optionsOf are those with which a device is mounted, from /proc/self/mountinfo.
func optionsOf(table, device string) (options []string) {
	for line := range strings.Lines(table) {
		// ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE OPTIONS
		fields := strings.Fields(line)
		dash := slices.Index(fields, "-")
		if len(fields) > 5 && fields[2] == device && dash > 5 && len(fields) > dash+3 {
			options = append(strings.Split(fields[5], ","), strings.Split(fields[dash+3], ",")...)
		}
	}
	return options
}

// Kinds of file systems, from Linux's magic.h and their own sources.
const (
	kindNFS    = 0x6969
	kindLustre = 0x0BD00BD0
	kindCeph   = 0x00C36400
	kindGFS2   = 0x01161970
	kindOCFS2  = 0x7461636F
	kindGPFS   = 0x47504653
	kindBeeGFS = 0x19830326
	kindFUSE   = 0x65735546
	kind9P     = 0x01021997
	kindSMB    = 0x517B
	kindCIFS   = 0xFF534D42
	kindSMB2   = 0xFE534D42
	kindAFS    = 0x5346414F
)

// ofOneMachine are file systems that one machine alone has at a time.
var ofOneMachine = []int64{
	0xEF53,     // ext2, ext3, ext4
	0x58465342, // xfs
	0x9123683E, // btrfs
	0xF2F52010, // f2fs
	0x01021994, // tmpfs
	0x858458F6, // ramfs
	0x794C7630, // overlay
	0x2FC12FC1, // zfs
	0xCA451A4E, // bcachefs
	0x52654973, // reiserfs
	0x3153464A, // jfs
	0xF15F,     // ecryptfs, above one of these
	0x7366746E, // ntfs
	0x5346544E, // ntfs, the older driver
	0x2011BAB0, // exfat
	0x4D44,     // vfat
	0x482B,     // hfs+
	0x73717368, // squashfs, which only readers meet
	0x9660,     // iso9660, likewise
}

// named are what people call those of which locks have to be looked at.
var named = map[int64]string{
	kindNFS: "NFS", kindLustre: "Lustre", kindCeph: "CephFS", kindGFS2: "GFS2", kindOCFS2: "OCFS2", kindGPFS: "GPFS", kindBeeGFS: "BeeGFS",
	kindFUSE: "FUSE", kind9P: "9p", kindSMB: "SMB", kindCIFS: "SMB", kindSMB2: "SMB", kindAFS: "AFS",
}

// local tells whether no other machine has the file system, unless this one exports it.
func (m mount) local() bool { return slices.Contains(ofOneMachine, m.kind) }

// narrow is why flock(2) here cannot be seen to keep out processes of all machines that
// have the file system, and what to do; "" where it does.
func (m mount) narrow() (why, remedy string) {
	has := func(options ...string) bool {
		return slices.ContainsFunc(options, func(o string) bool { return slices.Contains(m.options, o) })
	}
	what := named[m.kind]
	if what == "" {
		what = fmt.Sprintf("a file system of kind %#x", uint32(m.kind))
	}
	here := what + " is mounted so that locks reach this machine alone"
	switch {
	case m.local() || m.kind == kindCeph:
		return "", ""
	case m.options == nil && slices.Contains([]int64{kindNFS, kindLustre, kindGFS2, kindOCFS2}, m.kind):
		return what + " may have locks that reach this machine alone, and its mount is not listed in /proc/self/mountinfo", "list it there"
	case m.kind == kindNFS && has("local_lock=all", "local_lock=flock", "nolock"):
		return here, "mount it with local_lock=none and without nolock"
	case m.kind == kindLustre && !has("flock"):
		return here, "mount it with flock"
	case (m.kind == kindGFS2 || m.kind == kindOCFS2) && has("localflocks"):
		return here, "mount it without localflocks"
	case slices.Contains([]int64{kindNFS, kindLustre, kindGFS2, kindOCFS2}, m.kind):
		return "", ""
	}
	return what + " does not tell whether its locks reach other machines", "keep searches that several machines may run on NFS, Lustre or CephFS"
}
