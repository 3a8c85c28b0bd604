#pragma once

#include <cstdint>
#include <optional>

#include "core/account/table.h"
#include "core/account/transaction.h"

namespace slapos::account {

// The four account files; a system may lack the two shadow files.
struct Tables {
  Table passwd;
  Table group;
  std::optional<Table> shadow;
  std::optional<Table> gshadow;
};

// Carries a transaction out on the tables, touching no file. `today` is in days since 1970, for the
// date of the last password change (shadow(5)). Throws SysError as Apply does.
void Edit(Tables& tables, const Transaction& transaction, int64_t today);

}  // namespace slapos::account
