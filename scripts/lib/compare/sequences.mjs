// @ts-check
/**
 * The failure sequences of scripts/compare-ceph.mjs. Each is told once and played on both clusters:
 * the steps are those of Side.mjs. A step follows when what it builds on can be seen, and each
 * `observe` notes a state in which the PG stays until the next step.
 */
import { clean, has } from "./Side.mjs";

/** @typedef {import("./Side.mjs").Side} Side */
/** @typedef {import("./observe.mjs").Query} Query */
/** @typedef {{ about: string, osds: number, conf: string[], play: (c: Side) => Promise<void> }} Sequence */

/** Logs that a few writes outrun: whoever has less is backfilled. */
const SHORT_LOGS = [
  "osd_min_pg_log_entries = 2",
  "osd_max_pg_log_entries = 2",
  "osd_pg_log_trim_min = 1",
];
/** Nothing may be misplaced, so pgp_num stays behind pg_num until a step raises it. */
const PGP_NUM_STAYS = ["target_max_misplaced_ratio = 0"];
/** @type {Readonly<Record<string, Sequence>>} */
export const SEQUENCES = {
  down: { about: "the only OSD with the newest writes is away", osds: 2, conf: [], play: down },
  incomplete: {
    about: "the only whole copy is lost while the other is being backfilled",
    osds: 2,
    conf: SHORT_LOGS,
    play: incomplete,
  },
  undersized: {
    about: "two of three OSDs go, one after the other",
    osds: 3,
    conf: [],
    play: undersized,
  },
  remapped: {
    about: "pg_temp keeps the old set while the new is filled",
    osds: 4,
    conf: SHORT_LOGS,
    play: remapped,
  },
  unfound: { about: "objects whose only copy is away", osds: 2, conf: [], play: unfound },
  split: {
    about: "pg_num grows from 1 to 4 while an OSD is away",
    osds: 3,
    conf: PGP_NUM_STAYS,
    play: split,
  },
};

/** @param {string} prefix @param {number} n */
function names(prefix, n) {
  return Array.from({ length: n }, (_, i) => `${prefix}-${i}`);
}
/** @param {number | undefined} osd */
function id(osd) {
  if (osd === undefined) throw new Error("CRUSH found too few OSDs for the PG");
  return osd;
}
/** A condition, with a name for when it is not met. @param {...string} words */
function in_state(...words) {
  const what = (/** @type {Query} */ q) => has(q, ...words);
  Object.defineProperty(what, "name", { value: words.join("+") });
  return what;
}
/** @param {number[]} acting @param {...string} words */
function on(acting, ...words) {
  const set = JSON.stringify(acting);
  const what = (/** @type {Query} */ q) => has(q, ...words) && JSON.stringify(q.acting) === set;
  Object.defineProperty(what, "name", { value: `${words.join("+")} on ${set}` });
  return what;
}

/** @param {Side} c */
async function down(c) {
  const up = await c.pool({ size: 2, min_size: 1 });
  const [a, b] = [id(up[0]), id(up[1])];
  await c.write(names("o", 5));
  await c.observe("all there", "1.0");
  await c.kill(b);
  await c.pg("1.0", on([a], "active", "undersized"));
  await c.write([...names("o", 2), ...names("alone", 3)]);
  await c.observe(`osd.${b} away, writes on osd.${a} alone`, "1.0");
  await c.kill(a);
  await c.start_osd(b);
  await c.pg("1.0", on([b], "down"));
  await c.observe(`osd.${a} away, osd.${b} back`, "1.0");
  await c.start_osd(a);
  await c.pg("1.0", clean);
  await c.observe("both back", "1.0");
}

/** @param {Side} c */
async function incomplete(c) {
  const up = await c.pool({ size: 2, min_size: 1 });
  const [a, b] = [id(up[0]), id(up[1])];
  await c.write(names("o", 6));
  await c.kill(b);
  await c.pg("1.0", on([a], "active", "undersized"));
  await c.write(names("alone", 6));
  await c.ceph("osd", "set", "nobackfill");
  await c.start_osd(b);
  await c.pg("1.0", on([a], "active", "remapped", "backfilling"));
  await c.observe(`osd.${b} is to be backfilled (nobackfill)`, "1.0");
  await c.kill(a);
  await c.pg("1.0", on([b], "down"));
  await c.observe(`osd.${a} away`, "1.0");
  await c.ceph("osd", "lost", String(a), "--yes-i-really-mean-it");
  await c.pg("1.0", on([b], "incomplete"));
  await c.observe(`osd.${a} declared lost`, "1.0");
  await c.ceph("osd", "unset", "nobackfill");
  await c.start_osd(a);
  await c.pg("1.0", clean);
  await c.observe(`osd.${a} turned up after all`, "1.0");
}

