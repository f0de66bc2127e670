package deploy

import (
	"os"
	"os/exec"
	"syscall"
)

// jail has a command run below another root, as another user, as a container runtime does.
// Root may do that; anybody else does it in a user namespace, in which there is only that
// user. Where there are none to be had, the command does not start.
func jail(cmd *exec.Cmd, root string, id int) {
	cmd.Dir = "/"
	who := &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: who}
	if os.Geteuid() == 0 {
		return
	}
	who.NoSetGroups = true
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: os.Getegid(), Size: 1}}
}
