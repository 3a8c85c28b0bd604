// Has a program fail as by a bug of its own, at a moment that a test chooses.
process.on('SIGUSR2', () => {
  throw new Error('a bug of the test');
});
