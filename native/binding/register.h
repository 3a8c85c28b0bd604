#pragma once

#include <napi.h>

// One function per area: each adds the exports of its file to the addon.
namespace slapos::binding {

void RegisterAccount(Napi::Env env, Napi::Object exports);
void RegisterCapabilities(Napi::Env env, Napi::Object exports);
void RegisterDisk(Napi::Env env, Napi::Object exports);
void RegisterNetlink(Napi::Env env, Napi::Object exports);
void RegisterTuntap(Napi::Env env, Napi::Object exports);
void RegisterSpawn(Napi::Env env, Napi::Object exports);
void RegisterFile(Napi::Env env, Napi::Object exports);
void RegisterLook(Napi::Env env, Napi::Object exports);
void RegisterLog(Napi::Env env, Napi::Object exports);
void RegisterMemory(Napi::Env env, Napi::Object exports);
void RegisterProc(Napi::Env env, Napi::Object exports);
void RegisterKeeper(Napi::Env env, Napi::Object exports);
void RegisterSocket(Napi::Env env, Napi::Object exports);

}  // namespace slapos::binding
