#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slapos {

// Folder of the cgroup (version 2) that this process is in; empty where none is mounted, or where
// we could make no group in it.
std::string FindOwnCgroup();

// Where on v2 mounts a cgroup lies: from the lines of /proc/self/mountinfo and of
// /proc/self/cgroup. A mount may be covered by another one.
std::vector<std::string> LocateCgroup(std::string_view mountinfo, std::string_view membership);

// Whether systemd left the folder to us (Delegate=yes, systemd.resource-control(5)).
bool IsDelegated(const std::string& folder);

// A name as one component of a cgroup path that is no file of the kernel there.
std::string EncodeCgroupName(std::string_view name);

// Makes the controllers that the folder has, of those we use, available below it. Returns those
// that are.
std::vector<std::string> ShareControllers(const std::string& folder);

// Writes to a file of the kernel. Returns errno, 0 on success.
int WriteControl(const std::string& folder, const char* file, std::string_view text);

// Whether a living process is in the folder or below.
bool IsPopulated(const std::string& folder);

// SIGKILL to every process in the folder and below: at once on Linux 5.14, else one by one.
void KillCgroup(const std::string& folder);

// Moves every process of a folder into another one.
void MoveProcesses(const std::string& from, const std::string& to);

// Removes the folder with those below. Returns errno: EBUSY while a process is in one of them.
int RemoveCgroup(const std::string& folder);

// Names of the groups in the folder.
std::vector<std::string> ListCgroups(const std::string& folder);

}  // namespace slapos
