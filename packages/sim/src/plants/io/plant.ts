/** `--plant NAME`: must run before the module that is changed is imported for the first time. */
import { register } from "node:module";
import { find_plant } from "../plants.ts";

/** False: no plant has that name. */
export function plant(name: string): boolean {
  if (!find_plant(name)) return false;
  register("./load_hook.js", { parentURL: import.meta.url, data: name });
  return true;
}
