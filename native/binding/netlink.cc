#include <limits>
#include <map>

#include "binding/async.h"
#include "binding/register.h"
#include "binding/thread_task.h"
#include "core/netlink/apply.h"
#include "core/netlink/arrival.h"
#include "core/netlink/dad.h"
#include "core/netlink/dump.h"
#include "core/netlink/neighbour.h"

namespace slapos::binding {

namespace {

using netlink::Operation;
using netlink::OperationKind;
using Outcomes = std::vector<std::optional<SysError>>;

constexpr int64_t kTableMain = 254;
constexpr int64_t kTypeUnicast = 1;
constexpr int64_t kProtocolSlapos = 83;

// Most records have none of what is optional: it is left out then, which keeps large dumps fast.
template <typename Value>
void SetUnless(Napi::Object& record, const char* name, const Value& value, const Value& usual) {
  if (value != usual) record.Set(name, value);
}

Napi::Object LinkRecord(Napi::Env env, const netlink::Link& link) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("ifindex", link.ifindex);
  record.Set("name", link.name);
  record.Set("flags", link.flags);
  record.Set("hasCarrier", link.has_carrier);
  record.Set("master", link.master);
  record.Set("kind", link.kind);
  record.Set("mac", link.mac);
  record.Set("mtu", link.mtu);
  record.Set("group", link.group);
  record.Set("tunMode", link.tun_mode);
  record.Set("tunOwner", static_cast<double>(link.tun_owner));
  record.Set("isTunPersistent", link.is_tun_persistent);
  SetUnless(record, "portDelayMs", link.port_delay_ms, 0u);
  return record;
}

Napi::Object AddressRecord(Napi::Env env, const netlink::Address& address) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("ifindex", address.ifindex);
  record.Set("family", address.family);
  record.Set("address", address.address);
  record.Set("prefixLength", static_cast<uint32_t>(address.prefix_length));
  record.Set("scope", static_cast<uint32_t>(address.scope));
  record.Set("flags", address.flags);
  SetUnless(record, "peer", address.peer, {});
  SetUnless(record, "broadcast", address.broadcast, {});
  SetUnless(record, "label", address.label, {});
  SetUnless(record, "metric", address.metric, 0u);
  SetUnless(record, "preferredSeconds", address.preferred_seconds, netlink::kForever);
  SetUnless(record, "validSeconds", address.valid_seconds, netlink::kForever);
  return record;
}

std::string HexText(const std::vector<uint8_t>& bytes) {
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string ObstacleName(netlink::RouteObstacle obstacle) {
  static const char* const kNames[] = {"", "multipath", "nexthop", "encapsulation", "source"};
  return kNames[static_cast<int>(obstacle)];
}

Napi::Object RouteRecord(Napi::Env env, const netlink::Route& route) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("family", route.family);
  record.Set("destination", route.destination);
  record.Set("prefixLength", static_cast<uint32_t>(route.prefix_length));
  record.Set("gateway", route.gateway);
  record.Set("ifindex", route.ifindex);
  record.Set("table", route.table);
  record.Set("protocol", static_cast<uint32_t>(route.protocol));
  record.Set("type", static_cast<uint32_t>(route.type));
  record.Set("metric", route.priority);
  SetUnless<uint32_t>(record, "scope", route.scope, 0);
  SetUnless<uint32_t>(record, "tos", route.tos, 0);
  SetUnless(record, "flags", route.flags, 0u);
  SetUnless(record, "preferredSource", route.preferred_source, {});
  SetUnless(record, "expiresSeconds", route.expires_seconds, 0u);
  SetUnless(record, "attributes", HexText(route.attributes), {});
  SetUnless(record, "obstacle", ObstacleName(route.obstacle), {});
  return record;
}

template <typename Record>
Napi::Array RecordArray(Napi::Env env, const std::vector<Record>& records,
                        Napi::Object (*convert)(Napi::Env, const Record&)) {
  Napi::Array array = Napi::Array::New(env, records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    Napi::HandleScope scope(env);
    array.Set(static_cast<uint32_t>(i), convert(env, records[i]));
  }
  return array;
}

Napi::Value DumpRecord(Napi::Env env, netlink::Dump& dump) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("links", RecordArray(env, dump.links, LinkRecord));
  result.Set("addresses", RecordArray(env, dump.addresses, AddressRecord));
  result.Set("routes", RecordArray(env, dump.routes, RouteRecord));
  return result;
}

Napi::Value NetlinkDump(const Napi::CallbackInfo& info) {
  Napi::Object request = RequestObject(info);
  netlink::DumpRequest wanted{BoolField(request, "links", false),
                              BoolField(request, "addresses", false),
                              BoolField(request, "routes", false)};
  return AsyncTask<netlink::Dump>::Run(
      info.Env(), [wanted] { return netlink::ReadDump(wanted); }, DumpRecord);
}

