/** Colours: on a terminal only, and only where a person looks first. */
const CODES = { green: 32, yellow: 33, red: 31, bold: 1, dim: 2 } as const;
export type Colour = keyof typeof CODES;
export type Paint = (text: string, colour: Colour) => string;

export const NO_PAINT: Paint = (text) => text;
export const ANSI_PAINT: Paint = (text, colour) => `\x1b[${CODES[colour]}m${text}\x1b[0m`;

export function health_colour(status: string): Colour {
  if (status === "HEALTH_OK") return "green";
  return status === "HEALTH_ERR" ? "red" : "yellow";
}
