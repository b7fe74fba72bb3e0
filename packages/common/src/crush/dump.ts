import type { CrushWrapper } from "./CrushWrapper.ts";
export function crush_dump(_c: CrushWrapper): Record<string, unknown> {
  throw new Error("not yet");
}