OperationKind KindField(const Napi::Object& source) {
  static const std::map<std::string, OperationKind> kKinds = {
      {"linkAdd", OperationKind::kLinkAdd},         {"linkSet", OperationKind::kLinkSet},
      {"linkDel", OperationKind::kLinkDel},         {"linkDelGroup", OperationKind::kLinkDelGroup},
      {"addrAdd", OperationKind::kAddrAdd},         {"addrReplace", OperationKind::kAddrReplace},
      {"addrDel", OperationKind::kAddrDel},         {"routeAdd", OperationKind::kRouteAdd},
      {"routeAppend", OperationKind::kRouteAppend}, {"routeReplace", OperationKind::kRouteReplace},
      {"routeDel", OperationKind::kRouteDel},
  };
  auto found = kKinds.find(StringField(source, "op"));
  if (found == kKinds.end()) throw Napi::TypeError::New(source.Env(), "field 'op' is unknown");
  return found->second;
}

// An integer field that must fit the width of the kernel's field.
template <typename Number>
Number NumberField(const Napi::Object& source, const char* name, int64_t fallback) {
  int64_t value = IntField(source, name, fallback);
  if (value < 0 || value > std::numeric_limits<Number>::max()) {
    throw Napi::TypeError::New(source.Env(), std::string("field '") + name + "' is out of range");
  }
  return static_cast<Number>(value);
}

void ReadLinkFields(const Napi::Object& source, Operation& operation) {
  operation.mac = StringField(source, "mac", "");
  if (operation.kind == OperationKind::kLinkAdd) {
    operation.link_kind = StringField(source, "kind");
    return;
  }
  operation.set_up = HasField(source, "isUp");
  operation.is_up = BoolField(source, "isUp", false);
  operation.set_master = HasField(source, "master");
  operation.master = StringField(source, "master", "");
  operation.set_group = HasField(source, "group");
  operation.group = NumberField<uint32_t>(source, "group", 0);
}

std::vector<uint8_t> HexField(const Napi::Object& source, const char* name) {
  std::string text = StringField(source, name, "");
  bool is_hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex || text.size() % 2 != 0) {
    throw Napi::TypeError::New(source.Env(),
                               std::string("field '") + name + "' must be hex digits");
  }
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

void ReadCommonFields(const Napi::Object& source, Operation& operation) {
  if (HasField(source, "scope")) operation.scope = NumberField<uint8_t>(source, "scope", 0);
  operation.flags = NumberField<uint32_t>(source, "flags", 0);
  operation.metric = NumberField<uint32_t>(source, "metric", 0);
}

void ReadAddressFields(const Napi::Object& source, Operation& operation) {
  operation.address = StringField(source, "address");
  operation.is_nodad = BoolField(source, "isNodad", false);
  operation.is_no_prefix_route = BoolField(source, "isNoPrefixRoute", false);
  operation.peer = StringField(source, "peer", "");
  operation.broadcast = StringField(source, "broadcast", "");
  operation.label = StringField(source, "label", "");
  operation.preferred_seconds =
      NumberField<uint32_t>(source, "preferredSeconds", netlink::kForever);
  operation.valid_seconds = NumberField<uint32_t>(source, "validSeconds", netlink::kForever);
}

void ReadRouteFields(const Napi::Object& source, Operation& operation) {
  operation.family = static_cast<int>(IntField(source, "family"));
  if (operation.family != 4 && operation.family != 6) {
    throw Napi::TypeError::New(source.Env(), "field 'family' must be 4 or 6");
  }
  operation.address = StringField(source, "destination");
  operation.gateway = StringField(source, "gateway", "");
  operation.table = NumberField<uint32_t>(source, "table", kTableMain);
  operation.type = NumberField<uint8_t>(source, "type", kTypeUnicast);
  operation.protocol = NumberField<uint8_t>(source, "protocol", kProtocolSlapos);
  operation.preferred_source = StringField(source, "preferredSource", "");
  operation.tos = NumberField<uint8_t>(source, "tos", 0);
  operation.expires_seconds = NumberField<uint32_t>(source, "expiresSeconds", 0);
  operation.attributes = HexField(source, "attributes");
}

Operation ReadOperation(const Napi::Object& source) {
  Operation operation;
  operation.kind = KindField(source);
  if (operation.kind == OperationKind::kLinkDelGroup) {
    operation.group = NumberField<uint32_t>(source, "group", 0);
    return operation;
  }
  operation.dev = StringField(source, "dev");
  if (operation.kind <= OperationKind::kLinkDel) {
    ReadLinkFields(source, operation);
    return operation;
  }
  operation.prefix_length = static_cast<uint8_t>(NumberField<uint8_t>(source, "prefixLength", 255));
  ReadCommonFields(source, operation);
  bool is_address = operation.kind <= OperationKind::kAddrDel;
  is_address ? ReadAddressFields(source, operation) : ReadRouteFields(source, operation);
  return operation;
}

