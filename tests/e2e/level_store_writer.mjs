// @ts-check
/**
 * Writes to a LevelStore until it is killed: level_store_kill.test.ts is the other half.
 * `node level_store_writer.mjs <directory>`. Prints the number of each acknowledged transaction.
 */
import { writeSync } from "node:fs";
import { make_hobject } from "../../packages/common/dist/index.js";
import { LevelStore } from "../../packages/osd/dist/io/LevelStore.js";
import { Transaction } from "../../packages/osd/dist/store/Transaction.js";

const C = "1.0_head";
const LOG = make_hobject({ pool: 1, hash: 0, oid: "" });
const OBJECTS = 20;
const DEPTH = 40;

const store = new LevelStore({ path: process.argv[2] ?? "" });
await store.mount();
if (!store.collection_exists(C)) {
  const t = new Transaction();
  t.create_collection(C);
  t.touch(C, LOG);
  store.queue_transaction(t);
}
const text = (/** @type {Uint8Array | undefined} */ b) => Number(new TextDecoder().decode(b));
let n = text(store.omap_get_values(C, LOG, ["head"])?.get("head"));
for (let i = 0; i < DEPTH; i++) next();

/** Each touches an object in many stripes, its attribute and the log: all or nothing. */
function next() {
  const i = ++n;
  const number = new TextEncoder().encode(String(i));
  const o = make_hobject({ pool: 1, hash: i % OBJECTS, oid: `o${i % OBJECTS}` });
  const t = new Transaction();
  t.truncate(C, o, 0);
  t.write(C, o, 0, new Uint8Array(1000 + ((i * 7919) % 90_000)).fill(i % 251));
  t.setattr(C, o, "_", number);
  t.omap_setkeys(C, LOG, new Map([[String(i).padStart(12, "0"), number]]));
  t.omap_setkeys(C, LOG, new Map([["head", number]]));
  store.queue_transaction(t, () => {
    writeSync(1, `${i}\n`);
    next();
  });
}
