/** A number as C++ streams print it by default: six significant digits, no trailing zeros. */
export function print_ostream_float(v: number): string {
  if (v === 0) return "0";
  if (Number.isNaN(v)) return "-nan";
  if (!Number.isFinite(v)) return v < 0 ? "-inf" : "inf";
  const [mantissa = "", exponent] = v.toExponential(5).split("e");
  const e = Number(exponent);
  if (e < -4 || e >= 6) {
    const digits = mantissa.replace(/\.?0+$/, "");
    return `${digits}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  }
  const fixed = v.toFixed(5 - e);
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}
