// Names that may not reach the tun driver; devices themselves are tested in a private namespace.
#include "core/tuntap/tuntap.h"

#include <unistd.h>

#include "native/check.h"

using slapos::tuntap::Device;

TEST(names_that_are_no_interface_names_are_refused_one_by_one) {
  if (::access("/dev/net/tun", R_OK | W_OK) != 0)
    throw slapos::test::Skip{"/dev/net/tun cannot be opened"};
  std::vector<Device> devices;
  for (const char* name : {"", "sixteen-chars-xx", "a/b", "tap%d", "a b", ".", "..", "a:1"}) {
    devices.push_back({name, true, -1});
  }
  for (auto* action : {slapos::tuntap::Create, slapos::tuntap::Delete}) {
    auto outcomes = action(devices);
    CHECK_EQ(outcomes.size(), devices.size());
    for (const auto& outcome : outcomes) CHECK_EQ(slapos::ErrnoName(outcome->err()), "EINVAL");
  }
}

TEST(a_device_that_does_not_exist_cannot_be_deleted) {
  if (::access("/dev/net/tun", R_OK | W_OK) != 0)
    throw slapos::test::Skip{"/dev/net/tun cannot be opened"};
  auto outcomes = slapos::tuntap::Delete({{"slapnosuchdev", true, -1}});
  CHECK_EQ(slapos::ErrnoName(outcomes[0]->err()), "ENODEV");
}
