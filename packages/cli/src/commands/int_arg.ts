import { InvalidArgumentError } from "commander";

/** Parser of a whole number in [min, max] for commander. */
export function int_arg(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < min || n > max) {
      const range =
        max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
      throw new InvalidArgumentError(`want a whole number ${range}`);
    }
    return n;
  };
}
