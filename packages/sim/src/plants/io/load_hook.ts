/**
 * Module loader hook: the file of the plant is changed on its way into the process. Runs in the
 * loader's own thread; see plant.ts.
 */
import type { InitializeHook, LoadHook } from "node:module";
import { apply_plant, find_plant, type Plant } from "../plants.ts";

let planted: Plant | undefined;

export const initialize: InitializeHook<string> = (name) => {
  planted = find_plant(name);
};

export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context);
  if (!planted || !url.endsWith(`/packages/${planted.file}`)) return loaded;
  const source = loaded.source;
  const text = typeof source === "string" ? source : new TextDecoder().decode(source ?? undefined);
  return { ...loaded, source: apply_plant(planted, text) };
};