/** @param {Side} c */
async function undersized(c) {
  const up = await c.pool({ size: 3, min_size: 2 });
  const [a, b, d] = [id(up[0]), id(up[1]), id(up[2])];
  await c.write(names("o", 5));
  await c.kill(d);
  await c.pg("1.0", on([a, b], "active", "undersized", "degraded"));
  await c.write(names("two", 5));
  await c.observe(`osd.${d} away`, "1.0");
  await c.kill(a);
  await c.pg("1.0", on([b], "peered", "undersized", "degraded"));
  await c.observe(`osd.${a} away too: fewer than min_size`, "1.0");
  await c.start_osd(d);
  await c.pg("1.0", (q) => q.state === "active+undersized+degraded");
  await c.observe(`osd.${d} back and recovered`, "1.0");
  await c.start_osd(a);
  await c.pg("1.0", clean);
  await c.observe("all back", "1.0");
}

/** @param {Side} c */
async function remapped(c) {
  const up = await c.pool({ size: 3, min_size: 2 });
  const out = id(up[1]);
  await c.write(names("o", 6));
  await c.ceph("osd", "set", "nobackfill");
  await c.ceph("osd", "out", String(out));
  await c.pg("1.0", in_state("active", "remapped", "backfilling"));
  await c.observe(`osd.${out} out (nobackfill): the old set acts by pg_temp`, "1.0");
  await c.write(names("o", 3));
  await c.kill(out);
  await c.pg("1.0", in_state("active", "remapped", "backfilling", "degraded"));
  await c.observe(`osd.${out} gone too`, "1.0");
  await c.ceph("osd", "unset", "nobackfill");
  await c.pg("1.0", clean);
  await c.observe("backfilled: pg_temp withdrawn", "1.0");
}

/** @param {Side} c */
async function unfound(c) {
  const up = await c.pool({ size: 2, min_size: 1 });
  const [a, b] = [id(up[0]), id(up[1])];
  await c.write(names("o", 4));
  await c.kill(b);
  await c.pg("1.0", on([a], "active", "undersized"));
  await c.write([...names("o", 2), "alone"]);
  await c.ceph("osd", "set", "norecover");
  await c.start_osd(b);
  await c.pg("1.0", on(up, "active", "degraded"));
  await c.observe(`osd.${b} back, to be recovered (norecover)`, "1.0");
  await c.kill(a);
  await c.pg("1.0", on([b], "active", "undersized", "degraded"));
  await c.observe(`osd.${a} away (norecover)`, "1.0");
  await c.ceph("osd", "unset", "norecover");
  await c.pg("1.0", on([b], "active", "recovery_unfound"));
  await c.observe(`osd.${a} away, nothing left to recover`, "1.0");
  await c.start_osd(a);
  await c.pg("1.0", clean);
  await c.observe("both back", "1.0");
}

/** @param {Side} c */
async function split(c) {
  const up = await c.pool({ size: 3, min_size: 2 });
  const pgids = ["1.0", "1.1", "1.2", "1.3"];
  const away = id(up[2]);
  await c.write(names("o", 6));
  await c.kill(away);
  await c.pg("1.0", on(up.slice(0, 2), "active", "undersized"));
  await c.write(names("two", 6));
  await c.split_to(pgids.length);
  for (const pgid of pgids) await c.pg(pgid, on(up.slice(0, 2), "active", "undersized"));
  for (const pgid of pgids) await c.observe(`split without osd.${away}`, pgid);
  await c.start_osd(away);
  for (const pgid of pgids) await c.pg(pgid, clean);
  for (const pgid of pgids) await c.observe(`osd.${away} back: it split what it has`, pgid);
  await c.place_by(pgids.length);
  for (const pgid of pgids) await c.pg(pgid, clean);
  for (const pgid of pgids) await c.observe("placed by pgp_num 4", pgid);
}