Napi::Value NetlinkApply(const Napi::CallbackInfo& info) {
  Napi::Array array = ArrayField(RequestObject(info), "operations");
  std::vector<Operation> operations;
  operations.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    Napi::HandleScope scope(info.Env());
    operations.push_back(ReadOperation(ElementObject(array, i, "operations")));
  }
  return AsyncTask<Outcomes>::Run(
      info.Env(), [operations = std::move(operations)] { return netlink::Apply(operations); },
      ToOutcomes);
}

const char* StateName(netlink::DadState state) {
  if (state == netlink::DadState::kMissing) return "missing";
  return state == netlink::DadState::kTentative ? "tentative" : "dadfailed";
}

Napi::Object DadRecord(Napi::Env env, const netlink::DadResult& result) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("dev", result.address.dev);
  record.Set("address", result.address.address);
  record.Set("state", StateName(result.state));
  return record;
}

Napi::Value NetlinkAwaitDad(const Napi::CallbackInfo& info) {
  using Results = std::vector<netlink::DadResult>;
  Napi::Object request = RequestObject(info);
  Napi::Array array = ArrayField(request, "addresses");
  std::vector<netlink::DadAddress> addresses;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    Napi::Object source = ElementObject(array, i, "addresses");
    addresses.push_back({StringField(source, "dev"), StringField(source, "address")});
  }
  std::chrono::milliseconds timeout(NumberField<uint32_t>(request, "timeoutMs", 0));
  return ThreadTask<Results>::Run(
      info.Env(), "netlinkAwaitDad",
      [addresses = std::move(addresses), timeout](int cancel_fd) {
        return netlink::AwaitDad(addresses, timeout, cancel_fd);
      },
      [](Napi::Env env, Results& results) { return RecordArray(env, results, DadRecord); });
}

Napi::Value NetlinkAwaitNeighbours(const Napi::CallbackInfo& info) {
  using Texts = std::vector<std::string>;
  Napi::Object request = RequestObject(info);
  std::string dev = StringField(request, "dev");
  Texts addresses;
  Napi::Array array = ArrayField(request, "addresses");
  for (uint32_t i = 0; i < array.Length(); ++i) {
    if (!array.Get(i).IsString()) throw Napi::TypeError::New(info.Env(), "an address is a string");
    addresses.push_back(array.Get(i).As<Napi::String>());
  }
  std::chrono::milliseconds timeout(NumberField<uint32_t>(request, "timeoutMs", 0));
  return ThreadTask<Texts>::Run(
      info.Env(), "netlinkAwaitNeighbours",
      [dev, addresses = std::move(addresses), timeout](int cancel_fd) {
        return netlink::AwaitNeighbours(dev, addresses, timeout, cancel_fd);
      },
      [](Napi::Env env, Texts& texts) -> Napi::Value {
        Napi::Array result = Napi::Array::New(env, texts.size());
        for (size_t i = 0; i < texts.size(); ++i) result.Set(static_cast<uint32_t>(i), texts[i]);
        return result;
      });
}

// netlinkAwaitAddress({devices, timeoutMs}): resolves to an IPv6 address as text, or null.
Napi::Value NetlinkAwaitAddress(const Napi::CallbackInfo& info) {
  using Found = std::optional<netlink::Address>;
  Napi::Object request = RequestObject(info);
  std::vector<std::string> devices = StringsField(request, "devices");
  std::chrono::milliseconds timeout(NumberField<uint32_t>(request, "timeoutMs", 0));
  return ThreadTask<Found>::Run(
      info.Env(), "netlinkAwaitAddress",
      [devices = std::move(devices), timeout](int cancel_fd) {
        return netlink::AwaitAddress(devices, timeout, cancel_fd);
      },
      [](Napi::Env env, Found& found) -> Napi::Value {
        if (!found) return env.Null();
        return Napi::String::New(env, found->address);
      });
}

}  // namespace

void RegisterNetlink(Napi::Env env, Napi::Object exports) {
  exports.Set("netlinkDump", Napi::Function::New(env, NetlinkDump, "netlinkDump"));
  exports.Set("netlinkApply", Napi::Function::New(env, NetlinkApply, "netlinkApply"));
  exports.Set("netlinkAwaitAddress",
              Napi::Function::New(env, NetlinkAwaitAddress, "netlinkAwaitAddress"));
  exports.Set("netlinkAwaitDad", Napi::Function::New(env, NetlinkAwaitDad, "netlinkAwaitDad"));
  exports.Set("netlinkAwaitNeighbours",
              Napi::Function::New(env, NetlinkAwaitNeighbours, "netlinkAwaitNeighbours"));
}

}  // namespace slapos::binding
