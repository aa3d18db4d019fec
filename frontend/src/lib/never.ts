/**
 * The end of a switch that handles every case: what it does not handle does not compile, and a value that no server of
 * this version sends is an error with its name.
 */
export function never(value: never): never {
  throw new Error(`Nothing here knows ${JSON.stringify(value)}.`);
}
