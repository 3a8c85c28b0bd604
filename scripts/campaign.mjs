#!/usr/bin/env node
// Runs one campaign of test/campaign/: `npm run campaign -- NAME [...]`, the long one with
// CAMPAIGN=full in the environment. Needs root.
import { runBundled } from './run-bundled.mjs';

await runBundled('campaign', 'test/campaign');
