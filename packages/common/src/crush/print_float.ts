/** A number as C++ streams print it: so many significant digits, no trailing zeros. */
export function print_ostream_float(v: number, digits = 6): string {
  if (v === 0) return "0";
  if (Number.isNaN(v)) return "-nan";
  if (!Number.isFinite(v)) return v < 0 ? "-inf" : "inf";
  const [mantissa = "", exponent] = v.toExponential(digits - 1).split("e");
  const e = Number(exponent);
  if (e < -4 || e >= digits) {
    const short = mantissa.replace(/\.?0+$/, "");
    return `${short}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  }
  const fixed = v.toFixed(digits - 1 - e);
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}
