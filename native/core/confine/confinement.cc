#include "core/confine/confinement.h"

#include "core/confine/landlock.h"
#include "core/confine/seccomp.h"

namespace slapos {

const ConfinementAbilities& ProbeConfinement() {
  static const ConfinementAbilities probed = {LandlockVersion(), MayOwnMounts(), HasSeccomp()};
  return probed;
}

PreparedConfinement Prepare(const Confinement& confinement) {
  PreparedConfinement prepared;
  if (confinement.writable) prepared.ruleset = MakeWriteRuleset(*confinement.writable);
  if (confinement.filters_calls) prepared.filter = &DenyFilter(!prepared.ruleset);
  return prepared;
}

}  // namespace slapos
