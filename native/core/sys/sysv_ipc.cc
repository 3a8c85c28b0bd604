// /proc/sysvipc of proc(5), shmctl(2), semctl(2), msgctl(2).
#include "core/sys/sysv_ipc.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace slapos {

namespace {

struct Kind {
  const char* file;
  const char* id_column;
  int (*remove)(int id);
};

constexpr Kind kKinds[] = {
    {"/proc/sysvipc/shm", "shmid", [](int id) { return ::shmctl(id, IPC_RMID, nullptr); }},
    {"/proc/sysvipc/sem", "semid", [](int id) { return ::semctl(id, 0, IPC_RMID); }},
    {"/proc/sysvipc/msg", "msqid", [](int id) { return ::msgctl(id, IPC_RMID, nullptr); }},
};

// The first line names the columns; all are numbers.
std::map<std::string, long long> ReadRow(const std::string& head, const std::string& line) {
  std::istringstream names(head);
  std::istringstream numbers(line);
  std::map<std::string, long long> row;
  std::string name;
  long long number;
  while (names >> name && numbers >> number) row[name] = number;
  return row;
}

size_t RemoveKind(const Kind& kind, uid_t uid) {
  std::ifstream list(kind.file);
  // A kernel without System V IPC.
  if (!list) return 0;
  std::string head;
  std::string line;
  std::getline(list, head);
  size_t removed = 0;
  while (std::getline(list, line)) {
    auto row = ReadRow(head, line);
    if (row["uid"] != uid && row["cuid"] != uid) continue;
    if (kind.remove(static_cast<int>(row[kind.id_column])) == 0) removed++;
  }
  return removed;
}

}  // namespace

size_t RemoveIpcOfUser(uid_t uid) {
  size_t removed = 0;
  for (const Kind& kind : kKinds) removed += RemoveKind(kind, uid);
  return removed;
}

}  // namespace slapos
