/**
 * Whether the tests have what they need of this machine.
 * @param name as listed in GANTRY_REQUIRE, separated by commas: what is listed there must not be skipped
 * @param provides looks whether the machine has it
 * @throws Error if it is required and not there
 */
export function isProvided(name: string, provides: () => boolean): boolean {
  if (provides()) return true;
  const required = (process.env['GANTRY_REQUIRE'] ?? '').split(',');
  if (required.includes(name)) throw new Error(`GANTRY_REQUIRE lists ${name}, which this machine does not provide`);
  return false;
}
