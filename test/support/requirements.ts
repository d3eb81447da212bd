/** Whether GANTRY_REQUIRE lists a name, separated by commas: what is listed there must not be skipped. */
export function isRequired(name: string): boolean {
  return (process.env['GANTRY_REQUIRE'] ?? '').split(',').includes(name);
}

/**
 * Whether the tests have what they need of this machine.
 * @param name as listed in GANTRY_REQUIRE
 * @param provides looks whether the machine has it
 * @throws Error if it is required and not there
 */
export function isProvided(name: string, provides: () => boolean): boolean {
  if (provides()) return true;
  if (isRequired(name)) throw new Error(`GANTRY_REQUIRE lists ${name}, which this machine does not provide`);
  return false;
}
