#!/usr/bin/env node
// Runs one benchmark of bench/: `npm run bench -- NAME [--json] [...]`.
import { runBundled } from './run-bundled.mjs';

await runBundled('bench', 'bench');
