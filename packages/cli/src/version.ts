/** The same as in package.json; version.test.ts holds it to that. */
export const VERSION = "0.1.0";
