// Loaded before a command by compile-cache.mjs: writes, when it ends, the compiled form of each
// bundle that it loaded, with the functions that it called.
const { writeFileSync } = require('node:fs');
const v8 = require('node:v8');
const vm = require('node:vm');

/** Scripts by path, and whether they were compiled after `loadHttp` changed V8's flags. */
const kept = new Map();
let isFlagged = false;

const { setFlagsFromString } = v8;
v8.setFlagsFromString = (flags) => {
  setFlagsFromString(flags);
  isFlagged = true;
};
vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options);
    if (options.filename?.endsWith('.code.js')) kept.set(options.filename, [this, isFlagged]);
  }
};
process.on('exit', () => {
  for (const [filename, [script, wasFlagged]] of kept) {
    // V8 takes nothing that was made with other flags than it has when loading it.
    setFlagsFromString(wasFlagged ? '--liftoff-only' : '--no-liftoff-only');
    writeFileSync(filename.replace(/\.js$/, '.bin'), script.createCachedData());
  }
});
