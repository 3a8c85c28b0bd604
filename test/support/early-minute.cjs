// Loaded before a program: its clock stands three seconds before a full minute when it starts, so
// that what happens each minute happens soon.
const realNow = Date.now;
const MINUTE_MS = 60_000;
const offsetMs = MINUTE_MS - 3_000 - (realNow() % MINUTE_MS);
Date.now = () => realNow() + offsetMs;
