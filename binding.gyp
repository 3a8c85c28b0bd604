{
  "variables": {
    # The BPF sampler of processes is optional: it needs clang and the headers of libbpf to be built.
    "has_bpf%": "<!(command -v clang >/dev/null && test -e /usr/include/bpf/libbpf.h && echo 1 || echo 0)",
    "core_sources": ["<!@(find native/core -name '*.cc' ! -path '*/bpf/*' | LC_ALL=C sort)"],
    "strict_flags": [
      "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wno-restrict",
      "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-fvisibility=hidden"
    ]
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["<@(strict_flags)"],
    "cflags": ["-O2"],
    "defines": ["_GNU_SOURCE"]
  },
  "targets": [
    {
      "target_name": "slapos_native",
      "sources": [
        "native/addon.cc",
        "<!@(find native/binding -name '*.cc' | LC_ALL=C sort)",
        "<@(core_sources)"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        # A worker that is terminated must not take the process along.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ]
    },
    {
      "target_name": "slapos-supervisord",
      "type": "executable",
      "defines": ["SLAPOS_VERSION=\"<!(node -p \"require('./package.json').version\")\""],
      "sources": [
        "<!@(find native/keeper native/core/cgroup native/core/channel native/core/confine native/core/file native/core/proc native/core/spawn native/core/sys -name '*.cc' | LC_ALL=C sort)"
      ],
      "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections"],
      "libraries": ["-lpthread"]
    }
  ],
  "conditions": [
    ["has_bpf==1", {
      "targets": [
        {
          "target_name": "slapos_bpf",
          "sources": [
            "native/bpf_addon.cc", "native/binding/async.cc",
            "<!@(find native/core/bpf native/core/sys -name '*.cc' | LC_ALL=C sort)"
          ],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": [
            "NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL",
            "NODE_ADDON_API_DISABLE_DEPRECATED",
            "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
          ],
          "libraries": ["-lbpf"],
          "actions": [
            {
              "action_name": "task_iter",
              "inputs": [
                "native/core/bpf/task_iter.bpf.c", "native/core/bpf/kernel_types.h",
                "native/core/bpf/task_record.h"
              ],
              "outputs": ["<(PRODUCT_DIR)/slapos_task_iter.bpf.o"],
              "action": [
                "clang", "-O2", "-g", "-target", "bpf", "-Wall", "-Werror",
                # Not the folder of the machine that built it.
                "-fdebug-compilation-dir=.",
                "-c", "native/core/bpf/task_iter.bpf.c", "-o", "<@(_outputs)"
              ]
            }
          ]
        }
      ]
    }]
  ]
}
