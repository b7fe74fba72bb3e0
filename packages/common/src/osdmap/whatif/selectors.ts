/**
 * Words that name OSDs: `osd.3`, `3`, `host=b` (any CRUSH type), `class=ssd`, or the name of a
 * bucket.
 */
import type { CrushWrapper } from "../../crush/CrushWrapper.ts";
import type { OSDMap } from "../OSDMap.ts";
import { WhatifInputError } from "./errors.ts";

const OSD = /^(?:osd\.)?(\d{1,9})$/;

/**
 * The OSDs that `text` names, ascending, each once; several selectors are separated by commas or
 * blanks. Throws WhatifInputError for a word that names nothing, or no OSD that exists.
 */
export function select_osds(map: OSDMap, text: string): number[] {
  const words = text.split(/[\s,]+/).filter((w) => w !== "");
  if (words.length === 0) throw new WhatifInputError("EINVAL", "no OSD is named");
  const found = new Set(words.flatMap((w) => select_word(map, w)));
  return [...found].sort((a, b) => a - b);
}

function select_word(map: OSDMap, word: string): readonly number[] {
  const id = OSD.exec(word)?.[1];
  if (id !== undefined) return [existing_osd(map, Number(id), word)];
  const eq = word.indexOf("=");
  if (eq < 0) return below(map, bucket_called(map.crush, word), word);
  const [type, name] = [word.slice(0, eq), word.slice(eq + 1)];
  if (type === "osd") return select_word(map, name);
  if (type === "class") return of_class(map, name, word);
  return below(map, bucket_of_type(map.crush, type, name), word);
}

function existing_osd(map: OSDMap, osd: number, word: string): number {
  if (map.exists(osd)) return osd;
  const why = osd < map.max_osd ? "does not exist" : `is not below max_osd ${map.max_osd}`;
  const all = map.get_all_osds().map((o) => `osd.${o}`);
  throw new WhatifInputError("ENOENT", `osd.${osd} ${why}`, word, all);
}

function below(map: OSDMap, bucket: number, word: string): number[] {
  const osds = map.crush.get_leaves(bucket).filter((o) => map.exists(o));
  if (osds.length > 0) return osds;
  throw new WhatifInputError("ENOENT", `'${word}' holds no OSD that exists`);
}

/** Names of buckets, shadow ones left out, by id from -1 downwards. */
function bucket_names(crush: CrushWrapper, type?: number): string[] {
  const ids = [...crush.map.buckets.keys()].filter((id) => !crush.is_shadow_item(id));
  const wanted = ids.filter((id) => type === undefined || crush.get_item_type(id) === type);
  return wanted.sort((a, b) => b - a).flatMap((id) => crush.get_item_name(id) ?? []);
}

function bucket_called(crush: CrushWrapper, name: string): number {
  const id = crush.get_item_id(name);
  if (id !== undefined && id < 0) return id;
  const message = `nothing in the map is called '${name}'`;
  throw new WhatifInputError("ENOENT", message, name, bucket_names(crush));
}

function bucket_of_type(crush: CrushWrapper, type: string, name: string): number {
  const type_id = crush.get_type_id(type);
  if (type_id === undefined) {
    const types = [...crush.map.type_names.values(), "class"];
    const like = types.map((t) => `${t}=${name}`);
    const word = `${type}=${name}`;
    throw new WhatifInputError("ENOENT", `'${type}' is no type of the CRUSH map`, word, like);
  }
  const id = crush.get_item_id(name);
  if (id !== undefined && crush.get_item_type(id) === type_id) return id;
  const but = id === undefined ? "" : `: '${name}' is a ${type_name_of(crush, id)}`;
  const like = bucket_names(crush, type_id).map((n) => `${type}=${n}`);
  const word = `${type}=${name}`;
  throw new WhatifInputError("ENOENT", `no ${type} is called '${name}'${but}`, word, like);
}
function type_name_of(crush: CrushWrapper, id: number): string {
  return crush.get_type_name(crush.get_item_type(id)) ?? "device";
}

function of_class(map: OSDMap, name: string, word: string): number[] {
  const osds = map.get_all_osds().filter((o) => map.crush.get_item_class(o) === name);
  if (osds.length > 0) return osds;
  const classes = [...new Set(map.crush.map.class_names.values())].sort();
  const why = classes.includes(name) ? `'${word}' holds no OSD that exists` : "";
  const like = classes.map((c) => `class=${c}`);
  throw new WhatifInputError("ENOENT", why || `no device class '${name}'`, word, like);
}
