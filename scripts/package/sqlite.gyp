# better-sqlite3 for one Node, with SQLite compiled before: it is the same for each of them.
{
  "targets": [
    {
      "target_name": "better_sqlite3",
      "sources": ["src/better_sqlite3.cpp"],
      "include_dirs": ["deps/sqlite3"],
      # Comes before the header of the same name and guard that Node has.
      "cflags_cc": ["-std=c++20", "-O3", "-include", "<(module_root_dir)/node_object_wrap.h"],
      "defines": ["NDEBUG"],
      "ldflags": ["-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL"],
      "libraries": ["<(module_root_dir)/sqlite3.o"]
    }
  ]
}
