// Ioctls of the tun driver: Documentation/networking/tuntap.rst of the kernel. One thread: devices
// are registered under one kernel lock, more threads gain nothing.
#include "core/tuntap/tuntap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "core/sys/unique_fd.h"

namespace slapos::tuntap {

namespace {

constexpr char kControlPath[] = "/dev/net/tun";

// A `%` would make the kernel choose a name by itself.
void CheckName(const std::string& name) {
  bool is_bad = name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
                name.find_first_of("/:% \t\n\v\f\r") != std::string::npos;
  if (is_bad) throw SysError(EINVAL, "TUNSETIFF", "'" + name + "' is not an interface name");
}

UniqueFd OpenControl() {
  UniqueFd fd(::open(kControlPath, O_RDWR | O_CLOEXEC));
  if (!fd) ThrowErrno("open", kControlPath);
  return fd;
}

void Attach(const UniqueFd& fd, const Device& device) {
  CheckName(device.name);
  ifreq request = {};
  std::memcpy(request.ifr_name, device.name.c_str(), device.name.size());
  request.ifr_flags = static_cast<short>((device.is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
  if (::ioctl(fd.Get(), TUNSETIFF, &request) != 0) ThrowErrno("ioctl TUNSETIFF", device.name);
}

// Persistence comes last: a crash before it leaves no device, a crash after it a complete one. An
// owner is always set: the kernel lets every user open a device that has none (tun_not_capable).
void CreateOne(const UniqueFd& fd, const Device& device) {
  Attach(fd, device);
  auto owner = static_cast<unsigned long>(std::max<int64_t>(device.owner, 0));
  if (::ioctl(fd.Get(), TUNSETOWNER, owner) != 0) ThrowErrno("ioctl TUNSETOWNER", device.name);
  if (::ioctl(fd.Get(), TUNSETPERSIST, 1ul) != 0) ThrowErrno("ioctl TUNSETPERSIST", device.name);
}

// Attaching creates what does not exist, so existence is asked first.
void RequireDevice(const Device& device) {
  CheckName(device.name);
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) ThrowErrno("socket", device.name);
  ifreq request = {};
  std::memcpy(request.ifr_name, device.name.c_str(), device.name.size());
  if (::ioctl(fd.Get(), SIOCGIFINDEX, &request) != 0) {
    ThrowErrno("ioctl SIOCGIFINDEX", device.name);
  }
}

void DeleteOne(const UniqueFd& fd, const Device& device) {
  RequireDevice(device);
  Attach(fd, device);
  if (::ioctl(fd.Get(), TUNSETPERSIST, 0ul) != 0) ThrowErrno("ioctl TUNSETPERSIST", device.name);
}

// A descriptor of /dev/net/tun can be attached only once, so each device takes one of its own.
template <typename Action>
Outcomes ForEach(const std::vector<Device>& devices, Action action) {
  Outcomes outcomes(devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    UniqueFd fd = OpenControl();
    try {
      action(fd, devices[i]);
    } catch (const SysError& error) {
      outcomes[i] = error;
    }
  }
  return outcomes;
}

}  // namespace

Outcomes Create(const std::vector<Device>& devices) { return ForEach(devices, CreateOne); }

Outcomes Delete(const std::vector<Device>& devices) { return ForEach(devices, DeleteOne); }

}  // namespace slapos::tuntap
