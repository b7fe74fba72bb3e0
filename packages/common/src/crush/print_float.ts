/** A number as C++ streams print it: so many significant digits, no trailing zeros. */
export function print_ostream_float(v: number, digits = 6): string {
  if (v === 0) return "0";
  if (Number.isNaN(v)) return "-nan";
  if (!Number.isFinite(v)) return v < 0 ? "-inf" : "inf";
  const [mantissa = "", exponent] = to_exponential(v, digits).split("e");
  const e = Number(exponent);
  if (e < -4 || e >= digits) {
    const short = mantissa.replace(/\.?0+$/, "");
    return `${short}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  }
  const fixed = shift_point(mantissa, e);
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}

/** Like toExponential, but a tie goes to the even digit, as in C, where JavaScript goes up. */
function to_exponential(v: number, digits: number): string {
  // A tie has a 5 behind the last digit, and nothing behind that.
  const exact = v.toExponential(Math.min(100, digits + 60));
  const [mantissa = "", exponent = ""] = exact.split("e");
  const tie = /^-?\d\.?\d*[02468]$/.test(mantissa.slice(0, cut_at(mantissa, digits)));
  const rest = mantissa.slice(cut_at(mantissa, digits));
  if (!tie || !/^\.?50*$/.test(rest)) return v.toExponential(digits - 1);
  return `${mantissa.slice(0, cut_at(mantissa, digits))}e${exponent}`;
}
/** Where so many digits of a mantissa end. */
function cut_at(mantissa: string, digits: number): number {
  return (mantissa.startsWith("-") ? 1 : 0) + digits + (digits > 1 ? 1 : 0);
}
/** d.ddd times 10 to the power of e, -4 <= e <= number of digits. */
function shift_point(mantissa: string, e: number): string {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const all = mantissa.replace(/[-.]/g, "");
  if (e < 0) return `${sign}0.${"0".repeat(-e - 1)}${all}`;
  const whole = all.slice(0, e + 1);
  const rest = all.slice(e + 1);
  return `${sign}${whole}${rest === "" ? "" : `.${rest}`}`;
}
