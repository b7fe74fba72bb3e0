export type { DecodeResult, ErasureCode, ErasureCodeProfile } from "./ErasureCode.ts";
export { create_erasure_code } from "./profile.ts";
export {
  type ExtentPair,
  ecutil_decode_concat,
  ecutil_encode,
  stripe_info_t,
} from "./stripe_info_t.ts";
