#include "core/netlink/apply.h"

#include <string>
#include <unordered_map>

#include "core/netlink/encode.h"
#include "core/netlink/message.h"
#include "core/netlink/socket.h"

namespace slapos::netlink {

namespace {

constexpr size_t kBatchBytes = 64 << 10;
// Every refused message queues an answer of about 1 KB of socket memory before we read the first
// one; a batch must fit the receive buffer even when all of it is refused.
constexpr size_t kBatchMessages = 1024;
constexpr size_t kBatchMessagesInSmallBuffer = 64;

using Outcomes = std::vector<std::optional<SysError>>;

class Batch {
 public:
  Batch(Socket& socket, const std::vector<Operation>& operations, Outcomes& outcomes)
      : socket_(socket),
        operations_(operations),
        outcomes_(outcomes),
        limit_(socket.HasLargeBuffer() ? kBatchMessages : kBatchMessagesInSmallBuffer) {}

  void Add(size_t operation, std::vector<uint8_t> message) {
    if (bytes_.size() + message.size() > kBatchBytes || members_.size() == limit_) Flush();
    uint32_t sequence = socket_.NextSequence();
    if (members_.empty()) first_sequence_ = sequence;
    last_offset_ = bytes_.size();
    SetSequence(message, sequence, 0);
    bytes_.insert(bytes_.end(), message.begin(), message.end());
    members_.push_back(operation);
  }

  // Sends what was gathered and reads the answers. The kernel answers every refused message and,
  // because it asks for it, the last one.
  void Flush() {
    if (members_.empty()) return;
    uint32_t last = first_sequence_ + static_cast<uint32_t>(members_.size()) - 1;
    SetSequence(std::span(bytes_).subspan(last_offset_), last, NLM_F_ACK);
    socket_.Send(bytes_);
    while (!TakeAnswers(socket_.Receive(), last)) continue;
    bytes_.clear();
    members_.clear();
  }

 private:
  // True when the answer to the last message was among them.
  bool TakeAnswers(Bytes datagram, uint32_t last) {
    bool is_complete = false;
    MessageReader reader(datagram);
    while (auto message = reader.Next()) {
      if (message->header.nlmsg_type != NLMSG_ERROR) continue;
      auto verdict = DecodeVerdict(*message);
      if (!verdict || verdict->sequence - first_sequence_ >= members_.size()) continue;
      if (verdict->err != 0) Record(*verdict);
      is_complete |= verdict->sequence == last;
    }
    return is_complete;
  }

  void Record(const Verdict& verdict) {
    size_t index = members_[verdict.sequence - first_sequence_];
    const Operation& operation = operations_[index];
    outcomes_[index].emplace(verdict.err, OperationName(operation.kind), Describe(operation),
                             verdict.extack);
  }

  Socket& socket_;
  const std::vector<Operation>& operations_;
  Outcomes& outcomes_;
  const size_t limit_;
  std::vector<uint8_t> bytes_;
  std::vector<size_t> members_;  // index of the operation of each message, by sequence
  size_t last_offset_ = 0;
  uint32_t first_sequence_ = 0;
};

// Knows the ifindex of devices, 0 for one that does not exist. A name that is not known yet may
// belong to a link that a message still waiting in the batch creates, so the batch goes out before
// the kernel is asked.
class IndexCache {
 public:
  IndexCache(Socket& socket, Batch& batch) : socket_(socket), batch_(batch) {}

  // Makes the devices of an operation known.
  void Learn(const Operation& operation) {
    Learn(operation.dev);
    Learn(operation.master);
  }

  uint32_t Find(const Operation& operation, const std::string& dev) const {
    auto known = indexes_.find(dev);
    if (known != indexes_.end() && known->second != 0) return known->second;
    throw SysError(ENODEV, OperationName(operation.kind),
                   Describe(operation) + ": no device " + dev);
  }

  // After an operation that creates or deletes links, names must be asked for again.
  void Forget(const Operation& operation) {
    if (operation.kind == OperationKind::kLinkDelGroup) {
      indexes_.clear();
    } else if (operation.kind == OperationKind::kLinkAdd ||
               operation.kind == OperationKind::kLinkDel) {
      indexes_.erase(operation.dev);
    } else {
      return;
    }
    has_pending_links_ = true;
  }

 private:
  void Learn(const std::string& dev) {
    if (dev.empty() || indexes_.contains(dev)) return;
    if (has_pending_links_) batch_.Flush();
    has_pending_links_ = false;
    indexes_[dev] = socket_.LinkIndex(dev);
  }

  Socket& socket_;
  Batch& batch_;
  std::unordered_map<std::string, uint32_t> indexes_;
  bool has_pending_links_ = false;
};

// The message of an operation; an operation that cannot be encoded gets its outcome at once.
std::vector<uint8_t> EncodeOr(std::optional<SysError>& outcome, const Operation& operation,
                              const IndexCache& indexes) {
  try {
    return EncodeOperation(operation,
                           [&](const std::string& dev) { return indexes.Find(operation, dev); });
  } catch (const SysError& error) {
    outcome = error;
    return {};
  }
}

}  // namespace

std::vector<std::optional<SysError>> Apply(const std::vector<Operation>& operations) {
  Outcomes outcomes(operations.size());
  Socket socket;
  Batch batch(socket, operations, outcomes);
  IndexCache indexes(socket, batch);
  for (size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].kind != OperationKind::kLinkAdd) indexes.Learn(operations[i]);
    std::vector<uint8_t> message = EncodeOr(outcomes[i], operations[i], indexes);
    if (message.empty()) continue;
    batch.Add(i, std::move(message));
    indexes.Forget(operations[i]);
  }
  batch.Flush();
  return outcomes;
}

}  // namespace slapos::netlink
